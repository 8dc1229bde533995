// What a page says, and how much of it was read.
import type { Random } from "../../../bench/simulate/random.ts";
import type { Language } from "../languages.ts";
import { WORDS } from "./words.ts";

/** Eight lines on average: to read them takes about one and a half times as long as a load, as on the fleet that README.md's simulation is shaped like. */
const LINES = { least: 4, most: 12 } as const;
const WORDS_A_LINE = 6;
/** Of a page's words that must be in the text for the page to count as recognised. */
export const RECOGNISED_SHARE = 0.9;

export function linesIn(language: Language, random: Random): string[] {
  const words = WORDS[language];
  const lines = LINES.least + Math.floor(random() * (LINES.most - LINES.least + 1));
  const word = () => words[Math.floor(random() * words.length)] ?? "";
  return Array.from({ length: lines }, () => Array.from({ length: WORDS_A_LINE }, word).join(" "));
}

/** The share of the page's words that are in the text, each as often as on the page. */
export function shareRead(lines: readonly string[], text: string): number {
  const left = new Map<string, number>();
  for (const word of wordsOf(text)) left.set(word, (left.get(word) ?? 0) + 1);
  const asked = wordsOf(lines.join(" "));
  const found = asked.filter((word) => {
    const count = left.get(word) ?? 0;
    left.set(word, count - 1);
    return count > 0;
  });
  return found.length / asked.length;
}

/** NFKC, because some models write µ, the micro sign, for the Greek letter. */
function wordsOf(text: string): string[] {
  return text
    .normalize("NFKC")
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
}
