// JSON as clients may write it: the same values with spaces, escapes and members of one name that no serialiser would write. Values are trees of their
// own, because an object of JavaScript has each name once.
import fc from "fast-check";

export type Json =
  | { readonly kind: "object"; readonly members: readonly (readonly [name: string, value: Json])[] }
  | { readonly kind: "array"; readonly elements: readonly Json[] }
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "scalar"; readonly literal: string };

/** Names of members, few of them, so that some stand twice. */
const NAMES = ["model", "input", "a", "", "0", "1", "-1", "a/b", "~", "\u00e9", "\ud83d\ude00", "__proto__", "constructor", 'q"\\', "length", "\ufeff"] as const; // prettier-ignore

const text = fc.oneof(
  fc.constantFrom(
    "sdxl",
    "org/model:v1",
    "",
    " llama3 ",
    '"',
    "\\",
    '\\"',
    "\\\\",
    "\u0000",
    "\u2028",
    "\ud83d\ude00",
    "\ud800",
    "a,b",
  ),
  fc.string({ unit: "binary", maxLength: 12 }),
);
const scalar = fc.constantFrom("null", "true", "false", "0", "-0", "12", "-1.5e+30", "1E-7", "123456789012345678901234567890");

/** `depth`: of objects and arrays in one another. */
export const json: fc.Arbitrary<Json> = fc.letrec<{ value: Json; holder: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", maxDepth: 4 },
    fc.oneof(
      text.map((its): Json => ({ kind: "text", text: its })),
      scalar.map((literal): Json => ({ kind: "scalar", literal })),
    ),
    tie("holder"),
  ),
  holder: fc.oneof(
    fc
      .array(
        fc.tuple(fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...NAMES) }, { weight: 1, arbitrary: text }), tie("value")),
        {
          maxLength: 6,
        },
      )
      .map((members): Json => ({ kind: "object", members })),
    fc.array(tie("value"), { maxLength: 4 }).map((elements): Json => ({ kind: "array", elements })),
  ),
})).holder;

export const step = fc.constantFrom<string>(...NAMES);

/** A tree as text. `draw` gives whole numbers from 0 on, below the one that it is given. */
export function written(tree: Json, draw: (below: number) => number): string {
  const space = () => [" ", "\n", "\t", "\r\n", ""][draw(12)] ?? "";
  const all = (parts: readonly string[]) => parts.map((part) => space() + part + space()).join(",");
  switch (tree.kind) {
    case "object": {
      const members = tree.members.map(([name, value]) => `${quoted(name, draw)}${space()}:${space()}${written(value, draw)}`);
      return `{${members.length === 0 ? space() : all(members)}}`;
    }
    case "array":
      return `[${tree.elements.length === 0 ? space() : all(tree.elements.map((element) => written(element, draw)))}]`;
    case "text":
      return quoted(tree.text, draw);
    case "scalar":
      return tree.literal;
  }
}

/** Some characters escaped that need not be, as \u0041 or \/. */
function quoted(its: string, draw: (below: number) => number): string {
  const units = Array.from({ length: its.length }, (_, index) => its.charCodeAt(index));
  const written = units.map((unit) => {
    const escape = `\\u${draw(2) === 0 ? unit.toString(16).padStart(4, "0") : unit.toString(16).toUpperCase().padStart(4, "0")}`;
    // Halves of a pair are escaped together or not at all, or bytes could not hold the other.
    if (unit >= 0xd800 && unit < 0xe000) return escape;
    if (unit === 0x2f && draw(4) === 0) return "\\/";
    return draw(10) === 0 ? escape : JSON.stringify(String.fromCharCode(unit)).slice(1, -1);
  });
  return `"${written.join("")}"`;
}

/** Every text that a path leads to, in the order in which they stand in the JSON. */
export function textsAt(tree: Json, path: readonly string[]): string[] {
  const [first, ...rest] = path;
  if (first === undefined) return tree.kind === "text" ? [tree.text] : [];
  if (tree.kind === "object") return tree.members.flatMap(([name, value]) => (name === first ? textsAt(value, rest) : []));
  if (tree.kind !== "array" || !/^(0|[1-9]\d*)$/.test(first)) return [];
  const element = tree.elements[Number(first)];
  return element === undefined ? [] : textsAt(element, rest);
}

/** The paths that lead to texts. */
export function pathsOf(tree: Json): string[][] {
  if (tree.kind === "text") return [[]];
  if (tree.kind === "scalar") return [];
  const inner: (readonly [string, Json])[] =
    tree.kind === "object" ? [...tree.members] : tree.elements.map((element, index) => [String(index), element] as const);
  return inner.flatMap(([step, value]) => pathsOf(value).map((rest) => [step, ...rest]));
}
