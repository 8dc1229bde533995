// The operator's settings: names, defaults, bounds. They are read once per environment object. With a bad value every request is refused by an error that
// names the setting: the router does not guess what its operator meant. Every client gets that error, so no message may show any part of a value.
import * as v from "valibot";
import { SCHEDULING } from "../routing/policy/index.ts";
import { isAppName } from "../wire/heartbeat.ts";
import { BOUNDS } from "../limits.ts";
import { addressRange, type AddressRange } from "./address-range.ts";
import { isPrivateHost } from "./private-host.ts";
import type { HintAliases } from "../wire/hints.ts";
import type { JsonPath } from "../wire/json-member.ts";
import type { HintPattern, RequestPattern } from "../wire/path-pattern.ts";
import { hintAliases, hintFromJson, hintFromPath, hintFromQuery, noSlot } from "./request-settings.ts";

export type AppFrom =
  | { readonly kind: "path"; readonly segments: 1 | 2 }
  | { readonly kind: "host" }
  | { readonly kind: "fixed"; readonly app: string };

/** `*` is the key of tokens good for every app. */
export type HeartbeatTokens = ReadonlyMap<string, readonly string[]>;

export interface OriginPattern {
  /** A host, with at most one label `{app}`. With `wildcard`: any name below that host, at any depth, but not the host itself. */
  readonly host: string;
  readonly wildcard: boolean;
  /** Any address in it, instead of `host`; null: none. */
  readonly range: AddressRange | null;
  /** Null: the scheme's default. */
  readonly port: string | null;
}

/** A Workers variable is a string, or in wrangler.toml a number or boolean. Empty text counts as unset. */
const Value = v.pipe(
  v.union([v.string(), v.number(), v.boolean()], "must be text, a number or true/false"),
  v.transform((value) => String(value).trim()),
);

function setting<T>(parse: v.GenericSchema<string, T>, fallback: T) {
  return v.pipe(
    v.optional(Value, ""),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      if (dataset.value === "") return fallback;
      const result = v.safeParse(parse, dataset.value, { abortEarly: true });
      if (result.success) return result.output;
      addIssue({ message: result.issues[0].message });
      return NEVER;
    }),
  );
}

const integer = (min: number, max: number) =>
  v.pipe(
    v.string(),
    v.regex(/^\d{1,15}$/, `must be an integer from ${min} to ${max}`),
    v.transform(Number),
    v.minValue(min, `must be an integer from ${min} to ${max}`),
    v.maxValue(max, `must be an integer from ${min} to ${max}`),
  );

/** `listed`: those that ORIGIN_ALLOW names. */
const privateOrigins = v.pipe(
  v.string(),
  v.picklist(["true", "false", "listed"], "must be true, false or listed"),
  v.transform((text) => (text === "listed" ? text : text === "true")),
);

const elementsOf = (text: string) => text.split(/[\s,]+/).filter((element) => element !== "");

const list = (max: number) =>
  v.pipe(
    v.string(),
    v.transform((text) => [...new Set(elementsOf(text))]),
    v.maxLength(max, `has more than ${max} elements`),
  );

const APP_FROM_RULE = "must be path:1, path:2, host or fixed:NAME";
const appFrom = v.pipe(
  v.string(),
  v.rawTransform<string, AppFrom>(({ dataset, addIssue, NEVER }) => {
    const text = dataset.value;
    if (text === "path:1" || text === "path:2") return { kind: "path", segments: text === "path:1" ? 1 : 2 };
    if (text === "host") return { kind: "host" };
    const app = text.startsWith("fixed:") ? text.slice("fixed:".length) : "";
    if (isAppName(app)) return { kind: "fixed", app };
    addIssue({ message: APP_FROM_RULE });
    return NEVER;
  }),
);

