// The chart: every policy named once, ours in front, names that do not run into each other.
import { expect, test } from "vitest";
import { chart } from "../../bench/simulate/plot.ts";
import type { Figures } from "../../bench/simulate/statistics.ts";

const result = (policy: string, load: number, mean_s: number) => {
  return { policy, load, paths: [{ mean_s } as Figures] };
};

test("an SVG with a background, every line named, off the chart or not", () => {
  const lines = { ideal: [10, 12], mine: [11, 14], other: [20, 90], hopeless: [400, 90_000] };
  const results = Object.entries(lines).flatMap(([policy, means]) =>
    means.map((mean, index) => result(policy, 0.4 + index * 0.4, mean)),
  );
  const svg = chart(results, "mine", "a test");
  expect(svg).toMatch(/^<svg [^>]*viewBox/);
  expect(svg).toContain('fill="#ffffff"');
  for (const name of ["ideal", "mine", "other", "hopeless ↑", "a test"]) expect(svg.split(`>${name}<`)).toHaveLength(2);
  expect(svg).toContain("stroke-dasharray");
});

test("a single load makes a chart as well", () => {
  expect(chart([result("ideal", 0.6, 10), result("mine", 0.6, 11)], "mine", "a test")).toContain(">mine<");
});

test("names at the same height stand apart", () => {
  const svg = chart(
    ["ideal", "mine", "other"].map((policy) => result(policy, 0.6, 10)),
    "mine",
    "a test",
  );
  const heights = [...svg.matchAll(/translate\(\S+ (\S+)\)"[^>]*>(?:ideal|mine|other)</g)].map(([, y]) => Number(y));
  expect(heights).toHaveLength(3);
  const rising = heights.toSorted((a, b) => a - b);
  for (const [index, y] of rising.entries()) if (index > 0) expect(y - (rising[index - 1] ?? 0)).toBeGreaterThan(12);
});
