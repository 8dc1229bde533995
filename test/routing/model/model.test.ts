// What is learned of an app, and from which requests. No figure here follows from one constant.
import { describe, expect, test } from "vitest";
import type { AnswerKind, Failure } from "../../../src/routing/health/outcome.ts";
import { usedAtMs } from "../../../src/routing/ledger/replica.ts";
import { failed } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import {
  countArrival,
  demandShare,
  expectedMs,
  learnAnswer,
  learnHeld,
  loadMs,
  serviceMs,
  Model,
} from "../../../src/routing/model/model.ts";
import { driver } from "../support/driver.ts";
import { BROKEN, DISCONNECTED, ERROR, TIMED_OUT, UNAVAILABLE, UNREACHABLE } from "../support/failing.ts";
import { COLD_MS, known } from "../support/fleets.ts";
import { grantFor, teach } from "../support/teaching.ts";

const MANY = 500;
const near = (value: number, due: number) => Math.abs(value / due - 1) < 0.1;

describe("the time that a request holds its slot", () => {
  test("is not known before any has ended, then is about that of others, and in the end the hint's own", () => {
    const model = new Model(COLD_MS);
    expect(serviceMs(model, "x")).toBe(0);
    teach(model, "other", 10_000, 1);
    expect(serviceMs(model, "x")).toBe(10_000);
    teach(model, "x", 2000, MANY);
    expect([near(serviceMs(model, "x"), 2000), near(serviceMs(model, "new"), 2000)]).toEqual([true, false]);
  });

  test("follows a change", () => {
    const model = new Model(COLD_MS);
    teach(model, "x", 10_000, MANY);
    teach(model, "x", 20_000, MANY);
    expect(near(serviceMs(model, "x"), 20_000)).toBe(true);
  });

  test("is never below 0, whatever a clock does", () => {
    const model = new Model(COLD_MS);
    teach(model, "x", -5000);
    expect(serviceMs(model, "x")).toBe(0);
  });

  test("of a hint that is never found warm is what cold requests take beside their loads", () => {
    const model = new Model(COLD_MS);
    teach(model, "warm", 10_000, MANY);
    for (let time = 0; time < MANY; time++) {
      countArrival(model, "x");
      learnAnswer(model, grantFor("x", { warmth: "cold" }), COLD_MS);
      learnHeld(model, grantFor("x", { warmth: "cold" }), COLD_MS + 20_000);
    }
    expect(near(serviceMs(model, "x"), 20_000)).toBe(true);
  });
});

describe("the time of a load", () => {
  test("is the first guess until loads have been seen, then how much later cold answers come than warm ones", () => {
    const model = new Model(COLD_MS);
    teach(model, "x", 10_000);
    expect(loadMs(model, "x")).toBe(COLD_MS);
    for (let time = 0; time < MANY; time++) learnAnswer(model, grantFor("x", { warmth: "cold" }), 4001);
    expect([near(loadMs(model, "x"), 4000), near(loadMs(model, "new"), 4000)]).toEqual([true, true]);
  });
});

describe("a request teaches", () => {
  /** `a` holds x; a request for x, or for a hint that must be loaded. */
  function after(hint: "x" | "cold", what: Failure | AnswerKind): { readonly model: Model; readonly used: number | undefined } {
    const fleet = driver({ a: { hints: ["x"], hintSlots: 9 } });
    fleet.teaches("x", 1000, 1);
    fleet.arrives(1, [hint]);
    if (typeof what === "string") fleet.answers(1, 3000, null, what);
    else failed(fleet.its, 1, what, null, 3000);
    fleet.ends(1, 5000);
    return { model: fleet.its.model, used: usedAtMs(known(fleet.its.fleet, "a"), "x") };
  }

  test.each<[Failure | AnswerKind, boolean]>([
    ["success", true],
    ["rejected", false],
    ["unsupported", false],
    [ERROR, false],
    [UNREACHABLE, false],
    [TIMED_OUT, false],
  ])("with its times only by a success: %o: %s", (what, teaches) => {
    const weights = ({ model }: ReturnType<typeof after>) => [model.held.weight - 1, model.hints.get("x")?.answer.weight ?? 0];
    expect(weights(after("x", what))).toEqual(teaches ? [1, 2] : [0, 1]);
    expect(after("cold", what).model.load.weight).toBe(teaches ? 1 : 0);
  });

  test("that a hint was used only by a success", () => {
    expect([after("x", "success").used, after("x", "rejected").used]).toEqual([5000, 0]);
  });

  // One that is sent elsewhere, or whose client asks again, is demand: somebody wants the hint.
  test.each<[Failure | AnswerKind, boolean]>([
    ["success", true],
    ["rejected", false],
    ["unsupported", false],
    [ERROR, false],
    [UNREACHABLE, true],
    [DISCONNECTED, true],
    [UNAVAILABLE, true],
    [BROKEN, true],
  ])("that its hint is in demand unless it is not served: %o: %s", (what, counts) => {
    expect(demandShare(after("cold", what).model, "cold") > 1e-9).toBe(counts);
  });
});