const headerNames = v.pipe(
  list(BOUNDS.hintHeaders),
  v.transform((names) => [...new Set(names.map((name) => name.toLowerCase()))]),
  v.everyItem((name) => /^[!#$%&'*+\-.^_`|~0-9a-z]+$/.test(name), "must be header names, separated by commas"),
  v.minLength(1, "must name a header"),
);

/** Stands in a pattern of ORIGIN_ALLOW for the name of the replica's app. */
export const APP_PLACEHOLDER = "{app}";

const LABEL = "[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?";
/** The placeholder is a whole label and never the last one, so that an app can't choose its top-level domain. */
const ORIGIN_PATTERN = new RegExp(
  `^(\\*\\.)?((?:(?:${LABEL}\\.)*\\{app\\}\\.)?${LABEL}(?:\\.${LABEL})*|\\[[0-9a-f:.]+\\])(?:/(\\d{1,3}))?(?::([1-9]\\d{0,4}))?$`,
);
const originPatterns = v.pipe(
  v.string(),
  v.transform(elementsOf),
  v.check((elements) => new Set(elements).size <= BOUNDS.originPatterns, `has more than ${BOUNDS.originPatterns} elements`),
  v.rawTransform<string[], readonly OriginPattern[]>(({ dataset, addIssue, NEVER }) => {
    const patterns = new Map<string, OriginPattern>();
    for (const [index, element] of dataset.value.entries()) {
      const pattern = originPattern(element.toLowerCase());
      if (pattern === null) {
        addIssue({
          message: `must be hosts like *.gpu.example.com or gpu.example.org:8443, but element ${index + 1} is not one`,
        });
        return NEVER;
      }
      patterns.set(element, pattern);
    }
    return [...patterns.values()];
  }),
);

/** Null: it is none. */
function originPattern(text: string): OriginPattern | null {
  const [, star, host, bits, port = null] = ORIGIN_PATTERN.exec(text) ?? [];
  if (host === undefined || Number(port ?? 0) > 65_535) return null;
  const wildcard = star !== undefined;
  const isRange = bits !== undefined || host.startsWith("[");
  const range = isRange && !wildcard ? addressRange(host, bits === undefined ? 128 : Number(bits)) : null;
  return isRange && range === null ? null : { host, wildcard, port, range };
}

const CORS_RULE = "must be * or origins like https://app.example.com";
/** Origins as browsers write them in `Origin`, because they are compared as text. So a host beyond ASCII is written xn--… */
const corsOrigins = v.pipe(
  list(BOUNDS.corsOrigins),
  v.rawTransform<string[], readonly string[]>(({ dataset, addIssue, NEVER }) => {
    const origins = dataset.value.map((element) => (element === "*" ? element : originOf(element)));
    const bad = origins.indexOf(null);
    if (bad < 0) return origins.filter((origin) => origin !== null);
    addIssue({ message: `${CORS_RULE}, but element ${bad + 1} is not one` });
    return NEVER;
  }),
);

function originOf(text: string): string | null {
  return /^https?:\/\/[\w.:[\]-]+$/i.test(text) && URL.canParse(text) ? new URL(text).origin : null;
}

const WEBHOOK_RULE = "must be a URL like https://scaler.example.com/warmpath, without user, password or fragment";
const webhook = v.pipe(
  v.string(WEBHOOK_RULE),
  v.maxLength(BOUNDS.webhookLength, `has more than ${BOUNDS.webhookLength} characters`),
  v.rawTransform<string, string>(({ dataset, addIssue, NEVER }) => {
    const url = URL.canParse(dataset.value) ? new URL(dataset.value) : null;
    const isPlain = url !== null && url.username + url.password + url.hash === "";
    if (isPlain && /^https?:$/.test(url.protocol)) return url.href;
    addIssue({ message: WEBHOOK_RULE });
    return NEVER;
  }),
);
const PRIVATE_WEBHOOK = "must be https and a public host name, unless ALLOW_PRIVATE_ORIGINS is true";

const TOKENS_RULE = 'must be a token, or JSON like {"app": "token", "other": ["token", "next"], "*": "token"}';
/** A header field can hold no other token. The message must not show the token. */
const TOKEN_RULE = "must be visible ASCII characters (U+0021 to U+007E), without spaces";
const token = v.pipe(v.string(), v.regex(/^[\u0021-\u007e]+$/, TOKEN_RULE));
const Token = v.pipe(v.string(TOKENS_RULE), v.minLength(1, TOKENS_RULE));
/** Pairs, because an app may have the name of a property that every object has. */
const TokenEntries = v.pipe(
  v.string(),
  v.parseJson({}, TOKENS_RULE),
  v.custom<object>((value) => typeof value === "object" && value !== null && !Array.isArray(value), TOKENS_RULE),
  v.transform((map) => Object.entries(map) as unknown[]),
  v.array(
    v.tuple([
      v.custom<string>((app) => app === "*" || (typeof app === "string" && isAppName(app))),
      v.union([Token, v.array(Token)]),
    ]),
  ),
);
const heartbeatTokens = v.pipe(
  v.string(),
  v.rawTransform<string, HeartbeatTokens>(({ dataset, addIssue, NEVER }) => {
    const found = tokensIn(dataset.value);
    const all = found === null ? [] : [...found.values()].flat();
    if (found === null) addIssue({ message: TOKENS_RULE });
    else if (all.length > BOUNDS.heartbeatTokens) addIssue({ message: `has more than ${BOUNDS.heartbeatTokens} tokens` });
    else if (!all.every((text) => v.is(token, text))) addIssue({ message: TOKEN_RULE });
    else return found;
    return NEVER;
  }),
);

function tokensIn(text: string): HeartbeatTokens | null {
  if (!text.startsWith("{")) return new Map([["*", [text]]]);
  const result = v.safeParse(TokenEntries, text);
  if (!result.success) return null;
  return new Map(result.output.map(([app, its]) => [app, typeof its === "string" ? [its] : its]));
}

const HOST_RULE = "must be a host like router.example.com, with its port if that is not the scheme's own";
const host = v.pipe(v.string(), v.toLowerCase(), v.regex(/^[\w.-]+(:[1-9]\d{0,4})?$/, HOST_RULE));
const text = v.string();
const choice = <const T extends readonly string[]>(values: T) => v.picklist(values, `must be ${values.join(" or ")}`);
/** Every location hint that Cloudflare has. A test compares them with the runtime's types. */
const LOCATIONS = ["wnam", "enam", "sam", "weur", "eeur", "apac", "apac-ne", "apac-se", "oc", "afr", "me"] as const;
const DAY_MS = 86_400_000;

const Each = v.object({
  HEARTBEAT_TOKENS: setting<HeartbeatTokens>(heartbeatTokens, new Map()),
  ADMIN_TOKEN: setting<string | null>(token, null),
  METRICS_TOKEN: setting<string | null>(token, null),
  DASHBOARD_HOST: setting<string | null>(host, null),
  ORIGIN_SIGNING_KEY: setting<string | null>(text, null),
  ORIGIN_ALLOW: setting<readonly OriginPattern[]>(originPatterns, []),
  ALLOW_PRIVATE_ORIGINS: setting<boolean | "listed">(privateOrigins, false),
  APP_FROM: setting<AppFrom>(appFrom, { kind: "path", segments: 1 }),
  HINT_HEADERS: setting<readonly string[]>(headerNames, ["x-fal-runner-hint"]),
  HINT_FROM_PATH: setting<HintPattern | null>(hintFromPath, null),
  HINT_FROM_QUERY: setting<string | null>(hintFromQuery, null),
  HINT_FROM_JSON: setting<JsonPath | null>(hintFromJson, null),
  HINT_ALIASES: setting<HintAliases>(hintAliases, new Map()),
  MODELS_ENDPOINT: setting<"openai" | null>(choice(["openai"]), null),
  NO_SLOT: setting<readonly RequestPattern[]>(noSlot, []),
  DISPATCH: setting(choice(["auto", "registry", "edge"]), "auto"),
  FLEET_LOCATION: setting<(typeof LOCATIONS)[number] | null>(choice(LOCATIONS), null),
  MAX_ATTEMPTS: setting(integer(1, 10), 3),
  RETRY_BODY_MAX_BYTES: setting(integer(0, BOUNDS.keptBytesPerIsolate), 1_048_576),
  QUEUE_TIMEOUT_MS: setting(integer(0, DAY_MS), 300_000),
  QUEUE_LENGTH_MAX: setting(integer(0, 10_000), 1000),
  FIRST_BYTE_TIMEOUT_MS: setting(integer(1, DAY_MS), 600_000),
  IDLE_TIMEOUT_MS: setting(integer(0, DAY_MS), 600_000),
  SNAPSHOT_MAX_AGE_MS: setting(integer(0, DAY_MS), 300_000),
  HEARTBEAT_INTERVAL_MS: setting(integer(10, DAY_MS), 5000),
  HEARTBEAT_RATE_MAX: setting(integer(1, 100_000), 200),
  COLD_START_MS: setting(integer(1, DAY_MS), 12_000),
  SCHEDULING: setting(choice(SCHEDULING), "cost"),
  AFFINITY_WAIT: setting(choice(["auto", "never"]), "auto"),
  CORS_ORIGINS: setting<readonly string[]>(corsOrigins, []),
  SCALE_WEBHOOK: setting<string | null>(webhook, null),
  SCALE_WEBHOOK_TOKEN: setting<string | null>(token, null),
  LOG: setting(choice(["faults", "requests"]), "faults"),
  LOG_SAMPLE_PERCENT: setting(integer(1, 100), 100),
});
const SettingsSchema = v.pipe(
  Each,
  v.forward(
    v.check(({ SCALE_WEBHOOK: url, ALLOW_PRIVATE_ORIGINS }) => {
      return (
        url === null || ALLOW_PRIVATE_ORIGINS === true || (url.startsWith("https:") && !isPrivateHost(new URL(url).hostname))
      );
    }, PRIVATE_WEBHOOK),
    ["SCALE_WEBHOOK"],
  ),
);

export type Settings = v.InferOutput<typeof Each>;
export type SettingsResult =
  | { readonly ok: true; readonly settings: Settings }
  | { readonly ok: false; readonly setting: string; readonly detail: string };

export const SETTING_NAMES = Object.keys(Each.entries) as readonly (keyof Settings)[];
/** Settings whose values nobody may see. They are set as secrets, never in a file that is kept. */
export const SECRET_NAMES = [
  "HEARTBEAT_TOKENS",
  "ADMIN_TOKEN",
  "METRICS_TOKEN",
  "ORIGIN_SIGNING_KEY",
  "SCALE_WEBHOOK_TOKEN",
] as const satisfies readonly (keyof Settings)[];

const known = new WeakMap<object, SettingsResult>();

/** The settings of an environment, or the first bad one. Parsed once per environment object. */
export function settingsOf(env: object): SettingsResult {
  const cached = known.get(env);
  if (cached !== undefined) return cached;
  const result = parseSettings(env);
  known.set(env, result);
  return result;
}

export function parseSettings(env: object): SettingsResult {
  const result = v.safeParse(SettingsSchema, env, { abortEarly: true });
  if (result.success) return { ok: true, settings: result.output };
  const [issue] = result.issues;
  return { ok: false, setting: v.getDotPath(issue) ?? "settings", detail: issue.message };
}
