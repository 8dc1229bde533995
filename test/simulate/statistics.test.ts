// Figures of a run small enough to be worked out by hand; means over paths.
import { expect, test } from "vitest";
import { averaged, deviations, leastPopularTenth, measure, yardstick } from "../../bench/simulate/statistics.ts";
import type { Outcome, Run } from "../../bench/simulate/outcome.ts";

const HINTS = ["hot", "hot", "hot", "hot", "hot", "hot", "warm", "warm", "warm", "rare"];
const WORKLOAD = HINTS.map((hint, index) => ({ atMs: index * 1000, hint, serviceMs: 1000 }));

/** Times in system 1 to 10 s; the last but one is given up; 2 found no model, 1 joined a load. */
const OUTCOMES: Outcome[] = HINTS.map((_, index) => ({
  inSystemMs: (index + 1) * 1000,
  waitedMs: index * 100,
  cold: index === 0 || index === 6 ? "load" : index === 7 ? "joined" : "warm",
  loadMs: index === 0 || index === 6 ? 4500 : 0,
  home: index === 6 ? 1 : 0,
  served: index !== 8,
  failed: false,
  refused: index === 8 ? "timed_out" : null,
  direct: index < 4,
  foundFull: index === 3,
  queuedMs: index === 3 ? 500 : 0,
}));
const RUN: Run = { outcomes: OUTCOMES, endMs: 20_000, advisedLoadsMs: [] };

test("figures of one run", () => {
  const figures = measure(WORKLOAD, RUN, { meanS: 2, p95S: 5, tail: leastPopularTenth(WORKLOAD) });
  // Served: 1 to 8 and 10 s; p95 lies 0.6 of the way from the last but one to the last.
  expect(figures.mean_s).toBeCloseTo(46 / 9, 9);
  expect(figures.p50_s).toBe(5);
  expect(figures.p95_s).toBeCloseTo(9.2, 9);
  expect(figures.max_s).toBe(10);
  expect(figures.longest_wait_s).toBeCloseTo(0.9, 9);
  expect(figures.ratio_mean).toBeCloseTo(46 / 18, 9);
  expect(figures.ratio_p95).toBeCloseTo(9.2 / 5, 9);
  expect([figures.direct, figures.found_full]).toEqual([0.4, 0.1]);
  expect(figures.queued_p99_s).toBeCloseTo(0.455, 9);
  expect(figures.miss).toBeCloseTo(3 / 9, 9);
  expect([figures.load_s, figures.first_home, figures.second_home]).toEqual([0.9, 0.5, 0.5]);
  expect(figures.tail_mean_s).toBe(10);
  expect(figures.timed_out).toBeCloseTo(0.1, 9);
  expect(figures.unbounded).toBe(0);
});

test("the ideal queue measured by itself has ratios of 1", () => {
  const figures = measure(WORKLOAD, RUN, yardstick(WORKLOAD, RUN));
  expect([figures.ratio_mean, figures.ratio_p95]).toEqual([1, 1]);
});

test("with nobody served there are no times", () => {
  const refusals = ["timed_out", "queue_full"] as const;
  const outcomes = OUTCOMES.map((outcome, index) => ({ ...outcome, served: false, refused: refusals[index % 2] ?? null }));
  const figures = measure(WORKLOAD, { ...RUN, outcomes }, { meanS: 1, p95S: 1, tail: new Set() });
  expect(figures.mean_s).toBeNaN();
  expect([figures.timed_out, figures.queue_full]).toEqual([0.5, 0.5]);
});

test.each([
  [["a", "a", "a", "b", "c"], ["b"]],
  [
    [...Array.from({ length: 17 }, () => "hot"), "x", "y", "z"],
    ["x", "y"],
  ],
  [["only"], ["only"]],
])("least popular tenth of %j", (hints, tail) => {
  expect([...leastPopularTenth(hints.map((hint) => ({ atMs: 0, hint, serviceMs: 1 })))]).toEqual(tail);
});

test("means and standard deviations over paths", () => {
  const figures = measure(WORKLOAD, RUN, yardstick(WORKLOAD, RUN));
  const paths = [2, 4, 9].map((mean_s) => ({ ...figures, mean_s }));
  expect(averaged(paths).mean_s).toBe(5);
  expect(deviations(paths).mean_s).toBeCloseTo(Math.sqrt((9 + 1 + 16) / 2), 9);
  expect(deviations(paths).max_s).toBe(0);
  expect(deviations(paths.slice(0, 1)).mean_s).toBeNaN();
});
