// Settings, good and bad, read in this process: a bad one stops a whole router, so each would need a router of its own.
import { isAppName } from "../../src/wire/heartbeat.ts";
import { parseSettings, SETTING_NAMES, type Settings } from "../../src/settings/settings.ts";
import type { Draw } from "./draw.ts";

/** Least and most of the numeric settings, as docs/settings.md has them. */
const RANGES = {
  MAX_ATTEMPTS: [1, 10],
  RETRY_BODY_MAX_BYTES: [0, 33_554_432],
  QUEUE_TIMEOUT_MS: [0, 86_400_000],
  QUEUE_LENGTH_MAX: [0, 10_000],
  FIRST_BYTE_TIMEOUT_MS: [1, 86_400_000],
  HEARTBEAT_INTERVAL_MS: [10, 86_400_000],
  HEARTBEAT_RATE_MAX: [1, 100_000],
  COLD_START_MS: [1, 86_400_000],
} as const satisfies Partial<Record<keyof Settings, readonly [number, number]>>;

const ODD: readonly unknown[] = [
  "", " ", "\0", "true ", "TRUE", "yes", "1", "0", "-1", "1.5", "1e3", "0x10", "NaN", "9".repeat(400), "host:", "path:0", "path:3", "fixed:", "fixed:/", "fixed:-",
  "fixed:a/b/c", "*", "*.", "*.*", "**.a", "a..b", ".a", "a.", "a:0", "a:65536", "a:b", "[::1", "[::1]:9", "http://a", "a/b", "x y", "x,y", ",,,", "x:y", "é", "{", "{}",
  "{]", '{"a":1}', '{"a":[]}', '{"a":[""]}', '{"a":""}', '{"-":"x"}', '{"__proto__":"x"}', '{"a":{"b":1}}', '{"a":null}', "[]", '["a"]', "null", "auto", "edge", "never",
  "/{hint}", "/a/{hint}/*", "{hint}", "/{hint}{hint}", "/*/{hint}", "*/a", "GET /a", "GET", "/a b", "/a?b", "a~", "/~", "/a/b", "openai", '{"a":"b","b":"c"}', '{"a,b":"c"}', "weur", "EEUR", "__proto__", "constructor", "\ud800", 0, 1, -1, 1.5, NaN, Infinity, 1e21, true, false, null, undefined, [], {}, ["a"], 10n, Symbol.iterator,
]; // prettier-ignore

/** What is wrong with how a drawn environment is read; null: nothing. */
export function settingsFault(draw: Draw): { readonly shown: string; readonly outcome: string; readonly wrong: string | null } {
  const env: Record<string, unknown> = {};
  for (let count = draw.int(1, 4); count > 0; count--)
    env[draw.pick(SETTING_NAMES)] = draw.chance(0.8) ? draw.pick(ODD) : draw.word();
  if (draw.chance(0.3)) {
    const [name, [least, most]] = draw.pick(Object.entries(RANGES));
    env[name] = draw.pick([least, most, String(least), least - 1, most + 1, String(most + 1), ` ${most} `]);
  }
  const shown = Object.entries(env)
    .map(([name, value]) => `${name}=${typeof value === "string" ? JSON.stringify(value) : String(value)}`)
    .join(" ");
  try {
    const result = parseSettings(env);
    if (result.ok) return { shown, outcome: "accepted", wrong: boundsFault(result.settings) ?? rangeFault(env) };
    const named = env[result.setting] !== undefined && result.detail !== "";
    return { shown, outcome: "refused", wrong: named ? null : `it names ${result.setting}, which was not set` };
  } catch (error) {
    return { shown, outcome: "threw", wrong: String(error) };
  }
}

/** What was accepted lies within the documented bounds. */
export function boundsFault(settings: Settings): string | null {
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = settings[name as keyof typeof RANGES];
    if (!Number.isInteger(value) || value < least || value > most) return `${name} is ${value}`;
  }
  for (const header of settings.HINT_HEADERS) if (!/^[^\s,:A-Z]+$/.test(header)) return `a header named ${header}`;
  if (settings.HINT_HEADERS.length < 1 || settings.HINT_HEADERS.length > 8) return `${settings.HINT_HEADERS.length} headers`;
  for (const { host, port } of settings.ORIGIN_ALLOW) {
    if (!/^[^\s/?#@\\*A-Z]+$/.test(host) || Number(port ?? 1) < 1 || Number(port ?? 1) > 65_535)
      return `a pattern ${host}:${port}`;
  }
  for (const [alias, hint] of settings.HINT_ALIASES) {
    if (!isHint(alias) || !isHint(hint) || settings.HINT_ALIASES.has(hint)) return `an alias ${alias} of ${hint}`;
  }
  if (settings.HINT_ALIASES.size > 1000) return `${settings.HINT_ALIASES.size} aliases`;
  if (!/^([\w.~:[\]-]{1,64})?$/.test(settings.HINT_FROM_QUERY ?? "")) return `a parameter ${settings.HINT_FROM_QUERY}`;
  const steps = settings.HINT_FROM_JSON ?? [""];
  if (steps.length < 1 || steps.length > 8 || steps.join("/").length > 256) return `steps ${steps.join("/")}`;
  if (settings.HINT_FROM_PATH?.text.split("{hint}").length === 1) return "a path without a hint";
  if (settings.NO_SLOT.length > 64) return `${settings.NO_SLOT.length} patterns`;
  for (const { method, path } of settings.NO_SLOT) {
    if (!/^([A-Z]+)?$/.test(method ?? "") || !/^[/*][!-~]{0,511}$/.test(path.text)) return `a pattern ${method} ${path.text}`;
  }
  for (const [app, tokens] of settings.HEARTBEAT_TOKENS) {
    if (app !== "*" && !isAppName(app)) return `tokens for ${app}`;
    if (tokens.includes("")) return `an empty token for ${app}`;
  }
  if (settings.APP_FROM.kind === "fixed" && !isAppName(settings.APP_FROM.app)) return "the fixed app";
  return null;
}

const isHint = (text: string) => /^(?! )[ -+\--~]{1,512}(?<! )$/.test(text);

/** A number that was accepted though it lies outside its range. */
function rangeFault(env: Readonly<Record<string, unknown>>): string | null {
  for (const [name, [least, most]] of Object.entries(RANGES)) {
    const value = env[name];
    if (value === undefined || value === "" || value === " ") continue;
    if (!(Number(value) >= least && Number(value) <= most)) return `${name} was accepted`;
  }
  return null;
}
