// The settings that a router would get from this machine, and everything that is wrong with them. Values of secrets stay here.
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { TomlError } from "smol-toml";
import { SOURCES, valuesOf, WRANGLER_TOML, type SourceName, type Values } from "../scripts/setting-sources.ts";
import { misspeltSettings } from "../src/settings/misspelt.ts";
import { missingSettings, REFUSED_WITHOUT } from "../src/settings/refused.ts";
import { parseSettings, SECRET_NAMES, SETTING_NAMES, type Settings } from "../src/settings/settings.ts";
import { each } from "./command.ts";
import { BadUsage } from "./failure.ts";

const SECRETS: ReadonlySet<string> = new Set(SECRET_NAMES);

export interface Setting {
  readonly name: string;
  readonly from: string;
  /** Null: a secret, or a bad value, which may be a secret in the wrong place. */
  readonly value: string | null;
  readonly secret: boolean;
}

export interface Wrong {
  readonly setting: string;
  readonly from: string;
  readonly detail: string;
}

export interface Config {
  /** Those that are set, in the order of docs/settings.md. */
  readonly settings: readonly Setting[];
  readonly wrong: readonly Wrong[];
  readonly notes: readonly string[];
  /** Null: a value is bad. */
  readonly parsed: Settings | null;
}

export interface ConfigOptions {
  readonly file: string;
  readonly from: readonly SourceName[];
  readonly set: readonly string[];
}

export const fileOption = () =>
  new Option("--file <wrangler.toml>", "the file with [vars]").default(WRANGLER_TOML, "the project's");
export const fromOption = () =>
  new Option("--from <sources>", `some of ${SOURCES.join(", ")}, with commas; the first of these that has a setting gives it`)
    .argParser(sources)
    .default(SOURCES as readonly SourceName[], "all, as npm run serve");
export const setOption = () =>
  new Option("--set <NAME=VALUE>", "a setting that counts before all sources; may be repeated")
    .argParser(each)
    .default([] as readonly string[], "none");

function sources(text: string): readonly SourceName[] {
  const named = text.split(",").map((name) => name.trim());
  const unknown = named.find((name) => !SOURCES.some((source) => source === name));
  if (unknown !== undefined) throw new InvalidArgumentError(`It must be some of ${SOURCES.join(", ")}, with commas.`);
  return SOURCES.filter((source) => named.includes(source));
}

export function readConfig({ file, from, set }: ConfigOptions): Config {
  const given = ["--set", ...from].map((source) => ({
    source,
    values: source === "--set" ? assigned(set) : readSource(source as SourceName, file),
  }));
  const settings: Setting[] = [];
  const wrong: Wrong[] = given.flatMap(({ source, values }) => misspelt(source, values));
  const good: Record<string, unknown> = {};
  for (const name of SETTING_NAMES) {
    const giver = given.find(({ values }) => values[name] !== undefined);
    if (giver === undefined) continue;
    const [value, from, secret] = [giver.values[name], giver.source, SECRETS.has(name)];
    if (String(value).trim() === "") continue;
    // Whether a private SCALE_WEBHOOK is good depends on the other setting, which comes before it.
    const result = parseSettings({ ALLOW_PRIVATE_ORIGINS: good["ALLOW_PRIVATE_ORIGINS"], [name]: value });
    if (result.ok) good[name] = value;
    else wrong.push({ setting: name, from, detail: `${name} ${result.detail}` });
    if (secret && from === "vars") {
      wrong.push({ setting: name, from, detail: `${name} is a secret: set it with npx wrangler secret put ${name}` });
    }
    settings.push({ name, from, value: result.ok && !secret ? String(value) : null, secret });
  }
  const result = parseSettings(good);
  const parsed = result.ok && Object.keys(good).length === settings.length ? result.settings : null;
  const isBad = (name: string) => wrong.some(({ setting }) => setting === name);
  const missing = result.ok ? missingSettings(result.settings).filter((name) => !isBad(name)) : [];
  return { settings, wrong, notes: missing.map((name) => REFUSED_WITHOUT[name]), parsed };
}

/** Of `--set` every unknown name is wrong. Files and environments hold other names too. */
function misspelt(source: string, values: Values): Wrong[] {
  return Object.keys(values).flatMap((name) => {
    const [near] = misspeltSettings([name]);
    if (near !== undefined) return [{ setting: name, from: source, detail: near.warning }];
    const isKnown = SETTING_NAMES.some((known) => known === name);
    return source !== "--set" || isKnown ? [] : [{ setting: name, from: source, detail: `${name} is not a setting` }];
  });
}

/** The messages never show a value. */
function assigned(set: readonly string[]): Values {
  const pairs = set.map((text) => {
    const [, name, value] = /^([\w-]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) throw new BadUsage("--set takes NAME=VALUE");
    return [name, value] as const;
  });
  return Object.fromEntries(pairs);
}

function readSource(source: SourceName, file: string): Values {
  try {
    return valuesOf(source, file);
  } catch (error) {
    // The parser's message shows lines of the file.
    const why = error instanceof TomlError ? `is no TOML at line ${error.line}` : (error as NodeJS.ErrnoException).code;
    throw new BadUsage(`--file: ${file} ${error instanceof TomlError ? why : `can't be read (${why ?? "unknown"})`}`, {
      cause: error,
    });
  }
}
