// Hints as text: what a client asks for, what a replica advertises. A hint is opaque: nothing knows what a model is. Only
// estimates.ts looks into one, to guess how long a new one takes.
import { BOUNDS } from "../limits.ts";
import { LIMITS } from "../routing/limits.ts";

/** U+0020 to U+007E: the runtime shows every other byte of a header as one replacement character, so they can't be told apart. */
const PRINTABLE = /^[\u0020-\u007e]+$/;

export type HintsResult =
  | { readonly ok: true; readonly hints: readonly string[] }
  | { readonly ok: false; readonly detail: string };

/** Why a text can't be a hint, or null when it can: 1 to 512 printable ASCII characters without a comma. O(length). */
export function hintFault(hint: string): string | null {
  if (hint.length === 0) return "is empty";
  if (hint.length > BOUNDS.hintLength) return `is longer than ${BOUNDS.hintLength} characters`;
  if (!PRINTABLE.test(hint)) return "holds a character outside U+0020 to U+007E";
  if (hint.includes(",")) return "holds a comma, which separates hints";
  return null;
}

/**
 * The hints of a request, most preferred first: header values in setting order, split at commas, trimmed, without empty elements
 * and duplicates. A hint that is none, or more than 8 of them, is an error that says which.
 */
export function parseRequestHints(headerValues: readonly string[]): HintsResult {
  const hints = new Set<string>();
  for (const element of elementsOf(headerValues.join(","))) {
    const fault = hintFault(element);
    if (fault !== null) return { ok: false, detail: `a hint ${fault}` };
    hints.add(element);
    if (hints.size > BOUNDS.hintsPerRequest) return { ok: false, detail: `more than ${BOUNDS.hintsPerRequest} hints` };
  }
  return { ok: true, hints: [...hints] };
}

/**
 * The list in a replica's `X-Fal-Runner-Hints`. Never fails, because the answer it came with must not suffer: elements that
 * can't be hints are skipped, and so is everything after the first 256. Empty text is an empty list: the replica specialises and
 * holds nothing.
 */
export function parseInBandHints(header: string): readonly string[] {
  const hints = new Set<string>();
  for (const element of elementsOf(header)) {
    if (hintFault(element) !== null) continue;
    hints.add(element);
    if (hints.size === LIMITS.hintsPerReplica) break;
  }
  return [...hints];
}

function* elementsOf(list: string): Generator<string> {
  for (const raw of list.split(",")) {
    const element = raw.trim();
    if (element !== "") yield element;
  }
}
