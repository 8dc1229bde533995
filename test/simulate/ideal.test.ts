// The ideal queue on a fleet small enough to follow by hand.
import { expect, test } from "vitest";
import { idealRun } from "../../bench/simulate/ideal.ts";

test("first come first served, on the first slot that is free; a slow replica takes longer", () => {
  const workload = [0, 100, 200, 5000].map((atMs) => ({ atMs, hint: "a", serviceMs: 1000 }));
  const { outcomes, endMs } = idealRun(workload, { replicas: 2, concurrency: 1, speeds: [1, 0.5] });
  // Replica 0: from 0 to 1000, and the third request to 2000. Replica 1: from 100 to 2100.
  expect(outcomes.map(({ waitedMs }) => waitedMs)).toEqual([0, 0, 800, 0]);
  expect(outcomes.map(({ inSystemMs }) => inSystemMs)).toEqual([1000, 2000, 1800, 1000]);
  expect([endMs, outcomes.every(({ served }) => served)]).toEqual([6000, true]);
});
