// The synthetic workload: seeded, and near the fleet that its parameters cite.
import { expect, test } from "vitest";
import { GENTD26_LIKE, synthetic } from "../../bench/simulate/synthetic.ts";
import type { Workload } from "../../bench/simulate/workload.ts";

const SMALL = { ...GENTD26_LIKE, requests: 500 };

function figuresOf(workload: Workload) {
  const { length } = workload;
  const counts = new Map<string, number>();
  for (const { hint } of workload) counts.set(hint, (counts.get(hint) ?? 0) + 1);
  const falling = [...counts.values()].sort((a, b) => b - a);
  const times = workload.map(({ serviceMs }) => serviceMs / 1000).sort((a, b) => a - b);
  const same = workload.filter(({ hint }, index) => workload[index - 1]?.hint === hint).length;
  return {
    hints: counts.size,
    top1: (falling[0] ?? 0) / length,
    top10: falling.slice(0, 10).reduce((a, b) => a + b, 0) / length,
    same: same / length,
    p50S: times[Math.floor(length * 0.5)] ?? 0,
    p90S: times[Math.floor(length * 0.9)] ?? 0,
    meanS: times.reduce((a, b) => a + b, 0) / length,
  };
}

test("the same seed gives the same workload, another seed another", () => {
  expect(synthetic(SMALL, 7)).toEqual(synthetic(SMALL, 7));
  expect(synthetic(SMALL, 7)).not.toEqual(synthetic(SMALL, 8));
});

test("as many requests as asked for, in order of time, ending where asked", () => {
  const workload = synthetic(SMALL, 3);
  expect(workload).toHaveLength(500);
  expect(workload.at(-1)?.atMs).toBeCloseTo(SMALL.spanMs, 3);
  expect(workload.every(({ atMs }, index) => atMs >= (workload[index - 1]?.atMs ?? 0))).toBe(true);
});

test("with its defaults it looks like the fleet it cites", () => {
  const { hints, top1, top10, same, p50S, p90S, meanS } = figuresOf(synthetic(GENTD26_LIKE, 1));
  // Cited: 687, 0.31, 0.74, 0.23; 14.5, 33.4 and 18.1 s. A third of the service time is one hint's, whose level is a single draw.
  expect(hints).toBeGreaterThan(600);
  expect(hints).toBeLessThan(780);
  expect(Math.abs(top1 - 0.31)).toBeLessThan(0.06);
  expect(Math.abs(top10 - 0.74)).toBeLessThan(0.12);
  expect(Math.abs(same - 0.228)).toBeLessThan(0.04);
  expect(Math.abs(p50S - 14.5)).toBeLessThan(4);
  expect(Math.abs(p90S - 33.4)).toBeLessThan(7);
  expect(Math.abs(meanS - 18.1)).toBeLessThan(4);
});

test("popularity drifts: hints come that were not there, and the ranking changes", () => {
  const workload = synthetic(GENTD26_LIKE, 1);
  const half = workload.length / 2;
  const before = new Set(workload.slice(0, half).map(({ hint }) => hint));
  const fresh = new Set(workload.slice(half).map(({ hint }) => hint)).difference(before);
  expect(fresh.size).toBeGreaterThan(100);
});
