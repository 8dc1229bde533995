// When a queue counts as growing without bound: on runs whose waits are written down, and on simulated ones whose load is known.
import { expect, test } from "vitest";
import { isUnbounded } from "../../bench/simulate/backlog.ts";
import { idealRun } from "../../bench/simulate/ideal.ts";
import { blank } from "../../bench/simulate/outcome.ts";
import { seeded } from "../../bench/simulate/random.ts";

const GAP_MS = 1000;

/** A request every second. `waitMs` by its place, from 0 for the first to 1 for the last. */
function unbounded(requests: number, waitMs: (place: number) => number): boolean {
  const workload = Array.from({ length: requests }, (_, index) => ({ atMs: index * GAP_MS, hint: "a", serviceMs: 1 }));
  const outcomes = workload.map((_, index) => ({ ...blank(), waitedMs: waitMs(index / (requests - 1)) }));
  return isUnbounded(workload, outcomes);
}

test.each([
  ["nobody waits", 1000, () => 0, false],
  ["waits grow to the end", 10_000, (place: number) => place * 1000 * GAP_MS, true],
  ["waits grow, and fewer than 1 % are left", 20_000, (place: number) => place * 150 * GAP_MS, false],
  ["waits grow, and no more than 100 are left", 1000, (place: number) => place * 90 * GAP_MS, false],
  ["waits are long and do not grow", 10_000, () => 1000 * GAP_MS, false],
  ["a backlog that has been worked off", 10_000, (place: number) => (1 - Math.abs(2 * place - 1)) * 2000 * GAP_MS, false],
  ["a burst at the end, after a quiet third quarter", 10_000, burst, false],
] as const)("%s", (_, requests, waitMs, expected) => {
  expect(unbounded(requests, waitMs)).toBe(expected);
});

function burst(place: number): number {
  return (place < 0.5 ? 50 : place < 0.75 ? 10 : 1000) * GAP_MS;
}

/** Poisson arrivals, exponential service times. */
function drawn(load: number, seed: number) {
  const random = seeded(seed);
  let atMs = 0;
  const workload = Array.from({ length: 20_000 }, () => {
    atMs -= 1000 * Math.log(1 - random());
    return { atMs, hint: "a", serviceMs: -4000 * load * Math.log(1 - random()) };
  });
  return { workload, outcomes: idealRun(workload, { replicas: 4, concurrency: 1 }).outcomes };
}

test.each([1, 2, 3, 4, 5])("a queue of four servers, seed %i: at loads up to 0.95 it is bounded, from 1.05 it is not", (seed) => {
  const found = [0.5, 0.8, 0.95, 1.05, 1.2].map((load) => {
    const { workload, outcomes } = drawn(load, seed);
    return isUnbounded(workload, outcomes);
  });
  expect(found).toEqual([false, false, false, true, true]);
});

test("an empty run, and one that happens all at once", () => {
  expect(isUnbounded([], [])).toBe(false);
  const once = Array.from({ length: 500 }, () => ({ atMs: 5, hint: "a", serviceMs: 1000 }));
  expect(isUnbounded(once, idealRun(once, { replicas: 1, concurrency: 1 }).outcomes)).toBe(false);
});
