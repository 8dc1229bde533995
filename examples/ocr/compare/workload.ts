// Which pages come when: the same seed gives the same pages at the same times, for every way that is compared.
import { seeded, type Random } from "../../../bench/simulate/random.ts";
import { LANGUAGES, type Language } from "../languages.ts";
import { linesIn } from "./text.ts";

export interface Page {
  /** From the start of the run. */
  readonly atMs: number;
  readonly language: Language;
  readonly lines: readonly string[];
}

/** The first of sixteen languages has three pages in ten, as the first hint has of the fleet that README.md's simulation is shaped like. */
const ZIPF_EXPONENT = 1;

/** A Poisson process. Which languages are popular is drawn too, and each page's language independently of the one before. */
export function workload(seed: number, pages: number, perSecond: number): Page[] {
  const random = seeded(seed);
  const next = popularity(random);
  let atMs = 0;
  return Array.from({ length: pages }, () => {
    atMs -= (Math.log(1 - random()) * 1000) / perSecond;
    const language = next();
    return { atMs, language, lines: linesIn(language, random) };
  });
}

function popularity(random: Random): () => Language {
  const ranked = shuffled(LANGUAGES, random);
  const weights = ranked.map((_, index) => (index + 1) ** -ZIPF_EXPONENT);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return () => {
    let drawn = random() * total;
    return ranked.find((_, index) => (drawn -= weights[index] ?? 0) < 0) ?? "eng";
  };
}

function shuffled<T>(values: readonly T[], random: Random): T[] {
  const left = [...values];
  return values.flatMap(() => left.splice(Math.floor(random() * left.length), 1));
}
