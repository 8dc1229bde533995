// The operator's settings: every default, good and bad values of each kind, and that a bad setting is named. Tokens and origin patterns have a grammar and
// test files of their own.
import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { parseSettings, SETTING_NAMES, settingsOf, type Settings } from "../../src/settings/settings.ts";

/** The value of one setting, or its fault as text. */
function valueOf<K extends keyof Settings>(name: K, value: unknown): Settings[K] | string {
  const result = parseSettings({ [name]: value });
  if (result.ok) return result.settings[name];
  expect(result.setting).toBe(name);
  return `fault: ${result.detail}`;
}

const DEFAULTS: Settings = {
  HEARTBEAT_TOKENS: new Map(),
  ADMIN_TOKEN: null,
  METRICS_TOKEN: null,
  DASHBOARD_HOST: null,
  ORIGIN_SIGNING_KEY: null,
  ORIGIN_ALLOW: [],
  ALLOW_PRIVATE_ORIGINS: false,
  APP_FROM: { kind: "path", segments: 1 },
  HINT_HEADERS: ["x-fal-runner-hint"],
  HINT_FROM_PATH: null,
  HINT_FROM_QUERY: null,
  HINT_FROM_JSON: null,
  HINT_ALIASES: new Map(),
  MODELS_ENDPOINT: null,
  NO_SLOT: [],
  DISPATCH: "auto",
  FLEET_LOCATION: null,
  MAX_ATTEMPTS: 3,
  RETRY_BODY_MAX_BYTES: 1_048_576,
  QUEUE_TIMEOUT_MS: 300_000,
  QUEUE_LENGTH_MAX: 1000,
  FIRST_BYTE_TIMEOUT_MS: 600_000,
  IDLE_TIMEOUT_MS: 600_000,
  SNAPSHOT_MAX_AGE_MS: 300_000,
  HEARTBEAT_INTERVAL_MS: 5000,
  HEARTBEAT_RATE_MAX: 200,
  COLD_START_MS: 12_000,
  SCHEDULING: "cost",
  AFFINITY_WAIT: "auto",
  CORS_ORIGINS: [],
  SCALE_WEBHOOK: null,
  SCALE_WEBHOOK_TOKEN: null,
  LOG: "faults",
  LOG_SAMPLE_PERCENT: 100,
};

describe("defaults", () => {
  test("of an environment that sets nothing", () => {
    expect(parseSettings({})).toEqual({ ok: true, settings: DEFAULTS });
    expect([...SETTING_NAMES].toSorted()).toEqual(Object.keys(DEFAULTS).toSorted());
  });

  test.each(Object.keys(DEFAULTS) as (keyof Settings)[])("empty text is as good as unset: %s", (name) => {
    for (const empty of ["", "  ", "\n\t", undefined]) expect(valueOf(name, empty)).toEqual(DEFAULTS[name]);
  });

  test("bindings and other variables are none of our business", () => {
    expect(parseSettings({ FLEET: { get: () => null }, DIRECTORY: {}, OTHER: 7 })).toEqual({ ok: true, settings: DEFAULTS });
  });
});

describe("integers", () => {
  const DAY = 86_400_000;
  test.each<[keyof Settings, number, number]>([
    ["MAX_ATTEMPTS", 1, 10],
    ["RETRY_BODY_MAX_BYTES", 0, 33_554_432],
    ["QUEUE_TIMEOUT_MS", 0, DAY],
    ["QUEUE_LENGTH_MAX", 0, 10_000],
    ["FIRST_BYTE_TIMEOUT_MS", 1, DAY],
    ["IDLE_TIMEOUT_MS", 0, DAY],
    ["SNAPSHOT_MAX_AGE_MS", 0, DAY],
    ["HEARTBEAT_INTERVAL_MS", 10, DAY],
    ["HEARTBEAT_RATE_MAX", 1, 100_000],
    ["COLD_START_MS", 1, DAY],
  ])("%s is from %d to %d, as text or number", (name, min, max) => {
    for (const value of [min, max, Math.floor((min + max) / 2)]) {
      for (const form of [value, String(value), ` ${value} `, `0${value}`]) expect(valueOf(name, form)).toBe(value);
    }
    const fault = new RegExp(`^fault: .*\\b${min}\\b.*\\b${max}\\b`);
    for (const bad of [min - 1, max + 1, "-1", "1.5", 1.5, "1e3", "0x10", "10ms", "ten", "1 2", true, 1e21, Infinity]) {
      expect(valueOf(name, bad)).toMatch(fault);
    }
  });
});

