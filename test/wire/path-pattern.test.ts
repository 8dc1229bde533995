// Patterns of paths: what `*` and `{hint}` stand for, and that no path takes long to compare.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  matchesPath,
  matchesRequest,
  parseHintPattern,
  parsePathPattern,
  parseRequestPattern,
  textInPath,
} from "../../src/wire/path-pattern.ts";
import { seeded } from "../routing/support/seeded.ts";

const matches = (pattern: string, path: string) => matchesPath(parsePathPattern(pattern)!, path);

describe("a path", () => {
  test.each<[string, string[], string[]]>([
    ["/health", ["/health"], ["/", "/health/", "/healthz", "/a/health", "/Health"]],
    ["*/v1/models", ["/v1/models", "/a/v1/models", "/a/b/v1/models"], ["/v1/models/", "/v1/models/x", "v1/models"]],
    ["/v1/*", ["/v1/", "/v1/a", "/v1/a/b"], ["/v1", "/v2/a"]],
    ["/a/*/b", ["/a/x/b", "/a//b", "/a/x/y/b"], ["/a/b", "/a/x/c", "/b/x/b"]],
    ["/a*a", ["/aa", "/aba"], ["/a"]],
    ["*a*b*", ["/ab", "/a/b", "/xaxbx"], ["/ba", "/a"]],
    ["*", ["/", "/a/b"], []],
    ["/a.c", ["/a.c"], ["/abc"]],
    ["/%2F", ["/%2F"], ["/%2f", "//"]],
  ])("%s", (pattern, these, others) => {
    expect(these.filter((path) => !matches(pattern, path))).toEqual([]);
    expect(others.filter((path) => matches(pattern, path))).toEqual([]);
  });

  test("is compared as a regular expression with .* for each * would compare it", () => {
    const piece = fc.constantFrom("*", "/", "a", "b", "ab", ".", "/a/");
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 7 }), fc.array(piece, { maxLength: 9 }), (pattern, path) => {
        const text = `/${pattern.join("")}`;
        const target = `/${path.join("").replaceAll("*", "x")}`;
        expect(matches(text, target)).toBe(new RegExp(`^${text.replaceAll(".", "\\.").replaceAll("*", ".*")}$`).test(target));
      }),
      seeded(5000),
    );
  });

  test("with many * is compared with a long path", () => {
    expect(matches(`/${"*a".repeat(250)}b`, `/${"a".repeat(64_000)}`)).toBe(false);
  });
});

test("a request is compared by method and path; GET stands for HEAD, no method for all", () => {
  const patterns = ["GET */v1/models", "/health", "POST /tokenize"].map((text) => parseRequestPattern(text)!);
  const its = (method: string, path: string) => matchesRequest(patterns, method, path);
  expect([its("GET", "/v1/models"), its("HEAD", "/v1/models"), its("POST", "/v1/models")]).toEqual([true, true, false]);
  expect([its("GET", "/health"), its("PURGE", "/health"), its("POST", "/tokenize"), its("GET", "/tokenize")]).toEqual([
    true,
    true,
    true,
    false,
  ]);
  expect(matchesRequest([], "GET", "/health")).toBe(false);
});

describe("the hint in a path", () => {
  test.each<[string, string, string | null]>([
    ["/models/{hint}/*", "/models/sdxl/run", "sdxl"],
    ["/models/{hint}/*", "/models/sdxl/", "sdxl"],
    ["/models/{hint}/*", "/models/sdxl", null],
    ["/models/{hint}/*", "/models//run", null],
    ["/models/{hint}/*", "/a/models/sdxl/run", null],
    ["/models/{hint}", "/models/sdxl", "sdxl"],
    ["/models/{hint}", "/models/sdxl/run", null],
    ["/models/{hint}*", "/models/sdxl/run", "sdxl"],
    ["/{hint}/run", "/sdxl/run", "sdxl"],
    ["*/models/{hint}:*", "/v1beta/models/llama3:8b:generate", "llama3:8b"],
    ["*/models/{hint}/*", "/models/models/x/y", "models"],
    ["*/{hint}/run", "/a/b/run", "b"],
    ["/models/{hint}/*", "/models/org%2Fmodel%20v1/run", "org/model v1"],
    ["/models/{hint}/*", "/models/%E6%A8%A1/run", "\u6a21"],
    ["/models/{hint}/*", "/models/%ff/run", null],
    ["/models/{hint}/*", "/models/50%/run", null],
    ["/a.b/{hint}", "/a.b/x", "x"],
    ["/a.b/{hint}", "/a-b/x", null],
    ["/a(b)/{hint}+", "/a(b)/x+", "x"],
  ])("%s of %s", (pattern, path, hint) => {
    expect(textInPath(parseHintPattern(pattern)!, path)).toBe(hint);
  });

  test.each([
    ["*/{hint}/x/*", "/a".repeat(32_000)],
    ["*/{hint}x", `/${"a".repeat(64_000)}`],
    ["*/a/{hint}:b", "/a/a:".repeat(12_000)],
  ])("%s of a long path", (pattern, path) => {
    expect(textInPath(parseHintPattern(pattern)!, path)).toBeNull();
  });
});
