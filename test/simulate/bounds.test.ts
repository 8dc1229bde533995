// The bounds, on sequences worked out by hand.
import { expect, test } from "vitest";
import { compulsoryMissShare, pooledBeladyMissShare } from "../../bench/simulate/bounds.ts";

const workload = (hints: string) => Array.from(hints, (hint, index) => ({ atMs: index, hint, serviceMs: 1 }));

// The first is the reference string of Belady, Nelson and Shedler, "An anomaly in space-time characteristics", CACM 12(6), 1969.
test.each([
  { hints: "123412512345", slots: 3, misses: 7 },
  { hints: "123412512345", slots: 4, misses: 6 },
  { hints: "123412512345", slots: 5, misses: 5 },
  { hints: "ababab", slots: 1, misses: 6 },
  { hints: "aaab", slots: 1, misses: 2 },
  { hints: "abcabc", slots: 2, misses: 4 },
])("$hints with $slots slots misses $misses times at best", ({ hints, slots, misses }) => {
  expect(pooledBeladyMissShare(workload(hints), slots)).toBeCloseTo(misses / hints.length, 12);
});

test("each hint is a miss once, and nothing asks for nothing", () => {
  expect(compulsoryMissShare(workload("abcabd"))).toBeCloseTo(4 / 6, 12);
  expect(compulsoryMissShare([])).toBe(0);
  expect(pooledBeladyMissShare([], 3)).toBe(0);
});