describe("values of a closed set", () => {
  test.each<[keyof Settings, unknown, unknown]>([
    ["ALLOW_PRIVATE_ORIGINS", "true", true],
    ["ALLOW_PRIVATE_ORIGINS", true, true],
    ["ALLOW_PRIVATE_ORIGINS", " true ", true],
    ["ALLOW_PRIVATE_ORIGINS", "false", false],
    ["ALLOW_PRIVATE_ORIGINS", false, false],
    ["ALLOW_PRIVATE_ORIGINS", "listed", "listed"],
    ["DISPATCH", "auto", "auto"],
    ["DISPATCH", "registry", "registry"],
    ["DISPATCH", "edge", "edge"],
    ["SCHEDULING", "fifo", "fifo"],
    ["AFFINITY_WAIT", "auto", "auto"],
    ["LOG", "requests", "requests"],
    ["MODELS_ENDPOINT", "openai", "openai"],
    ["LOG_SAMPLE_PERCENT", "10", 10],
    ["AFFINITY_WAIT", "never", "never"],
    ["FLEET_LOCATION", "weur", "weur"],
    ["FLEET_LOCATION", "apac-ne", "apac-ne"],
    ["FLEET_LOCATION", "apac-se", "apac-se"],
  ])("%s takes %j", (name, value, is) => {
    expect(valueOf(name, value)).toBe(is);
  });

  test.each<[keyof Settings, unknown[], RegExp]>([
    ["ALLOW_PRIVATE_ORIGINS", ["yes", "1", 1, "TRUE", "on", "list"], /^fault: .*\btrue\b.*\bfalse\b/],
    ["DISPATCH", ["none", "AUTO", true, 1], /^fault: .*\bauto\b.*\bregistry\b/],
    ["SCHEDULING", ["lifo", "FIFO", 0], /^fault: .*\bcost\b.*\bfifo\b/],
    ["AFFINITY_WAIT", ["always", "true", 0], /^fault: .*\bauto\b.*\bnever\b/],
    ["LOG", ["all", "true", 1], /^fault: .*\bfaults\b.*\brequests\b/],
    ["MODELS_ENDPOINT", ["true", "ollama", "OpenAI", 1], /^fault: .*\bopenai\b/],
    ["FLEET_LOCATION", ["europe", "WEUR", "apac-nw", 1], /^fault: .*\bwnam\b/],
  ])("%s refuses %j", (name, bad, fault) => {
    for (const value of bad) expect(valueOf(name, value)).toMatch(fault);
  });

  test("FLEET_LOCATION takes every location hint of the runtime's types, and no other", () => {
    const types = path.resolve(import.meta.dirname, "../../node_modules/@cloudflare/workers-types/index.d.ts");
    const union = /type DurableObjectLocationHint =([^;]+);/.exec(readFileSync(types, "utf8"))?.[1] ?? "";
    const hints = [...union.matchAll(/"([a-z-]+)"/g)].map(([, hint]) => hint ?? "");
    expect(hints).toContain("weur");
    for (const hint of hints) expect(valueOf("FLEET_LOCATION", hint)).toBe(hint);
    const taken = /must be (.+)$/.exec(String(valueOf("FLEET_LOCATION", "moon")))?.[1] ?? "";
    expect(taken.split(" or ").toSorted()).toEqual(hints.toSorted());
  });
});

describe("secrets", () => {
  test.each(["ADMIN_TOKEN", "ORIGIN_SIGNING_KEY"] as const)("%s is any text, trimmed, a number too", (name) => {
    expect(valueOf(name, "s3cret")).toBe("s3cret");
    expect(valueOf(name, "  s3cret\n")).toBe("s3cret");
    expect(valueOf(name, 12_345)).toBe("12345");
  });
});

describe("APP_FROM", () => {
  test.each<[string, Settings["APP_FROM"]]>([
    ["path:1", { kind: "path", segments: 1 }],
    ["path:2", { kind: "path", segments: 2 }],
    ["host", { kind: "host" }],
    ["fixed:any-model", { kind: "fixed", app: "any-model" }],
    ["fixed:owner/app", { kind: "fixed", app: "owner/app" }],
  ])("%s", (text, is) => {
    expect(valueOf("APP_FROM", text)).toEqual(is);
  });

  test.each(["path", "path:0", "path:3", "PATH:1", "fixed", "fixed:", "fixed:a b", "fixed:a/b/c", "fixed:-", "header", 1, true])(
    "%j is refused",
    (text) => {
      expect(valueOf("APP_FROM", text)).toMatch(/^fault: .*\bpath:1\b.*\bpath:2\b.*\bhost\b.*\bfixed:/);
    },
  );
});

describe("HINT_HEADERS", () => {
  const names = (count: number) => Array.from({ length: count }, (_, index) => `x-hint-${index}`);
  test.each<[string, string, string[]]>([
    ["one", "x-model", ["x-model"]],
    ["lower-cased", "X-Fal-Runner-Hint", ["x-fal-runner-hint"]],
    ["several, in their order, by commas or spaces", "x-b, x-a\tx-c,,x-d", ["x-b", "x-a", "x-c", "x-d"]],
    ["named twice", "x-a,x-a", ["x-a"]],
    ["exactly 8", names(8).join(), names(8)],
  ])("%s", (_, text, is) => {
    expect(valueOf("HINT_HEADERS", text)).toEqual(is);
  });

  test.each<[string, string, RegExp]>([
    ["9", names(9).join(), /^fault: .*\b8\b/],
    ["a name that is none", "x-a, x:b", /^fault: /],
    ["a name outside ASCII", "x-é", /^fault: /],
    ["only separators", ", ,", /^fault: /],
  ])("refuses %s", (_, text, fault) => {
    expect(valueOf("HINT_HEADERS", text)).toMatch(fault);
  });

  test("one header named twice in different case is one", () => {
    expect(valueOf("HINT_HEADERS", "X-A,x-a")).toEqual(["x-a"]);
  });
});

