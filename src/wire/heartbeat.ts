// From a heartbeat's JSON to plain data, or to the first field that is wrong. src/control decides which tokens are admitted, src/settings which
// origins. GET /-/openapi.json shows the same schemas, so a regular expression here has no flags and means the same in JSON Schema.
import * as v from "valibot";
import type { Heartbeat } from "../routing/ledger/report.ts";
import { hintFault, HINT_PATTERN } from "./hints.ts";
import { BOUNDS } from "../limits.ts";
import { LIMITS } from "../routing/limits.ts";
import { nearName } from "./near-name.ts";

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly field: string; readonly detail: string };

const APP_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,127})?$/;
const REPLICA_ID = /^[\u0021-\u007e]+$/;
/** No URL can hold these names, however escaped, so the administrator could neither drain nor delete such a replica. */
const DOT_SEGMENTS = [".", ".."];
/**
 * A scheme, a DNS name or bracketed address in ASCII, and a port. The URL parser forgives far more: it drops tabs and line feeds, and takes full-width
 * digits for digits, a backslash for a slash and an empty port for none. A text of this shape has one reading.
 */
const ORIGIN_LABEL = "[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const ORIGIN_SHAPE = new RegExp(
  `^[Hh][Tt][Tt][Pp][Ss]?://(?:${ORIGIN_LABEL}(?:\\.${ORIGIN_LABEL})*|\\[[0-9A-Fa-f:.]+\\])(?::[1-9][0-9]{0,4})?/?$`,
);

/**
 * Origins of that shape that are URLs too, for the document: a DNS name that does not end in a number, or an address as it is mostly written, and a port
 * that there is. Of others, and of labels in Punycode, only the URL parser can say whether they are.
 */
const LAST_LABEL = "[A-Za-z_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?";
const BYTE = "(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])";
const PORT = "(?:[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
const PLAIN_ORIGIN = `^[Hh][Tt][Tt][Pp][Ss]?://(?:(?:${ORIGIN_LABEL}\\.)*${LAST_LABEL}|${BYTE}(?:\\.${BYTE}){3}|\\[::1\\])(?::${PORT})?/?$`;

/** A schema with what docs say of it. */
function described<S extends v.GenericSchema>(schema: S, meaning: string) {
  return v.pipe(schema, v.description(meaning));
}

const count = (min: number, max: number) =>
  v.pipe(
    v.number("must be a number"),
    v.integer("must be an integer"),
    v.minValue(min, `must be at least ${min}`),
    v.maxValue(max, `must be at most ${max}`),
  );

/** `name` or `owner/name`. */
export const AppName = v.pipe(
  v.string("must be a string"),
  v.regex(APP_NAME, "must be a letter or digit, then up to 127 of letters, digits and ._-; one / may join two of these"),
  v.description("An app: a name, or an owner and a name."),
);

export const ReplicaId = v.pipe(
  v.string("must be a string"),
  v.regex(REPLICA_ID, "must be visible ASCII characters (U+0021 to U+007E)"),
  v.maxLength(BOUNDS.replicaIdLength, `is longer than ${BOUNDS.replicaIdLength} characters`),
  v.notValues(DOT_SEGMENTS, "must not be . or .."),
  v.description("The replica's id, unique in its app."),
);

/** The metadata stand for the check, which JSON Schema can't say in its own way. */
const HintList = v.pipe(
  v.array(v.string("must be a string"), "must be an array of strings"),
  v.metadata({ items: { type: "string", pattern: HINT_PATTERN } }),
  v.transform((list) => [...new Set(list.map((hint) => hint.trim()).filter((hint) => hint !== ""))]),
  v.maxLength(LIMITS.hintsPerReplica, `has more than ${LIMITS.hintsPerReplica} hints`),
  v.rawCheck(({ dataset, addIssue }) => {
    if (!dataset.typed) return;
    for (const hint of dataset.value) {
      const fault = hintFault(hint);
      if (fault !== null) return addIssue({ message: `has a hint that ${fault}` });
    }
  }),
);

