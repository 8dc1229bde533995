// Hints as text: what a request may ask for, what a replica may say in band, where each limit lies.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { hintFault, hintOf, parseInBandHints, parseRequestHints, withoutAliases } from "../../src/wire/hints.ts";
import { seeded } from "../routing/support/seeded.ts";

const numbered = (count: number) => Array.from({ length: count }, (_, index) => `h${index}`);
const LONGEST = "x".repeat(512);
const TOO_LONG = "x".repeat(513);

describe("hintFault", () => {
  test.each<[string, string, RegExp | null]>([
    ["one character", "a", null],
    ["512 characters", LONGEST, null],
    ["513 characters", TOO_LONG, /longer than 512/],
    ["nothing", "", /empty/],
    ["U+0020, the first allowed", " ", null],
    ["U+007E, the last allowed", "~", null],
    ["U+001F, one below", "\u001f", /U\+0020 to U\+007E/],
    ["U+007F, one above", "\u007f", /U\+0020 to U\+007E/],
    ["a tab inside", "a\tb", /U\+0020 to U\+007E/],
    ["a letter outside ASCII", "modèle", /U\+0020 to U\+007E/],
    ["the replacement character that the runtime shows for other bytes", "mod\ufffdle", /U\+0020 to U\+007E/],
    ["a comma", "a,b", /comma/],
    ["spaces, slashes, colons and quotes inside", 'org/model:v1 "fp8"', null],
  ])("%s", (_, hint, fault) => {
    if (fault === null) expect(hintFault(hint)).toBeNull();
    else expect(hintFault(hint)).toMatch(fault);
  });
});

describe("parseRequestHints", () => {
  test.each<[string, string[], string[]]>([
    ["no header", [], []],
    ["an empty header", [""], []],
    ["only separators and spaces", [" , ,,\t"], []],
    ["one hint", ["sdxl"], ["sdxl"]],
    ["several, in the order of preference", ["b,a,c"], ["b", "a", "c"]],
    ["several headers, joined in their order", ["b", "a,c"], ["b", "a", "c"]],
    ["spaces around elements", ["  b ,\ta "], ["b", "a"]],
    ["spaces inside an element stay", ["a b , c  d"], ["a b", "c  d"]],
    ["empty elements", [",a,,b,"], ["a", "b"]],
    ["duplicates: the first place counts", ["b,a,b", "a,c"], ["b", "a", "c"]],
    ["case matters", ["A,a"], ["A", "a"]],
    ["exactly 8", [numbered(8).join()], numbered(8)],
    ["8 different ones of 20 elements", [[...numbered(8), ...numbered(8), "", "", "", ""].join()], numbered(8)],
    ["exactly 512 characters after trimming", [`  ${LONGEST}  `], [LONGEST]],
  ])("%s", (_, headers, hints) => {
    expect(parseRequestHints(headers)).toEqual({ ok: true, hints });
  });

  test.each<[string, string[], RegExp]>([
    ["9 hints", [numbered(9).join()], /more than 8/],
    ["9 hints over two headers", [numbered(8).join(), "h8"], /more than 8/],
    ["513 characters", [`a,${TOO_LONG}`], /longer than 512/],
    ["a character outside ASCII", ["a,é"], /U\+0020 to U\+007E/],
    ["a control character inside", ["a\u0000b"], /U\+0020 to U\+007E/],
  ])("%s is an error that says which", (_, headers, detail) => {
    const result = parseRequestHints(headers);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.detail).toMatch(detail);
  });
});

describe("parseInBandHints", () => {
  test.each<[string, string, string[]]>([
    ["empty: specialises, holds nothing", "", []],
    ["spaces only", "  ", []],
    ["a list, in its order", "b, a ,c", ["b", "a", "c"]],
    ["empty elements and duplicates", "a,,b,a,", ["a", "b"]],
    ["elements that can't be hints are skipped", `a,é,${TOO_LONG},${LONGEST},\u0007,b`, ["a", LONGEST, "b"]],
    ["exactly 256", numbered(256).join(), numbered(256)],
    ["the 257th is skipped", numbered(257).join(), numbered(256)],
    ["bad ones and duplicates do not count", ["é", "h0", "", ...numbered(257)].join(), numbered(256)],
  ])("%s", (_, header, hints) => {
    expect(parseInBandHints(header)).toEqual(hints);
  });
});

const element = fc.oneof(fc.string({ maxLength: 6 }), fc.constantFrom("a", "b", "c", " a", "a ", "", "é", TOO_LONG, LONGEST));

test("whatever a header holds, in-band hints are valid, different and at most 256", () => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 400 }), (elements) => {
      const hints = parseInBandHints(elements.join());
      expect(hints.length).toBeLessThanOrEqual(256);
      expect(new Set(hints).size).toBe(hints.length);
      for (const hint of hints) {
        expect(hintFault(hint)).toBeNull();
        expect(hint).toBe(hint.trim());
      }
    }),
    seeded(200),
  );
});

test("a request's hints, where they are valid, are what the same header would advertise", () => {
  fc.assert(
    fc.property(fc.array(element, { maxLength: 12 }), (elements) => {
      const result = parseRequestHints([elements.join()]);
      if (result.ok) expect(result.hints).toEqual(parseInBandHints(elements.join()));
    }),
    seeded(300),
  );
});

test.each<[string, string | null]>([
  ["sdxl", "sdxl"],
  [" sdxl\n", "sdxl"],
  ["a b", "a b"],
  ["a,b", null],
  ["", null],
  ["  ", null],
  ["mod\u00e8le", null],
  [LONGEST, LONGEST],
  [TOO_LONG, null],
])("hintOf: %j", (text, hint) => {
  expect(hintOf(text)).toBe(hint);
});

test("aliases give the hints that they stand for, each once, in the order of the first", () => {
  const aliases = new Map([
    ["llama3", "llama3:latest"],
    ["llama", "llama3:latest"],
  ]);
  expect(withoutAliases(["a", "llama3", "b", "llama", "llama3:latest"], aliases)).toEqual(["a", "llama3:latest", "b"]);
  expect(withoutAliases([], aliases)).toEqual([]);
  const hints = ["llama3"];
  expect(withoutAliases(hints, new Map())).toBe(hints);
});