describe("CORS_ORIGINS", () => {
  const origins = (count: number) => Array.from({ length: count }, (_, index) => `https://a${index}.example.com`);
  test.each<[string, string, string[]]>([
    ["all", "*", ["*"]],
    ["one", "https://app.example.com", ["https://app.example.com"]],
    [
      "as browsers write it",
      "HTTPS://App.Example.com:443 http://LOCALHOST:5173",
      ["https://app.example.com", "http://localhost:5173"],
    ],
    ["addresses", "http://127.0.0.1:3000,http://[::1]:3000", ["http://127.0.0.1:3000", "http://[::1]:3000"]],
    ["exactly 256", origins(256).join(), origins(256)],
  ])("%s", (_, text, is) => {
    expect(valueOf("CORS_ORIGINS", text)).toEqual(is);
  });

  test.each<[string, string, RegExp]>([
    ["257", origins(257).join(), /^fault: .*\b256\b/],
    ["no scheme", "https://a.example.com app.example.com", /\belement 2\b/],
    ["a path", "https://app.example.com/", /element 1 /],
    ["a wildcard", "https://*.example.com", /element 1 /],
    ["a user", "https://u@app.example.com", /element 1 /],
    ["another scheme", "ftp://app.example.com", /element 1 /],
    ["a port that is none", "https://app.example.com:99999", /element 1 /],
    ["the origin of a file", "null", /element 1 /],
  ])("refuses %s", (_, text, fault) => {
    expect(valueOf("CORS_ORIGINS", text)).toMatch(fault);
  });
});

describe("a bad setting", () => {
  test.each(Object.keys(DEFAULTS) as (keyof Settings)[])("%s that is neither text nor number nor true/false is named", (name) => {
    for (const value of [{}, [], () => 1, 1n]) {
      expect(parseSettings({ [name]: value })).toMatchObject({ ok: false, setting: name });
    }
  });

  test("is found among good ones; of several the first in the order of the table", () => {
    const env = { ADMIN_TOKEN: "t", MAX_ATTEMPTS: "none", DISPATCH: "never", COLD_START_MS: 0 };
    expect(parseSettings(env)).toMatchObject({ ok: false, setting: "DISPATCH" });
  });
});

test("settings are read once per environment object", () => {
  const env = { MAX_ATTEMPTS: 5 };
  const first = settingsOf(env);
  expect(first).toEqual(parseSettings(env));
  expect(settingsOf(env)).toBe(first);
  expect(settingsOf({ ...env })).not.toBe(first);
  const bad = { MAX_ATTEMPTS: 0 };
  expect(settingsOf(bad)).toBe(settingsOf(bad));
});

describe("SCALE_WEBHOOK", () => {
  test.each([
    ["https://scaler.example.com", "https://scaler.example.com/"],
    [" https://scaler.example.com:8443/up?key=a%20b ", "https://scaler.example.com:8443/up?key=a%20b"],
    ["HTTPS://Scaler.Example.com/Up", "https://scaler.example.com/Up"],
  ])("%s", (text, url) => {
    expect(valueOf("SCALE_WEBHOOK", text)).toBe(url);
  });

  test.each([
    "x",
    "scaler.example.com",
    "ftp://a.example.com",
    "https://",
    "https://u:s3cret@a.example.com/",
    "https://a.example.com/#s3cret",
  ])("%s is no such URL, and the message shows nothing of it", (text) => {
    expect(valueOf("SCALE_WEBHOOK", text)).toMatch(/^fault: must be a URL like/);
    expect(valueOf("SCALE_WEBHOOK", text)).not.toContain("s3cret");
  });

  test("is bounded", () => {
    expect(valueOf("SCALE_WEBHOOK", `https://a.example.com/${"a".repeat(2000)}`)).toMatch(/^fault: has more than 2000/);
  });

  test.each([
    "http://scaler.example.com/",
    "https://127.0.0.1/",
    "https://[::1]/",
    "https://2130706433/",
    "https://scaler/",
    "https://a.internal/",
  ])("%s needs ALLOW_PRIVATE_ORIGINS", (url) => {
    expect(valueOf("SCALE_WEBHOOK", url)).toMatch(/^fault: must be https and a public host name/);
    expect(parseSettings({ SCALE_WEBHOOK: url, ALLOW_PRIVATE_ORIGINS: "false" }).ok).toBe(false);
    expect(parseSettings({ SCALE_WEBHOOK: url, ALLOW_PRIVATE_ORIGINS: "true" })).toMatchObject({ ok: true });
  });

  test("its token is one that a header can hold", () => {
    expect(valueOf("SCALE_WEBHOOK_TOKEN", "abc")).toBe("abc");
    expect(valueOf("SCALE_WEBHOOK_TOKEN", "a b")).toMatch(/^fault: must be visible ASCII/);
  });
});
