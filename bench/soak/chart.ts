// The chart of a soak: resident memory above, latencies below, over time; drawn as SVG without a browser. Looks like the simulator's.
import { LineChart } from "echarts/charts";
import { GraphicComponent, GridComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { movedApart } from "../simulate/plot.ts";
import type { Window } from "./windows.ts";

type Key = Exclude<keyof Window, "outcomes">;

interface Line {
  readonly key: Key;
  readonly name: string;
  readonly colour: string;
  readonly width: number;
}

interface Panel {
  readonly top: number;
  readonly bottom: number;
  readonly axis: string;
  readonly lines: readonly Line[];
  readonly low: number;
  readonly high: number;
  readonly logarithmic: boolean;
}

const SIZE = { width: 920, height: 620 };
const MARGIN = { left: 76, right: 158 };
/** A background of its own: dark text on it is read on dark pages as well. */
const PAPER = "#ffffff";
const INK = "#1f2328";
const FAINT = "#e4e8ec";
const FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";
const MEMORY: readonly Line[] = [{ key: "resident_mb", name: "workerd", colour: "#d1242f", width: 2.5 }];
const LATENCIES: readonly Line[] = [
  { key: "in_system_p95_ms", name: "in system, p95", colour: "#5c6670", width: 1.2 },
  { key: "in_system_p50_ms", name: "in system, p50", colour: "#8a5a00", width: 1.2 },
  { key: "queue_p95_ms", name: "queue, p95", colour: "#0072b2", width: 1.2 },
  { key: "router_p95_ms", name: "router, p95", colour: "#d1242f", width: 1.2 },
  { key: "router_p50_ms", name: "router, p50", colour: "#d1242f", width: 2.5 },
  { key: "control_p50_ms", name: "control, p50", colour: "#00795c", width: 1.2 },
];
/** A logarithmic axis has no zero; no time below is of interest. */
const LEAST_MS = 0.25;
/** More points than pixels would only make the file larger. */
const POINTS_MOST = 400;

use([LineChart, GraphicComponent, GridComponent, TitleComponent, SVGRenderer]);

/** SVG text. `subtitle` has two lines. There is at least one window. */
export function chart(windows: readonly Window[], subtitle: string): string {
  const thinned = windows.filter((_, index) => index % Math.ceil(windows.length / POINTS_MOST) === 0);
  const endMinutes = (thinned.at(-1)?.at_s ?? 0) / 60;
  const panels = panelsOf(thinned);
  const instance = init(null, null, { renderer: "svg", ssr: true, ...SIZE });
  instance.setOption({
    animation: false,
    backgroundColor: PAPER,
    textStyle: { color: INK, fontFamily: FONT },
    title: {
      text: "Memory of the router and latency over time",
      subtext: subtitle,
      left: 14,
      top: 12,
      textStyle: { color: INK, fontSize: 17 },
      subtextStyle: { color: INK, fontSize: 12, lineHeight: 16 },
    },
    grid: panels.map(({ top, bottom }) => ({ ...MARGIN, top, height: bottom - top })),
    xAxis: panels.map((_, index) => ({
      ...axis(index === panels.length - 1 ? "minutes" : "", 32),
      gridIndex: index,
      min: 0,
      max: endMinutes,
    })),
    yAxis: panels.map(({ axis: name, low, high, logarithmic }, index) => ({
      ...axis(name, 44),
      gridIndex: index,
      min: low,
      max: high,
      type: logarithmic ? "log" : "value",
    })),
    series: panels.flatMap(({ lines, low }, index) => lines.map((line) => seriesOf(line, thinned, index, low))),
    graphic: panels.flatMap((panel) => nameTags(panel, thinned)),
  });
  const svg = instance.renderToSVGString();
  instance.dispose();
  return svg;
}

function panelsOf(windows: readonly Window[]): Panel[] {
  const most = (lines: readonly Line[]) => Math.max(1, ...windows.flatMap((window) => lines.map(({ key }) => window[key] ?? 0)));
  return [
    {
      ...{ top: 92, bottom: 248, axis: "resident MiB", lines: MEMORY, logarithmic: false },
      ...{ low: 0, high: Math.ceil((most(MEMORY) * 1.15) / 50) * 50 },
    },
    {
      ...{ top: 288, bottom: SIZE.height - 56, axis: "ms", lines: LATENCIES, logarithmic: true },
      ...{ low: LEAST_MS, high: 10 ** Math.ceil(Math.log10(most(LATENCIES))) },
    },
  ];
}

function axis(name: string, nameGap: number) {
  return {
    type: "value",
    name,
    nameLocation: "middle",
    nameGap,
    nameTextStyle: { color: INK, fontSize: 13 },
    axisLabel: { color: INK, fontSize: 12 },
    axisLine: { show: true, lineStyle: { color: INK } },
    splitLine: { lineStyle: { color: FAINT } },
  };
}

function seriesOf({ key, name, colour, width }: Line, windows: readonly Window[], index: number, low: number) {
  return {
    type: "line",
    name,
    xAxisIndex: index,
    yAxisIndex: index,
    data: windows.flatMap((window) => {
      const value = window[key];
      return value === null ? [] : [[rounded(window.at_s / 60), Math.max(low, value)]];
    }),
    symbol: "none",
    lineStyle: { color: colour, width },
    z: width > 2 ? 4 : 3,
  };
}

/** At the height of the line's last tenth. */
function nameTags({ top, bottom, lines, low, high, logarithmic }: Panel, windows: readonly Window[]) {
  const lasts = windows.slice(-Math.max(1, Math.floor(windows.length / 10)));
  const placed = lines
    .map((line) => {
      const values = lasts.map((window) => window[line.key] ?? low);
      const value = Math.max(low, values.reduce((sum, each) => sum + each, 0) / values.length);
      const share = logarithmic ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
      return { line, y: bottom - share * (bottom - top) };
    })
    .sort((a, b) => a.y - b.y);
  const places = movedApart(
    placed.map(({ y }) => y),
    top,
    bottom,
  );
  return placed.map(({ line: { name, colour, width } }, index) => ({
    type: "text",
    x: SIZE.width - MARGIN.right + 12,
    y: places[index] ?? top,
    silent: true,
    style: {
      text: name,
      fill: colour,
      font: `${width > 2 ? "bold" : "normal"} 13px ${FONT}`,
      verticalAlign: "middle",
    },
  }));
}

function rounded(value: number): number {
  return Math.round(value * 1000) / 1000;
}
