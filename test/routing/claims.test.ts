// What clients' claims of a request's cost are worth: believed as far as such claims have come true.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countArrival, createEstimates, expectedMs, serviceMs, type Estimates } from "../../src/routing/model/estimates.ts";
import { BOUNDS } from "../../src/limits.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { COLD_MS } from "./support/fleets.ts";
import { seeded } from "./support/seeded.ts";
import { served, times } from "./support/served.ts";

const { outlier, claimPrior } = TUNING;

describe("what a client says of its request", () => {
  const SHORT_MS = 4000;
  const LONG_MS = 16_000;

  /** Requests that are short and long by turns, each with what its client says. */
  function claimed(count: number, says: (realMs: number) => number): Estimates {
    return served(...times(count, (index) => [SHORT_MS, LONG_MS][index % 2] ?? 0).map((ms) => ["x", ms, says(ms)] as const));
  }
  /** How far, from the hint's mean to the truth, a claim takes the expectation of a short request: 0 not at all, 1 all the way. */
  function believed(estimates: Estimates, declaredMs: number): number {
    const mean = Math.log(serviceMs(estimates, "x"));
    return (Math.log(expectedMs(estimates, "x", declaredMs)) - mean) / (Math.log(SHORT_MS) - mean);
  }
  const MANY = 400 + claimPrior;

  test("is believed once such claims have come true", () => {
    expect(
      believed(
        claimed(MANY, (ms) => ms),
        SHORT_MS,
      ),
    ).toBeGreaterThan(0.9);
  });

  test("also where clients count in units of their own", () => {
    expect(
      believed(
        claimed(MANY, (ms) => ms / 60),
        SHORT_MS / 60,
      ),
    ).toBeGreaterThan(0.9);
  });

  test.each<[string, (realMs: number) => number]>([
    ["is the wrong way round", (ms) => (SHORT_MS * LONG_MS) / ms],
    ["is always short", () => SHORT_MS],
    ["is always absurd", () => 1e-9],
  ])("counts for little where it %s", (_, says) => {
    expect(Math.abs(believed(claimed(MANY, says), SHORT_MS))).toBeLessThan(0.5);
  });

  test("is not believed before `claimPrior` have been seen, or where it says nothing", () => {
    const few = claimed(claimPrior - 1, (ms) => ms);
    expect(expectedMs(few, "x", SHORT_MS)).toBe(serviceMs(few, "x"));
    const many = claimed(MANY, (ms) => ms);
    expect(expectedMs(many, "x", null)).toBe(serviceMs(many, "x"));
  });

  test("is not believed before anything was served that could bear it out", () => {
    const estimates = createEstimates(COLD_MS);
    countArrival(estimates, "x");
    expect(expectedMs(estimates, "x", BOUNDS.declaredCostMs)).toBe(0);
  });

  test("never moves the expectation by more than `outlier` times", () => {
    const estimates = claimed(MANY, (ms) => ms);
    const mean = serviceMs(estimates, "x");
    fc.assert(
      fc.property(fc.double({ min: 1e-9, max: BOUNDS.declaredCostMs, noNaN: true }), (declaredMs) => {
        const expected = expectedMs(estimates, "x", declaredMs);
        expect(expected).toBeGreaterThan((mean / outlier) * (1 - 1e-6));
        expect(expected).toBeLessThan(mean * outlier * (1 + 1e-6));
      }),
      seeded(200),
    );
  });
});
