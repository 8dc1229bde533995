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
    expect(tokens(text)).toMatch(/^must be a token, or JSON like /);
  });

  test("with 1001 tokens is refused", () => {
    expect(tokens(JSON.stringify({ a: many(501), b: many(500) }))).toBe("has more than 1000 tokens");
  });

  // Names of properties that every object has, which schema libraries like to leave out.
  test.each(["constructor", "prototype"])("with a token of an app named %s", (app) => {
    expect(tokens(JSON.stringify({ [app]: "t", other: "u" }))).toEqual({ [app]: ["t"], other: ["u"] });
  });

  test("a fault never shows a token", () => {
    expect(tokens('{"app": ["s3cret", 7]}')).not.toContain("s3cret");
  });
});