describe("demand", () => {
  test("is the share of requests, also of few, and what is asked for no more is forgotten", () => {
    for (const rounds of [5, 500]) {
      const model = new Model(COLD_MS);
      for (let round = 0; round < rounds; round++) for (const hint of ["x", "y", "y", "y"]) countArrival(model, hint);
      expect([near(demandShare(model, "x"), 0.25), near(demandShare(model, "y"), 0.75), demandShare(model, "z")]).toEqual([
        true,
        true,
        0,
      ]);
      for (let later = 0; later < 20_000; later++) countArrival(model, "other");
      expect(demandShare(model, "y")).toBeLessThan(0.01);
    }
  });

  test("of many requests at once is that of as many in a row", () => {
    const [one, other] = [new Model(COLD_MS), new Model(COLD_MS)];
    for (const hint of ["x", "y"]) {
      for (let request = 0; request < 300; request++) countArrival(one, hint);
      countArrival(other, hint, 300);
    }
    expect(other.arrivals).toBe(600);
    for (const hint of ["x", "y"]) expect(demandShare(other, hint)).toBeCloseTo(demandShare(one, hint), 9);
  });

  test("of at most 20,000 hints is remembered; the longest not asked for is forgotten", () => {
    const model = new Model(COLD_MS);
    for (const name of ["first", "second", ...Array.from({ length: LIMITS.learnedHints - 2 }, (_, index) => `hint-${index}`)])
      countArrival(model, name);
    for (const name of ["first", "one more"]) countArrival(model, name);
    expect(model.hints.size).toBe(LIMITS.learnedHints);
    expect(["first", "second", "one more"].map((name) => model.hints.has(name))).toEqual([true, false, true]);
  });
});

describe("what a client declares", () => {
  /** Requests that are short and long by turns, each with what its client declares. */
  function declared(declares: (realMs: number) => number): Model {
    const model = new Model(COLD_MS);
    for (let time = 0; time < MANY; time++) for (const ms of [4000, 16_000]) teach(model, "x", ms, 1, declares(ms));
    return model;
  }

  test("is believed once such declarations have come true, in units of the client's own too", () => {
    expect(
      near(
        expectedMs(
          declared((ms) => ms),
          "x",
          4000,
        ),
        4000,
      ),
    ).toBe(true);
    expect(
      near(
        expectedMs(
          declared((ms) => ms / 60),
          "x",
          4000 / 60,
        ),
        4000,
      ),
    ).toBe(true);
  });

  test.each<[string, (realMs: number) => number]>([
    ["is the wrong way round", (ms) => 64_000_000 / ms],
    ["is always the same", () => 4000],
  ])("counts for little where it %s", (_, declares) => {
    const model = declared(declares);
    expect(expectedMs(model, "x", 4000)).toBeGreaterThan(6000);
  });

  test("counts for nothing before there were any, or where it is not said", () => {
    const model = new Model(COLD_MS);
    teach(model, "x", 10_000);
    expect([
      expectedMs(model, "x", 1),
      expectedMs(
        declared((ms) => ms),
        "x",
        null,
      ) > 6000,
    ]).toEqual([10_000, true]);
  });
});
