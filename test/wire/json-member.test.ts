// A text in a JSON body by its place: of a whole body exactly JSON.parse's answer, and of one that comes in pieces the same, as soon as it is there.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { JsonMember, parseJsonPath, textAt, type JsonPath } from "../../src/wire/json-member.ts";
import { seeded } from "../routing/support/seeded.ts";
import { json, pathsOf, step, textsAt, written } from "../support/json-text.ts";

const bytesOf = (text: string) => new TextEncoder().encode(text);

/** What is found in a body that comes cut at these places, after how many bytes that was known, and whether it was known before the end. */
function found(bytes: Uint8Array, path: JsonPath, cuts: Iterable<number> = []) {
  const member = new JsonMember(path);
  for (const cut of [...cuts, bytes.length]) {
    if (member.find(bytes.subarray(0, cut))) return { text: member.text, after: cut, decided: true };
  }
  return { text: member.text, after: bytes.length, decided: false };
}

/** Cut after each byte. */
const everywhere = ({ length }: Uint8Array) => Array.from({ length }, (_, index) => index + 1);

describe("parseJsonPath", () => {
  test.each<[string, JsonPath | null]>([
    ["model", ["model"]],
    ["a.b", ["a.b"]],
    ["a/b", ["a/b"]],
    ["/model", ["model"]],
    ["/input/0/model", ["input", "0", "model"]],
    ["/", [""]],
    ["/a~1b/m~0n/~01", ["a/b", "m~n", "~1"]],
    ["/a~", null],
    ["/a~2", null],
    ["/~/a", null],
  ])("%s", (text, path) => {
    expect(parseJsonPath(text)).toEqual(path);
  });
});

describe.each<[string, (text: string, path?: JsonPath) => string | null]>([
  ["a whole body", (text, path = ["model"]) => textAt(bytesOf(text), path)],
  ["a body in one piece", (text, path = ["model"]) => found(bytesOf(text), path).text],
  ["a body byte by byte", (text, path = ["model"]) => found(bytesOf(text), path, everywhere(bytesOf(text))).text],
])("%s", (_, read) => {
  test.each<[string, string, string | null]>([
    ["a member of the outermost object", '{"model":"m"}', "m"],
    ["with spaces around everything", ' \r\n{ "a" : [ ] , "model"\t:\n"m" } ', "m"],
    ["after members of every kind", '{"a":1,"b":-1.5e3,"c":true,"d":null,"e":"x","f":[1,[2]],"g":{"h":{}},"model":"m"}', "m"],
    ["after texts with quotes, braces and commas", '{"a":"\\"model\\":\\"x\\",}]","model":"m"}', "m"],
    ["after a text that ends in backslashes", '{"a":"\\\\","b":"\\\\\\\\","model":"m"}', "m"],
    ["with escapes", '{"\\u006dodel":"a\\u0041\\n\\/\\"\\\\"}', 'aA\n/"\\'],
    ["a pair of surrogates as escapes", '{"model":"\\ud83d\\ude00"}', "\ud83d\ude00"],
    ["a byte order mark before it", '\ufeff{"model":"m"}', "m"],
    ["an empty text", '{"model":""}', ""],
    ["one further in is another", '{"a":{"model":"x"},"b":[{"model":"y"}]}', null],
    ["a name in another case is another", '{"Model":"x"}', null],
    ["a name as a value", '{"a":"model","b":"x"}', null],
    ["a number", '{"model":1}', null],
    ["null", '{"model":null}', null],
    ["an object", '{"model":{"model":"x"}}', null],
    ["an array", '{"model":["x"]}', null],
    ["no such member", '{"a":"x"}', null],
    ["an empty object", "{}", null],
    ["an array of objects", '[{"model":"x"}]', null],
    ["a text", '"model"', null],
    ["a number alone", "1", null],
    ["nothing", "", null],
    ["spaces", "  ", null],
    ["half of a byte order mark", "\u00ef", null],
    ["no JSON", "model=m", null],
    ["a name without quotes", '{model:"m"}', null],
    ["a colon missing", '{"model" "m"}', null],
    ["a comma missing", '{"a":1 "model":"m"}', null],
    ["a comma at the beginning", '{,"model":"m"}', null],
    ["a wrong end before it", '{"a":[1},"model":"m"}', null],
    ["a control character in the text", '{"model":"a\u0001b"}', null],
    ["an escape that is none in the text", '{"model":"\\x41"}', null],
    ["an escape that is none in a name", '{"\\m":1,"model":"m"}', null],
    ["the text cut off", '{"model":"m', null],
    ["cut off before it", '{"model":', null],
  ])("%s", (_name, text, is) => {
    expect(read(text)).toBe(is);
  });

  test.each<[string, string, JsonPath, string | null]>([
    ["a member of a member", '{"a":{"model":"x"},"input":{"b":1,"model":"m"}}', ["input", "model"], "m"],
    ["not of another with that name", '{"input":{"a":{"model":"x"}},"model":"y"}', ["input", "model"], null],
    ["an element", '{"a":["x",["y"],"m"]}', ["a", "2"], "m"],
    ["a member of an element", '[[],{"m":"x"},{"m":"m"}]', ["2", "m"], "m"],
    ["an index as a name", '{"0":"m"}', ["0"], "m"],
    ["-1 is no index", '["x"]', ["-1"], null],
    ["nor is 00", '["x"]', ["00"], null],
    ["an array has no length", '["x"]', ["length"], null],
    ["an element too far", '["x"]', ["1"], null],
    ["an empty name", '{"":{"":"m"}}', ["", ""], "m"],
    ["names that every object has", '{"a":"x"}', ["constructor", "name"], null],
    ["__proto__ is a name like any other", '{"__proto__":"m"}', ["__proto__"], "m"],
    ["nothing inside a text", '{"a":"xyz"}', ["a", "0"], null],
  ])("%s", (_name, text, path, is) => {
    expect(read(text, path)).toBe(is);
  });
});

