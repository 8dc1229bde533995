// Hints as the router takes them. A list that a function gives is cut to what can be sent, because one bad name must not silence the others.
import { LIMITS } from "./limits.ts";

const PRINTABLE = /^[\u0020-\u007e]+$/;

/** Why a text can't be a hint; null: it can. */
export function hintFault(hint: string): string | null {
  if (hint === "") return "is empty or no text";
  if (hint.length > LIMITS.hintLength) return `is longer than ${LIMITS.hintLength} characters`;
  if (!PRINTABLE.test(hint)) return "holds a character outside U+0020 to U+007E";
  return hint.includes(",") ? "holds a comma" : null;
}

/** The hints that can be sent, once each, and what is wrong with the rest. */
export function sendable(list: readonly unknown[]): { readonly hints: string[]; readonly faults: readonly string[] } {
  const hints = new Set<string>();
  const faults: string[] = [];
  for (const its of list) {
    const hint = typeof its === "string" ? its.trim() : "";
    const fault = hintFault(hint);
    if (fault === null) hints.add(hint);
    else faults.push(`the hint ${JSON.stringify(hint.slice(0, 64))} ${fault}, so it is left out`);
  }
  const sent = [...hints];
  if (sent.length > LIMITS.hints) faults.push(`there are ${sent.length} hints, of which the first ${LIMITS.hints} are sent`);
  return { hints: sent.slice(0, LIMITS.hints), faults };
}