export const HeartbeatBody = v.object({
  app: AppName,
  replica: ReplicaId,
  origin: v.pipe(
    v.string("must be a string"),
    v.maxLength(BOUNDS.originLength, `is longer than ${BOUNDS.originLength} characters`),
    v.regex(ORIGIN_SHAPE, "must be scheme://host[:port] with http or https and an ASCII host, without user, path or query"),
    v.check((text) => URL.canParse(text), "is not a URL"),
    v.metadata({ pattern: PLAIN_ORIGIN }),
    v.description("Where the router reaches the replica. ORIGIN_ALLOW says which origins are admitted."),
    v.transform((text) => new URL(text).origin),
  ),
  incarnation: described(
    v.nullish(count(0, Number.MAX_SAFE_INTEGER), 0),
    "Number of the replica's process; a later process has a higher one.",
  ),
  sequence: described(
    v.nullish(count(0, Number.MAX_SAFE_INTEGER), null),
    "Number of the report in its incarnation. Absent: reports count in the order in which they come.",
  ),
  hints: described(
    v.nullish(HintList, null),
    `What the replica holds warm: at most ${LIMITS.hintsPerReplica} different hints. Absent: it does not specialise.`,
  ),
  hint_slots: described(
    v.nullish(count(0, LIMITS.hintsPerReplica), null),
    "How many hints it can hold at once. Absent: not known.",
  ),
  concurrency: described(v.nullish(count(1, LIMITS.concurrencyPerReplica), 1), "How many requests it takes at once."),
  in_flight: described(
    v.nullish(count(0, Number.MAX_SAFE_INTEGER), null),
    "How many requests it is serving, by its own count. Absent: it does not say.",
  ),
  status: described(
    v.nullish(v.picklist(["starting", "ready", "draining", "stopped"], "must be starting, ready, draining or stopped"), "ready"),
    "`starting`: gets nothing yet. `ready`: gets requests. `draining`: finishes what it has. `stopped`: has left.",
  ),
});

/** A heartbeat's JSON as a replica writes it. The clients in replica/ and sidecar/ take their types from here. */
export type HeartbeatJson = v.InferInput<typeof HeartbeatBody>;

/** The JSON that answers a heartbeat that was accepted. */
export interface HeartbeatReply {
  readonly time_to_live_ms: number;
  readonly next_heartbeat_ms: number;
  /** Advice for an idle replica: hints that requests are expected for and nobody holds, and those to evict for these. Absent: none. */
  readonly load?: readonly string[];
  readonly evict?: readonly string[];
  /** Absent: there are none. */
  readonly warnings?: readonly string[];
}

/** Whether a text can name an app: `name` or `owner/name`. */
export function isAppName(text: string): boolean {
  return APP_NAME.test(text);
}

/** The app that a heartbeat is for. It is read before the other fields, because the token's right to the app is checked first. */
export function parseHeartbeatApp(body: unknown): Parsed<string> {
  const result = v.safeParse(v.object({ app: AppName }, "must be an object"), body, { abortEarly: true });
  return result.success ? { ok: true, value: result.output.app } : faultOf(result.issues);
}

const FIELDS: ReadonlySet<string> = new Set(Object.keys(HeartbeatBody.entries));

/** Warnings of unknown fields in a heartbeat that was accepted: the first few names, cut short, with the field that may be meant. */
export function heartbeatWarnings(body: unknown): readonly string[] {
  const warnings: string[] = [];
  for (const name in body as object) {
    if (warnings.length === BOUNDS.warnings) break;
    if (FIELDS.has(name)) continue;
    const meant = nearName(name, FIELDS);
    const shown = name.slice(0, BOUNDS.warnedNameLength);
    warnings.push(`unknown field ${shown}${meant === null ? "" : `: did you mean ${meant}?`}`);
  }
  return warnings;
}

/** Unknown fields are ignored. A field that is null counts as absent. Fields are checked in the order of the contract. */
export function parseHeartbeat(body: unknown): Parsed<Heartbeat> {
  const result = v.safeParse(HeartbeatBody, body, { abortEarly: true });
  if (!result.success) return faultOf(result.issues);
  const { hint_slots: hintSlots, in_flight: inFlight, ...rest } = result.output;
  return { ok: true, value: { ...rest, hintSlots, inFlight } };
}

function faultOf(issues: readonly [v.BaseIssue<unknown>, ...v.BaseIssue<unknown>[]]): Parsed<never> {
  const [issue] = issues;
  const field = v.getDotPath(issue) ?? "body";
  return { ok: false, field, detail: issue.received === "undefined" ? "is required" : issue.message };
}