test("bytes that are no UTF-8 are no JSON, where they are looked into", () => {
  const latin = (text: string) => Uint8Array.from(text, (character) => character.charCodeAt(0));
  expect(textAt(latin('{"a":"\u00e9","model":"m"}'), ["model"])).toBeNull();
  for (const text of ['{"\u00e9":1,"model":"m"}', '{"model":"\u00e9"}', '\u00ef\u00bb{"model":"m"}']) {
    expect(found(latin(text), ["model"]).text).toBeNull();
  }
  const utf16 = (text: string) => new Uint8Array(Buffer.from(`\ufeff${text}`, "utf16le"));
  expect(textAt(utf16('{"model":"m"}'), ["model"])).toBeNull();
});

test("of members of one name a whole body's last counts, as for most parsers; in pieces the first text", () => {
  const twice = '{"model":1,"model":"a","model":"b"}';
  expect(textAt(bytesOf(twice), ["model"])).toBe("b");
  expect(found(bytesOf(twice), ["model"], everywhere(bytesOf(twice)))).toEqual({ text: "a", after: 22, decided: true });
  expect(textAt(bytesOf('{"model":"a","model":1}'), ["model"])).toBeNull();
});

test("no more tokens are passed than may be, and a string is one", () => {
  const bytes = bytesOf(`{"a":["${"x".repeat(1000)}",1],"model":"m"}`);
  // The beginning, { "a" : [ "x…" , 1, the end of 1, ] , "model" : and "m".
  for (const [most, text] of new Map([
    [13, null],
    [14, "m"],
  ])) {
    // prettier-ignore
    const member = new JsonMember(["model"], most);
    expect(member.find(bytes)).toBe(true);
    expect(member.text).toBe(text);
  }
});

test("nothing after the text is waited for, and nothing after the body", () => {
  const bytes = bytesOf('{"model":"m","prompt":');
  expect(found(bytes, ["model"], everywhere(bytes))).toEqual({ text: "m", after: 12, decided: true });
  for (const text of ["{}", '{"a":1}', "[]", '"x"', "1 ", "%", '{"a":]']) {
    const more = bytesOf(`${text}{"model":"m"}`);
    expect(found(more, ["model"], everywhere(more)).after, text).toBe(text.length);
  }
});

/** A tree, its text in bytes, a path, which leads to a text in most cases, and where the bytes are cut. */
const body = fc
  .tuple(
    json,
    fc.infiniteStream(fc.nat({ max: 999 })),
    fc.array(step, { minLength: 1, maxLength: 3 }),
    fc.array(fc.nat({ max: 9999 }), { maxLength: 8 }),
  )
  .map(([tree, numbers, steps, places]) => {
    const draw = (below: number) => (numbers.next().value as number) % below;
    const paths = pathsOf(tree);
    const path = (draw(4) > 0 ? paths[draw(paths.length || 1)] : null) ?? steps;
    const bytes = bytesOf((draw(8) === 0 ? "\ufeff" : "") + written(tree, draw));
    const cuts = places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b);
    return { tree, bytes, path, cuts };
  });

/** How often each of some cases came up, so that a property does not pass for want of them. */
function counted(...cases: boolean[]): (counts: number[]) => void {
  return (counts) => cases.forEach((its, index) => (counts[index] = (counts[index] ?? 0) + (its ? 1 : 0)));
}

/** What the path leads to in a value of JavaScript. */
function reached(value: unknown, [first, ...rest]: JsonPath): unknown {
  if (first === undefined) return value;
  if (Array.isArray(value)) return /^(0|[1-9]\d*)$/.test(first) ? reached(value[Number(first)], rest) : undefined;
  const members = typeof value === "object" && value !== null ? Object.entries(value) : [];
  return reached(members.find(([name]) => name === first)?.[1], rest);
}

