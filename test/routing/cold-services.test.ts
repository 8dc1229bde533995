// What cold requests teach of service times: as much as they can be believed beside warm ones.
import { describe, expect, test } from "vitest";
import { countArrival, learnColdService, learnLoad, meanLoadMs, serviceMs, type Estimates } from "../../src/routing/estimates.ts";
import { TUNING } from "../../src/routing/tuning.ts";
import { driver } from "./support/driver.ts";
import { COLD_MS } from "./support/fleets.ts";
import { served, times } from "./support/served.ts";

/** Warm requests of many hints, each of which takes a little more or less than was expected of it. */
function taught(): Estimates {
  return served(...times(200, (index) => [`warm-${index % 10}`, Math.floor(index / 10) % 2 === 0 ? 9000 : 11_000] as const));
}

/** A cold request of the hint is over that served for so long beside its load. */
function coldly(estimates: Estimates, hint: string, servingMs: number, loadingMs = meanLoadMs(estimates)): void {
  countArrival(estimates, hint);
  learnColdService(estimates, hint, loadingMs + servingMs);
}

const weightOf = (estimates: Estimates, hint: string) => estimates.hints.get(hint)?.service.weight ?? 0;

describe("a cold request", () => {
  test("teaches what is left without a load on average, so a hint that is never found warm is known too", () => {
    const estimates = taught();
    for (let request = 0; request < 50; request++) coldly(estimates, "slow", 40_000);
    expect(serviceMs(estimates, "slow")).toBeGreaterThan(30_000);
    expect(serviceMs(estimates, "new")).toBeLessThan(20_000);
  });

  test("counts as a warm one where it is foretold as well, and for less, the worse cold ones are", () => {
    const weights = [0, 1000, 8000].map((offMs) => {
      const estimates = taught();
      // Loads that are longer and shorter than the mean by turns.
      for (let request = 0; request < 60; request++)
        coldly(estimates, "x", 10_000, COLD_MS + (request % 2 === 0 ? offMs : -offMs));
      const before = weightOf(estimates, "y");
      coldly(estimates, "y", 10_000);
      return weightOf(estimates, "y") - before;
    });
    expect(weights[0]).toBe(1);
    expect(weights[1]).toBeGreaterThan(0.5);
    expect(weights[2]).toBeLessThan(0.1);
    expect(weights[2]).toBeGreaterThan(0);
  });

  test("that was over before an average load would have been counts as a short one, not as none or less", () => {
    const estimates = taught();
    const expected = serviceMs(estimates, "x");
    countArrival(estimates, "x");
    learnColdService(estimates, "x", 1);
    expect(serviceMs(estimates, "x")).toBeGreaterThan(expected / TUNING.outlier);
    expect(serviceMs(estimates, "x")).toBeLessThan(expected);
  });

  test("teaches nothing before any warm one was over", () => {
    const estimates = served();
    coldly(estimates, "x", 10_000);
    expect([serviceMs(estimates, "x"), weightOf(estimates, "x"), estimates.coldError.weight]).toEqual([0, 0, 0]);
  });

  test("leaves the mean of all requests and what is known of loads as they were", () => {
    const estimates = taught();
    learnLoad(estimates, "x", 5000);
    const before = structuredClone([estimates.service, estimates.load, estimates.newAnswer, estimates.warmError]);
    for (let request = 0; request < 20; request++) coldly(estimates, "x", 60_000);
    expect([estimates.service, estimates.load, estimates.newAnswer, estimates.warmError]).toEqual(before);
  });
});

test("those that wait go by what others of their hint took meanwhile", () => {
  const fleet = driver({ a: { hints: ["x", "y"], concurrency: 2 } });
  for (const hint of ["x", "y"]) fleet.teaches(hint, 10_000);
  // Both slots are taken; x came first.
  for (const [id, hint] of [
    [1, "x"],
    [2, "y"],
  ] as const)
    fleet.arrives(id, [hint]);
  for (const [id, hint] of [
    [3, "x"],
    [4, "y"],
  ] as const)
    fleet.arrives(id, [hint], 1000);
  fleet.answers(1, 90_000);
  fleet.ends(1, 90_000);
  // A request of x took 90 s, so now one of y is the shorter one.
  expect(Object.keys(fleet.settles(90_000))).toEqual(["4"]);
});

test("also those without a hint", () => {
  const fleet = driver({ a: { hints: ["y"], concurrency: 2 } });
  for (const hint of ["", "y"]) fleet.teaches(hint, 10_000);
  for (const [id, hints] of [
    [1, []],
    [2, ["y"]],
    [3, []],
    [4, ["y"]],
  ] as const)
    fleet.arrives(id, hints, id);
  fleet.answers(1, 90_000);
  fleet.ends(1, 90_000);
  expect(Object.keys(fleet.settles(90_000))).toEqual(["4"]);
});
