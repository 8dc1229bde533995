// The chart: every policy named once, ours in front, names that do not run into each other.
import { expect, test } from "vitest";
import { chart, movedApart } from "../../bench/simulate/plot.ts";
import { FIGURE_NAMES, type Figures } from "../../bench/simulate/statistics.ts";

const NAMES = { ideal: "ideal", ours: "mine", subtitle: "a test" };

const result = (policy: string, load: number, mean_s: number) => {
  const figures = Object.fromEntries(FIGURE_NAMES.map((name) => [name, 0])) as Figures;
  return { policy, load, paths: [{ figures: { ...figures, mean_s }, bounded: true }] };
};

test("an SVG with a background, every line named, off the chart or not", () => {
  const lines = { ideal: [10, 12], mine: [11, 14], other: [20, 90], hopeless: [400, 90_000] };
  const results = Object.entries(lines).flatMap(([policy, means]) =>
    means.map((mean, index) => result(policy, 0.4 + index * 0.4, mean)),
  );
  const svg = chart(results, NAMES);
  expect(svg).toMatch(/^<svg [^>]*viewBox/);
  expect(svg).toContain('fill="#ffffff"');
  for (const name of ["ideal", "mine", "other", "hopeless ↑", "a test"]) expect(svg.split(`>${name}<`)).toHaveLength(2);
  expect(svg).toContain("stroke-dasharray");
});

test("a single load makes a chart as well", () => {
  expect(chart([result("ideal", 0.6, 10), result("mine", 0.6, 11)], NAMES)).toContain(">mine<");
});

test.each([
  [
    [0, 100],
    [0, 100],
  ],
  [
    [50, 50, 50],
    [50, 67, 84],
  ],
  [
    [190, 195, 200],
    [166, 183, 200],
  ],
])("names that want to be at %j", (wanted, places) => {
  expect(movedApart(wanted, 0, 200)).toEqual(places);
});
