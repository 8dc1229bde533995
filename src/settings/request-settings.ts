// The settings that say how a client's request is read: where its hint stands, other names of hints, and which requests take no slot. As in settings.ts, no
// message shows any part of a value.
import * as v from "valibot";
import { BOUNDS } from "../limits.ts";
import { hintOf, type HintAliases } from "../wire/hints.ts";
import { parseJsonPath, type JsonPath } from "../wire/json-member.ts";
import { parseHintPattern, parseRequestPattern, type HintPattern, type RequestPattern } from "../wire/path-pattern.ts";

const JSON_PATH_RULE = `must be a member's name like model, or a JSON pointer like /input/model, of at most ${BOUNDS.hintPathSteps} steps and ${BOUNDS.hintPathLength} characters`;
export const hintFromJson = parsedBy<JsonPath>((text) => {
  const path = text.length > BOUNDS.hintPathLength ? null : parseJsonPath(text);
  return path !== null && path.length <= BOUNDS.hintPathSteps ? path : null;
}, JSON_PATH_RULE);

export const hintFromQuery = v.pipe(
  v.string(),
  v.regex(/^[\w.~:[\]-]+$/, "must be the name of a query's parameter like model: letters, digits and ._~:[]-"),
  v.maxLength(BOUNDS.hintQueryLength, `is longer than ${BOUNDS.hintQueryLength} characters`),
);

const HINT_PATTERN_RULE = `must be a path like /models/{hint}/*, escaped as in a URL, with one {hint} after a /, and with * at the beginning and the end alone; at most ${BOUNDS.pathPatternLength} characters`;
export const hintFromPath = parsedBy<HintPattern>(
  (text) => (text.length > BOUNDS.pathPatternLength ? null : parseHintPattern(text)),
  HINT_PATTERN_RULE,
);

const NO_SLOT_RULE = `must be paths like /health or */v1/models, escaped as in a URL, each with or without a method before it, separated by commas; each has at most ${BOUNDS.pathPatternLength} characters`;
export const noSlot = v.pipe(
  v.string(),
  v.transform((text) => text.split(",").map((element) => element.trim())),
  v.transform((elements) => elements.filter((element) => element !== "")),
  v.maxLength(BOUNDS.noSlotPatterns, `has more than ${BOUNDS.noSlotPatterns} elements`),
  v.rawTransform<string[], readonly RequestPattern[]>(({ dataset, addIssue, NEVER }) => {
    const patterns = dataset.value.map((element) =>
      element.length > BOUNDS.pathPatternLength ? null : parseRequestPattern(element),
    );
    const bad = patterns.indexOf(null);
    if (bad < 0) return patterns.filter((pattern) => pattern !== null);
    addIssue({ message: `${NO_SLOT_RULE}; element ${bad + 1} is not one` });
    return NEVER;
  }),
);

const ALIASES_RULE = 'must be JSON like {"llama3": "llama3:latest"}, from one hint to another';
export const hintAliases = v.pipe(
  v.string(),
  v.rawTransform<string, HintAliases>(({ dataset, addIssue, NEVER }) => {
    const aliases = aliasesIn(dataset.value);
    if (aliases === null) addIssue({ message: ALIASES_RULE });
    else if (aliases.size > BOUNDS.hintAliases) addIssue({ message: `has more than ${BOUNDS.hintAliases} aliases` });
    else if ([...aliases.values()].some((hint) => aliases.has(hint)))
      addIssue({ message: "must not lead from one alias to another: name the last hint itself" });
    else return aliases;
    return NEVER;
  }),
);

/** Null: the text is no JSON object of hints by hints. */
function aliasesIn(text: string): HintAliases | null {
  const aliases = new Map<string, string>();
  try {
    const json: unknown = JSON.parse(text);
    if (typeof json !== "object" || json === null || Array.isArray(json)) return null;
    for (const [alias, hint] of Object.entries(json)) {
      if (typeof hint !== "string" || hintOf(alias) !== alias || hintOf(hint) !== hint) return null;
      aliases.set(alias, hint);
    }
  } catch {
    return null;
  }
  return aliases;
}

function parsedBy<T>(parse: (text: string) => T | null, rule: string) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      const value = parse(dataset.value);
      if (value !== null) return value;
      addIssue({ message: rule });
      return NEVER;
    }),
  );
}
