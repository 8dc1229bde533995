// What the comparison shows: a table, and a chart of cold loads and latencies.
import { INK, svgOf, type Line } from "../../../bench/chart.ts";
import { table } from "../../../bench/report.ts";
import { figuresOf, latenciesOf, mean, type FigureName, type Figures } from "./figures.ts";
import type { Run } from "./outcome.ts";

/** A way with its runs, one for each seed. */
export interface Compared {
  readonly way: string;
  readonly runs: readonly Run[];
}

const COLUMNS: readonly (readonly [heading: string, name: FigureName, digits: number])[] = [
  ["pages", "pages", 0],
  ["cold", "cold_loads", 0],
  ["loading s", "load_s", 1],
  ["mean ms", "mean_ms", 0],
  ["p50", "p50_ms", 0],
  ["p95", "p95_ms", 0],
  ["p99", "p99_ms", 0],
  ["failed", "failed", 0],
  ["recognised", "recognised", 0],
];
const MACHINE: typeof COLUMNS = [
  ["reading a warm page, ms", "warm_recognise_ms", 0],
  ["words read %", "words_share", 1],
  ["CPU %", "cpu_own", 0],
  ["others' CPU %", "cpu_other", 0],
];
const PERCENT: ReadonlySet<FigureName> = new Set(["words_share", "cpu_own", "cpu_other"]);
const COLOURS = ["#d1242f", "#0072b2", "#8a5a00", "#00795c"];

/** Of several runs each cell has the mean, with the least and the most. */
export function tables(compared: readonly Compared[]): string {
  const rows = (columns: typeof COLUMNS) => [
    ["", ...columns.map(([heading]) => heading)],
    ...compared.map(({ way, runs }) => {
      const figures = runs.map(figuresOf);
      return [way, ...columns.map(([, name, digits]) => cell(figures, name, digits))];
    }),
  ];
  return `${table(rows(COLUMNS))}\n\n${table(rows(MACHINE))}`;
}

function cell(figures: readonly Figures[], name: FigureName, digits: number): string {
  const values = figures.map((its) => its[name] * (PERCENT.has(name) ? 100 : 1));
  if (values.some(Number.isNaN)) return "-";
  const [low, middle, high] = [Math.min(...values), mean(values), Math.max(...values)].map((value) => value.toFixed(digits));
  return low === high ? `${middle}` : `${middle} (${low}-${high})`;
}

/** SVG text: above, cold loads as pages came, all runs added up; below, all latencies. There is at least one run of each way. */
export function chart(compared: readonly Compared[], subtitle: string): string {
  const lines = (pointsOf: (runs: readonly Run[]) => Line["points"]) =>
    compared.map(({ way, runs }, index) => {
      return { name: way, points: pointsOf(runs), colour: COLOURS[index] ?? INK, width: index === 0 ? 3 : 1.6 };
    });
  const loads = lines(coldLoads);
  const latencies = lines((runs) => quantiles(runs.flatMap(({ outcomes }) => latenciesOf(outcomes)).sort((a, b) => a - b)));
  const heights = latencies.flatMap(({ points }) => points.map(([, ms]) => ms));
  return svgOf({
    ...{ title: "Real cold loads and latencies", subtitle },
    ...{ xName: "% of pages: above in order of arrival, below from the quickest to the slowest", xFrom: 0, xTo: 100 },
    panels: [
      {
        yName: "cold loads so far",
        low: 0,
        high: roundUp(Math.max(...loads.flatMap(({ points }) => points.map(([, y]) => y)))),
        logBase: null,
        lines: loads,
      },
      {
        yName: "ms, each line twice the one below",
        low: 2 ** Math.floor(Math.log2(Math.min(...heights))),
        high: 2 ** Math.ceil(Math.log2(Math.max(...heights))),
        ...{ logBase: 2, lines: latencies },
      },
    ],
  });
}

function coldLoads(runs: readonly Run[]): [number, number][] {
  const pages = runs[0]?.outcomes.length ?? 0;
  let loads = 0;
  return Array.from({ length: pages }, (_, index) => {
    loads += runs.filter(({ outcomes }) => typeof outcomes[index]?.reading?.load_ms === "number").length;
    return [((index + 1) / pages) * 100, loads];
  });
}

function quantiles(rising: readonly number[]): [number, number][] {
  return rising.map((ms, index) => [((index + 0.5) / rising.length) * 100, Math.round(ms)]);
}

function roundUp(value: number): number {
  const step = 10 ** Math.max(0, Math.floor(Math.log10(value)));
  return Math.ceil(value / step) * step;
}