test("a whole body gives JSON.parse's answer, whatever it is", () => {
  const counts: number[] = [];
  fc.assert(
    fc.property(body, ({ bytes, path }) => {
      const value = reached(JSON.parse(new TextDecoder().decode(bytes)), path);
      const text = typeof value === "string" ? value : null;
      expect(textAt(bytes, path)).toBe(text);
      counted(text !== null, text === null)(counts);
    }),
    seeded(5000),
  );
  expect(Math.min(...counts)).toBeGreaterThan(200);
});

test("a body in pieces gives the same, however it is cut; of members of one name the first text", () => {
  const counts: number[] = [];
  fc.assert(
    fc.property(body, ({ tree, bytes, path, cuts }) => {
      const [first = null, ...others] = textsAt(tree, path);
      const its = found(bytes, path, cuts);
      expect(its).toEqual({ ...its, text: first, decided: true });
      if (others.length === 0 && first !== null && textAt(bytes, path) !== null) expect(textAt(bytes, path)).toBe(first);
      expect(found(bytes, path, everywhere(bytes)).text).toBe(first);
      counted(first !== null, first === null, others.length > 0)(counts);
    }),
    seeded(5000),
  );
  expect(Math.min(...counts)).toBeGreaterThan(50);
});

test("a body that is cut off gives the text or nothing, and never another", () => {
  const counts: number[] = [];
  fc.assert(
    fc.property(body, fc.nat({ max: 9999 }), ({ tree, bytes, path, cuts }, place) => {
      const length = place % (bytes.length + 1);
      const { text, decided } = found(bytes.subarray(0, length), path, cuts.filter((cut) => cut < length)); // prettier-ignore
      const [first = null] = textsAt(tree, path);
      if (decided) expect(text).toBe(first);
      else expect(text).toBeNull();
      counted(decided && text !== null, !decided)(counts);
    }),
    seeded(4000),
  );
  expect(Math.min(...counts)).toBeGreaterThan(50);
});

test("whatever the bytes are, reading them ends, throws nothing, and does not depend on where they are cut", () => {
  const spoilt = fc.oneof(
    fc.uint8Array({ maxLength: 200 }),
    fc
      .string({ unit: fc.constantFrom(...'{}[]":,\\ \n"model"1truefalsenull'.split(""), '"model":"m"', "\ufeff"), maxLength: 60 })
      .map(bytesOf),
    fc.tuple(body, fc.nat({ max: 9999 }), fc.nat({ max: 255 })).map(([{ bytes }, place, byte]) => {
      const its = Uint8Array.from(bytes);
      if (its.length > 0) its[place % its.length] = byte;
      return its;
    }),
  );
  fc.assert(
    fc.property(spoilt, fc.array(step, { minLength: 1, maxLength: 2 }), (bytes, path) => {
      const whole = textAt(bytes, path);
      const { text } = found(bytes, path);
      expect(found(bytes, path, everywhere(bytes)).text).toBe(text);
      for (const its of [whole, text]) if (its !== null) expect(its).toBeTypeOf("string");
      // What is JSON has its text in both ways.
      if (whole !== null) expect(text).not.toBeNull();
    }),
    seeded(6000),
  );
});

describe("bodies that are made to take long", () => {
  const SIZE = 65_536;
  const tail = '","model":"m"}';
  test.each<[string, string, string | null]>([
    ["brackets", "[".repeat(SIZE), null],
    ["braces", '{"":'.repeat(SIZE / 4), null],
    ["quotes", '"'.repeat(SIZE), null],
    ["escaped quotes", `{"a":"${String.raw`\"`.repeat(SIZE / 2)}${tail}`, "m"],
    ["backslashes", `{"a":"${"\\\\".repeat(SIZE / 2)}${tail}`, "m"],
    ["empty texts", `{"a":[${'"",'.repeat(SIZE / 3)}""],"model":"m"}`, "m"],
    ["spaces", `{"a":1,${" ".repeat(SIZE)}"model":"m"}`, "m"],
    ["digits", `{"a":${"1".repeat(SIZE)},"model":"m"}`, "m"],
    ["a long name", `{"${"n".repeat(SIZE)}":1,"model":"m"}`, "m"],
    ["many names", `{${'"mode":1,'.repeat(SIZE / 9)}"model":"m"}`, "m"],
  ])("%s, byte by byte", (_name, text, is) => {
    const bytes = bytesOf(text);
    // Reading them anew with each byte would take 2 billion steps.
    expect(found(bytes, ["model"], everywhere(bytes)).text).toBe(is);
    expect(textAt(bytes, ["model"])).toBe(is);
  });
});
