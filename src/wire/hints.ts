// Hints as text, as clients ask for them and replicas advertise them. A hint is opaque: the router does not know what a model is.
import * as v from "valibot";
import { BOUNDS } from "../limits.ts";
import { LIMITS } from "../routing/limits.ts";

/** U+0020 to U+007E. The runtime shows every other byte of a header as the same replacement character. */
const PRINTABLE = /^[\u0020-\u007e]+$/;

/** What `hintFault` admits, and the empty text, which counts as no hint: printable ASCII but the comma. */
const HINT = `[ -+\\--~]{0,${BOUNDS.hintLength}}`;
/** One hint, and a list of hints with commas, as regular expressions for JSON Schema. */
export const HINT_PATTERN = `^${HINT}$`;
export const HINT_LIST_PATTERN = `^${HINT}(,${HINT}){0,${BOUNDS.hintsPerRequest - 1}}$`;

const HINTS_RULE = `must be up to ${BOUNDS.hintsPerRequest} hints, or one list of them with commas; a hint has up to ${BOUNDS.hintLength} characters U+0020 to U+007E`;

/** Hints as parameters of a query: a parameter for each, or one with a list. The metadata stand for the check. */
export const HintParameters = v.pipe(
  v.array(v.pipe(v.string(), v.regex(new RegExp(HINT_LIST_PATTERN), HINTS_RULE))),
  v.maxLength(BOUNDS.hintsPerRequest, HINTS_RULE),
  v.check((texts) => texts.length === 1 || texts.every((text) => !text.includes(",")), HINTS_RULE),
  v.metadata({ anyOf: [{ maxItems: 1 }, { items: { pattern: HINT_PATTERN } }] }),
  v.description("Hints, the most preferred first. Absent: a request without a hint."),
);

export type HintsResult =
  | { readonly ok: true; readonly hints: readonly string[] }
  | { readonly ok: false; readonly detail: string };

/** Why a text can't be a hint; null: it can. A hint has 1 to 512 printable ASCII characters, and no comma. O(length). */
export function hintFault(hint: string): string | null {
  if (hint.length === 0) return "is empty";
  if (hint.length > BOUNDS.hintLength) return `is longer than ${BOUNDS.hintLength} characters`;
  if (!PRINTABLE.test(hint)) return "holds a character outside U+0020 to U+007E";
  if (hint.includes(",")) return "holds a comma, which separates hints";
  return null;
}

/** The hint that a text is, trimmed; null: it can't be one. O(length). */
export function hintOf(text: string): string | null {
  const hint = text.trim();
  return hintFault(hint) === null ? hint : null;
}

/** Other names of hints, and the hint that each stands for. No hint of the second kind is one of the first. */
export type HintAliases = ReadonlyMap<string, string>;

/** The hints by the names that aliases stand for, each once, in their order. O(hints). */
export function withoutAliases(hints: readonly string[], aliases: HintAliases): readonly string[] {
  return aliases.size === 0 ? hints : [...new Set(hints.map((hint) => aliases.get(hint) ?? hint))];
}

/**
 * The hints of a request, most preferred first: header values in the order of the setting, split at commas, trimmed, without empty elements and
 * duplicates. An element that can't be a hint is an error, and so are more than 8 hints.
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

/** The hints in parameters of a query, as those of a request. */
export function parseHintParameters(values: readonly string[]): HintsResult {
  const result = v.safeParse(HintParameters, values);
  return result.success ? parseRequestHints(result.output) : { ok: false, detail: result.issues[0].message };
}

/**
 * The list in a replica's `X-Fal-Runner-Hints`. Never fails, because the answer with the header must reach the client. Elements that can't be hints are
 * skipped, and so is everything after the first 256. Empty text is an empty list: the replica specialises and holds nothing.
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
