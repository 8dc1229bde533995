// From looks to what the replica says: names become hints, and faults become a state.
import { describe, expect, test } from "vitest";
import type { FaultKind } from "../../sidecar/fault.ts";
import { judged, UNSEEN } from "../../sidecar/judge.ts";
import { heldHints, nameOf } from "../../sidecar/names.ts";
import { samplesOf, sumOf } from "../../sidecar/metrics.ts";

const look = (models: readonly (readonly string[])[] | null, slots: number | null = null) => ({
  models,
  slots,
  concurrency: null,
});

describe("hints", () => {
  const none = new Map<string, readonly string[]>();

  test("a model has a hint for each of its names", () => {
    expect(heldHints(look([["a:latest", "a"], ["b"]]), false, none, null)).toEqual({
      hints: ["a:latest", "a", "b"],
      hintSlots: null,
    });
  });

  test("an alias takes the place of the names, and there may be several", () => {
    const aliases = new Map([["a:latest", ["one", "two"]]]);
    expect(heldHints(look([["a:latest", "a"], ["b"]]), false, aliases, null).hints).toEqual(["one", "two", "b"]);
    expect(["one", "two", "b", "a:latest"].map((hint) => nameOf(hint, aliases))).toEqual([
      "a:latest",
      "a:latest",
      "b",
      "a:latest",
    ]);
  });

  test.each([
    // models held, slots of the server, slots by the operator: hints that still fit
    [1, 3, null, 2],
    [2, 3, null, 1],
    [3, 3, null, 0],
    [4, 3, null, 0],
    [1, 3, 5, 4],
    [0, 1, null, 1],
    [0, 0, null, 0],
  ])("%s of %s models held, --hint-slots %s: room for %s", (held, slots, asked, room) => {
    const models = Array.from({ length: held }, (_, index) => [`m${index}:latest`, `m${index}`]);
    const { hints, hintSlots } = heldHints(look(models, slots), false, none, asked);
    expect((hintSlots ?? 0) - (hints?.length ?? 0)).toBe(room);
  });

  test("no more is said than the router takes", () => {
    expect(heldHints(look([], 5000), false, none, null).hintSlots).toBe(256);
    expect(heldHints(look(null, 5000), false, none, null).hintSlots).toBe(256);
  });

  test("of a guess the last count, as many as fit", () => {
    const used = look([["a"], ["b"], ["c"]], 1);
    expect(heldHints(used, true, none, null)).toEqual({ hints: ["c"], hintSlots: 1 });
    expect(heldHints(used, true, none, 2)).toEqual({ hints: ["b", "c"], hintSlots: 2 });
    expect(heldHints(used, true, none, 9)).toEqual({ hints: ["a", "b", "c"], hintSlots: 9 });
    expect(heldHints(used, true, none, 0)).toEqual({ hints: [], hintSlots: 0 });
  });

  test("a server that does not say what it holds says nothing", () => {
    expect(heldHints(look(null, 3), false, none, null)).toEqual({ hints: null, hintSlots: 3 });
  });
});

describe("the server's state", () => {
  const after = (...faults: (FaultKind | null)[]) => faults.reduce(judged, UNSEEN);

  test.each([
    ["a server that was never up", ["down", "slow", "garbage"], "unseen", false],
    ["up", ["down", null], "up", false],
    ["one slow answer is chance", [null, "slow"], "up", false],
    ["so is one odd answer", [null, "garbage", null, "garbage"], "up", false],
    ["two are not", [null, "slow", "garbage"], "down", false],
    ["a refused connection is sure", [null, "down"], "down", true],
    ["a loading model is sure, and the same process", [null, "loading"], "down", false],
    ["gone, then loading: another process", [null, "down", "loading"], "down", true],
    ["it is back", [null, "down", "loading", null], "up", false],
  ] as const)("%s", (_, faults, state, wasGone) => {
    expect(after(...faults)).toMatchObject({ state, wasGone });
  });
});

test("samples of Prometheus texts", () => {
  const text = [
    "# HELP m a metric",
    'm{a="x,y",b="q\\"uote\\\\ and\\nline"} 1.5',
    "m 2",
    'm_total{a="x"} 7',
    'm{a="nan"} NaN',
    'm{a="t"} 3 1764000000000',
  ].join("\n");
  expect(samplesOf(text, "m")).toEqual([
    { labels: { a: "x,y", b: 'q"uote\\ and\nline' }, value: 1.5 },
    { labels: {}, value: 2 },
    { labels: { a: "t" }, value: 3 },
  ]);
  expect([sumOf(text, "m"), sumOf(text, "other")]).toEqual([6.5, null]);
});
