// HEARTBEAT_TOKENS: one token for every app, or JSON with tokens by app.
import { describe, expect, test } from "vitest";
import { parseSettings } from "../../src/settings/settings.ts";

function tokens(value: unknown): Record<string, readonly string[]> | string {
  const result = parseSettings({ HEARTBEAT_TOKENS: value });
  if (result.ok) return Object.fromEntries(result.settings.HEARTBEAT_TOKENS);
  expect(result.setting).toBe("HEARTBEAT_TOKENS");
  return result.detail;
}

describe("one token for every app", () => {
  test.each<[string, unknown, string]>([
    ["plain", "s3cret", "s3cret"],
    ["trimmed", " s3cret\n", "s3cret"],
    ["a number", 12_345, "12345"],
    ["one that looks like a list", '["a"]', '["a"]'],
    ["one with commas and equals signs", "a,b=c==", "a,b=c=="],
  ])("%s", (_, value, token) => {
    expect(tokens(value)).toEqual({ "*": [token] });
  });
});

describe("JSON", () => {
  const many = (count: number) => Array.from({ length: count }, (_, index) => `t${index}`);
  test.each<[string, unknown, Record<string, string[]>]>([
    ["a token of an app", { app: "t" }, { app: ["t"] }],
    ["two, while one is replaced by the next", { app: ["t", "next"] }, { app: ["t", "next"] }],
    ["apps and all apps", { "owner/app": "t", other: ["u"], "*": "v" }, { "owner/app": ["t"], other: ["u"], "*": ["v"] }],
    ["none at all", {}, {}],
    ["an app with none", { app: [] }, { app: [] }],
    ["exactly 1000", { a: many(500), b: many(500) }, { a: many(500), b: many(500) }],
  ])("%s", (_, json, is) => {
    expect(tokens(JSON.stringify(json))).toEqual(is);
    expect(tokens(`\n ${JSON.stringify(json, null, 2)} `)).toEqual(is);
  });

  test.each<[string, string]>([
    ["no JSON", '{"app": "t"'],
    ["a trailing comma", '{"app": "t",}'],
    ["a name that no app can have", '{"a b": "t"}'],
    ["an empty name", '{"": "t"}'],
    ["a pattern", '{"owner/*": "t"}'],
    ["an empty token", '{"app": ""}'],
    ["an empty token in a list", '{"app": ["t", ""]}'],
    ["a token that is a number", '{"app": 7}'],
    ["a token that is null", '{"app": null}'],
    ["tokens in an object", '{"app": {"token": "t"}}'],
  ])("with %s is refused", (_, text) => {
    expect(tokens(text)).toBeTypeOf("string");
  });

  test("with 1001 tokens is refused", () => {
    expect(tokens(JSON.stringify({ a: many(501), b: many(500) }))).toMatch(/\b1000\b/);
  });

  // Every object has properties of these names, so schema libraries may leave them out.
  test.each(["constructor", "prototype"])("with a token of an app named %s", (app) => {
    expect(tokens(JSON.stringify({ [app]: "t", other: "u" }))).toEqual({ [app]: ["t"], other: ["u"] });
  });
});

/** Texts that an Authorization header can't hold: white space ends a token, and all other bytes reach a Worker as the same character. */
const NEVER_MATCHING: readonly (readonly [string, string])[] = [
  ["a space", "s3cret token"],
  ["a tab", "s3cret\ttoken"],
  ["a line feed", "s3cret\ntoken"],
  ["a space at its end, in JSON", "s3cret "],
  ["a zero byte", "s3cret\u0000"],
  ["a control character", "s3cret\u001b[0m"],
  ["DEL", "s3cret\u007f"],
  ["a letter outside ASCII", "s3cr\u00e9t"],
  ["a no-break space", "s3cret\u00a0token"],
  ["the replacement character", "s3cret\ufffd"],
  ["an emoji", "s3cret\u{1f511}"],
];

describe("a token that could never match is refused, and no fault shows a token", () => {
  test.each(NEVER_MATCHING)("%s", (_, token) => {
    for (const json of [{ app: token }, { app: ["t", token] }, { app: "t", "*": token }]) {
      expect(tokens(JSON.stringify(json))).toBeTypeOf("string");
    }
    if (token.trim() !== token) return;
    expect(tokens(token)).toBeTypeOf("string");
    expect(parseSettings({ ADMIN_TOKEN: token })).toMatchObject({ ok: false, setting: "ADMIN_TOKEN" });
  });

  test.each([
    '{"app": ["s3cret", 7]}',
    '{"app": "s3cret" oops',
    '{"s3cret": {"a": 1}}',
    '{"app s3cret": "t"}',
    `{"app": ${JSON.stringify(Array.from({ length: 1001 }, () => "s3cret"))}}`,
    "s3cret two",
  ])("%.40s", (text) => {
    const result = parseSettings({ HEARTBEAT_TOKENS: text });
    expect(result.ok).toBe(false);
    expect(JSON.stringify(result)).not.toContain("s3cret");
  });

  test("a secret of a wrong kind", () => {
    for (const name of ["HEARTBEAT_TOKENS", "ADMIN_TOKEN", "ORIGIN_SIGNING_KEY"]) {
      for (const value of [{ key: "s3cret" }, ["s3cret"], () => "s3cret"]) {
        const result = parseSettings({ [name]: value });
        expect(result).toMatchObject({ ok: false, setting: name });
        expect(JSON.stringify(result)).not.toContain("s3cret");
      }
    }
  });

  test("every visible character of ASCII can stand in a token", () => {
    const all = Array.from({ length: 94 }, (_, place) => String.fromCharCode(33 + place)).join("");
    expect(tokens(JSON.stringify({ app: all }))).toEqual({ app: [all] });
    expect(tokens(all)).toEqual({ "*": [all] });
  });
});
