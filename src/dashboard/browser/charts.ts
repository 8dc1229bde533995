// The charts of the last hour, by uPlot: made for time series, 20 KB, and drawn on a canvas, so that an update costs little.
import uPlot from "uplot";
import type { ChartData, HistoryData } from "../drawn/charts.ts";
import { colour, dataOf } from "./data.ts";

const HEIGHT = 130;
/** A fleet that is younger than this is drawn as if it were that old. */
const SPAN_S = 600;
const LINES = ["first", "second", "third"];
/** So that lines can be told apart without colours. */
const DASHES = [[], [6, 3], [2, 3]];

const drawn = new Map<Element, { readonly plot: uPlot; readonly look: string }>();

export function drawCharts(): void {
  const data = dataOf<HistoryData>("history");
  if (data === null) return;
  for (const mount of document.querySelectorAll<HTMLElement>("[data-chart]")) {
    const chart = data.charts[Number(mount.dataset["chart"])];
    if (chart !== undefined) drawChart(mount, data.times, chart);
  }
}

/** Made anew if the width or the theme has changed. */
function drawChart(mount: HTMLElement, times: readonly number[], chart: ChartData): void {
  const values = [[...times], ...chart.lines.map(({ values }) => [...values])] as uPlot.AlignedData;
  const look = `${mount.clientWidth} ${colour("text")}`;
  const before = drawn.get(mount);
  if (before?.look === look) {
    before.plot.setData(values);
    return;
  }
  before?.plot.destroy();
  drawn.set(mount, { plot: new uPlot(optionsOf(mount.clientWidth, chart), values, mount), look });
}

function optionsOf(width: number, { unit, lines }: ChartData): uPlot.Options {
  const axis = {
    stroke: colour("muted"),
    grid: { stroke: colour("line"), width: 1 },
    ticks: { stroke: colour("line"), width: 1 },
  };
  const format = (value: number | null) => (value === null ? "–" : withUnit(value, unit));
  return {
    width,
    height: HEIGHT,
    cursor: { y: false, points: { size: 6 } },
    legend: { live: true },
    scales: {
      x: { range: (_plot, least, most) => spanOf(least, most) },
      y: { range: (_plot, _least, most) => [0, unit === "share" ? 100 : Math.max(1, (most ?? 1) * 1.05)] },
    },
    axes: [
      { ...axis, space: 60, values: (_plot, splits) => splits.map(clock) },
      { ...axis, size: 56, values: (_plot, splits) => splits.map((split) => format(split)) },
    ],
    series: [
      { label: "at", value: (_plot, time) => (time === null ? "–" : clock(time)) },
      ...lines.map(({ name }, index) => ({
        label: name,
        stroke: colour(LINES[index] ?? "first"),
        width: 2,
        dash: DASHES[index] ?? [],
        points: { show: true, size: 5, fill: colour(LINES[index] ?? "first") },
        value: (_plot: uPlot, value: number | null) => format(value),
      })),
    ],
  };
}

/** With a little space at the end, so that the last point is whole. */
function spanOf(least: number, most: number): [number, number] {
  const from = Math.min(least, most - SPAN_S);
  return [from, most + (most - from) / 40];
}

function withUnit(value: number, unit: ChartData["unit"]): string {
  const number = value < 10 && value % 1 !== 0 ? value.toFixed(1) : String(Math.round(value));
  return unit === "share" ? `${number} %` : unit === "seconds" ? `${number} s` : number;
}

function clock(time: number): string {
  return new Date(time * 1000).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}
