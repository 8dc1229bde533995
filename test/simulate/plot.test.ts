// The chart: every policy named once, names that stand apart wherever lines end, lines that differ by more than colour.
import { expect, test } from "vitest";
import { chart } from "../../bench/simulate/plot.ts";
import type { Figures } from "../../bench/simulate/statistics.ts";

const result = (policy: string, load: number, mean_s: number, unbounded = 0) => {
  return { policy, load, paths: [{ mean_s, unbounded } as Figures] };
};

const NAMES = ["ideal", "mine", "one", "other", "third", "fourth"];
const LOADS = [0.4, 0.6, 0.8];

/** Of paths that are lines: colour, width and dashes. Axes and grid are straight and hold two points. */
function stylesOf(svg: string): string[] {
  const paths = [...svg.matchAll(/<path d="([^"]*)"([^>]*)>/g)].filter(([, shape = ""]) => /^M[^MZ]+L[^MZ]+L[^MZ]+$/.test(shape));
  return paths.map(([, , rest = ""]) => ["stroke-width", "stroke-dasharray"].map((name) => attribute(rest, name)).join(" "));
}

function attribute(text: string, name: string): string {
  return new RegExp(`${name}="([^"]*)"`).exec(text)?.[1] ?? "";
}

test("an SVG with a background, every line named, off the chart or not", () => {
  const lines = { ideal: [10, 12], mine: [11, 14], other: [20, 90], hopeless: [400, 90_000] };
  const results = Object.entries(lines).flatMap(([policy, means]) =>
    means.map((mean, index) => result(policy, 0.4 + index * 0.4, mean)),
  );
  const svg = chart(results, "mine", "a test");
  expect(svg).toMatch(/^<svg [^>]*viewBox/);
  expect(svg).toContain('fill="#ffffff"');
  for (const name of ["ideal", "mine", "other", "hopeless", "a test"]) expect(svg.split(`>${name}<`)).toHaveLength(2);
});

test("six lines differ in width or dashes, whatever their colours", () => {
  const svg = chart(
    NAMES.flatMap((policy, index) => LOADS.map((load) => result(policy, load, 10 + index + load))),
    "mine",
    "a test",
  );
  const styles = stylesOf(svg);
  expect(styles).toHaveLength(6);
  expect(new Set(styles).size).toBe(6);
});

test("a single load makes a chart as well", () => {
  expect(chart([result("ideal", 0.6, 10), result("mine", 0.6, 11)], "mine", "a test")).toContain(">mine<");
});

test("names of lines that end at the same place stand apart", () => {
  const svg = chart(
    NAMES.map((policy) => result(policy, 0.6, 10)),
    "mine",
    "a test",
  );
  const heights = [...svg.matchAll(/translate\(\S+ (\S+)\)"[^>]*>(?:ideal|mine|one|other|third|fourth)</g)].map(([, y]) =>
    Number(y),
  );
  expect(heights).toHaveLength(6);
  const rising = heights.toSorted((a, b) => a - b);
  for (const [index, y] of rising.entries()) if (index > 0) expect(y - (rising[index - 1] ?? 0)).toBeGreaterThan(16);
});

test("a policy that does not keep up is named with the load, and its time there is not drawn", () => {
  const bounded = LOADS.flatMap((load) => [result("ideal", load, 10), result("mine", load, 20), result("third", load, 15)]);
  const lost = (mean: number) => LOADS.map((load) => result("other", load, load > 0.5 ? mean : 30, load > 0.5 ? 1 : 0));
  // Names of classes have a number that rises from chart to chart.
  const drawn = (mean: number) => chart([...bounded, ...lost(mean)], "mine", "a test").replaceAll(/zr\d+-c(ls-)?\d+/g, "");
  expect(drawn(40).split(">unbounded at 0.6<")).toHaveLength(2);
  expect(drawn(4000)).toBe(drawn(40));
});
