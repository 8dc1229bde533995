// Charts, drawn as SVG without a browser: of lines, one panel below the other, each line named at its end or in a legend; and of bars, in groups.
import { BarChart, LineChart } from "echarts/charts";
import { GridComponent, LegendComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { LabelLayout } from "echarts/features";
import { SVGRenderer } from "echarts/renderers";

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly colour: string;
  /** Above 2 the line stands out. */
  readonly width: number;
  readonly dash?: "solid" | "dashed" | readonly number[];
  /** A mark at each point, by the names of ECharts: circle, rect, triangle, diamond, each with `empty` before it for a hollow one. */
  readonly symbol?: string;
  /** Stands below the name in a legend. */
  readonly note?: string;
}

export interface Panel {
  readonly yName: string;
  readonly low: number;
  readonly high: number;
  /** Null: not logarithmic. */
  readonly logBase: number | null;
  readonly lines: readonly Line[];
}

export interface Chart {
  readonly title: string;
  readonly subtitle: string;
  readonly xName: string;
  readonly xFrom: number;
  readonly xTo: number;
  readonly panels: readonly Panel[];
  /**
   * `ends`: a line's name stands at its end. `legend`: names stand beside the first panel in the order of its lines, each with a piece of its line. So
   * they stand apart wherever lines end.
   */
  readonly names?: "ends" | "legend";
}

/** In every group a bar of each name, from above. */
export interface Bars extends Pick<Chart, "title" | "subtitle" | "xName"> {
  readonly groups: readonly string[];
  readonly bars: readonly { readonly name: string; readonly colour: string; readonly values: readonly number[] }[];
}

const SIZE = { width: 920, height: 620 };
const EDGE = { left: 76, right: 168, top: 100, bottom: 60, between: 40 };
const LEGEND = { width: 214, left: 24, gap: 18, sample: 56 };
const BAR = { left: 150, right: 60, height: 22, between: 26 };
/** A background of its own: dark text on it can be read on dark pages as well. */
const PAPER = "#ffffff";
export const INK = "#1f2328";
const FAINT = "#e4e8ec";
const FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";
/** Lines of more points are drawn without a mark for each. */
const MARKED_MOST = 50;

use([BarChart, LineChart, GridComponent, LegendComponent, TitleComponent, LabelLayout, SVGRenderer]);

/** SVG text. */
export function svgOf({ title, subtitle, xName, xFrom, xTo, panels, names = "ends" }: Chart): string {
  const right = names === "legend" ? LEGEND.width : EDGE.right;
  const height = (SIZE.height - EDGE.top - EDGE.bottom + EDGE.between) / panels.length - EDGE.between;
  return draw(title, subtitle, SIZE.height, {
    grid: panels.map((_, index) => {
      return { left: EDGE.left, right, top: EDGE.top + index * (height + EDGE.between), height };
    }),
    xAxis: panels.map((_, gridIndex) => {
      return { ...axis(gridIndex === panels.length - 1 ? xName : "", 36), gridIndex, min: xFrom, max: xTo };
    }),
    yAxis: panels.map(({ yName, low, high, logBase }, gridIndex) => {
      const scale = logBase === null ? {} : { type: "log", logBase };
      return { ...axis(yName, 48), ...scale, gridIndex, min: low, max: high };
    }),
    ...(names === "legend" ? { legend: legendOf(panels[0]?.lines ?? []) } : {}),
    series: panels.flatMap((panel, index) => panel.lines.map((line) => seriesOf(line, index, panel, names))),
  });
}

function legendOf(lines: readonly Line[]) {
  const notes = new Map(lines.map(({ name, note = "" }) => [name, note]));
  const rich = { note: { color: INK, fontSize: 11, lineHeight: 15 } };
  return {
    ...{ orient: "vertical", left: SIZE.width - LEGEND.width + LEGEND.left, top: EDGE.top },
    ...{ itemGap: LEGEND.gap, itemWidth: LEGEND.sample, lineStyle: { width: "inherit" } },
    textStyle: { color: INK, fontSize: 13, lineHeight: 16, rich },
    data: lines.map(({ name }) => name),
    formatter: (name: string) => [name, ...(notes.get(name) ? [`{note|${notes.get(name)}}`] : [])].join("\n"),
  };
}

/** SVG text. */
export function barsOf({ title, subtitle, xName, groups, bars }: Bars): string {
  const { top, bottom } = EDGE;
  return draw(title, subtitle, top + bottom + groups.length * (BAR.between + BAR.height * bars.length), {
    grid: { left: BAR.left, right: BAR.right, top, bottom },
    legend: { right: 24, top: 14, textStyle: { color: INK, fontSize: 13 } },
    xAxis: axis(xName, 36),
    yAxis: {
      ...{ type: "category", inverse: true, data: groups, axisTick: { show: false } },
      axisLabel: { color: INK, fontSize: 13 },
      axisLine: { show: true, lineStyle: { color: INK } },
    },
    series: bars.map(({ name, colour, values }) => ({
      ...{ type: "bar", name, data: values, itemStyle: { color: colour }, barMaxWidth: BAR.height },
      label: { show: true, position: "right", color: INK, fontSize: 12 },
    })),
  });
}

function draw(title: string, subtitle: string, height: number, option: object): string {
  const instance = init(null, null, { renderer: "svg", ssr: true, width: SIZE.width, height });
  instance.setOption({
    animation: false,
    backgroundColor: PAPER,
    textStyle: { color: INK, fontFamily: FONT },
    title: {
      ...{ text: title, subtext: subtitle, left: 14, top: 12 },
      textStyle: { color: INK, fontSize: 17 },
      subtextStyle: { color: INK, fontSize: 12, lineHeight: 16 },
    },
    ...option,
  });
  const svg = instance.renderToSVGString();
  instance.dispose();
  return svg;
}

function axis(name: string, nameGap: number) {
  return {
    ...{ type: "value", name, nameLocation: "middle", nameGap, nameTextStyle: { color: INK, fontSize: 13 } },
    axisLabel: { color: INK, fontSize: 12 },
    axisLine: { show: true, lineStyle: { color: INK } },
    splitLine: { lineStyle: { color: FAINT } },
  };
}

/** What is off the chart runs along its edge, and an arrow after the line's name says so. */
function seriesOf(line: Line, index: number, { low, high }: Panel, names: "ends" | "legend") {
  const { name, points, colour, width, dash = "solid", symbol = "circle" } = line;
  const isAbove = (points.at(-1)?.[1] ?? 0) > high;
  return {
    ...{ type: "line", name, xAxisIndex: index, yAxisIndex: index, z: width > 2 ? 4 : 3 },
    data: points.map(([x, y]) => [Math.round(x * 1000) / 1000, Math.min(high, Math.max(low, y))]),
    ...(points.length > MARKED_MOST ? { symbol: "none" } : { symbol, symbolSize: width + (symbol === "circle" ? 4 : 6) }),
    itemStyle: { color: colour },
    lineStyle: { color: colour, width, type: dash },
    endLabel: {
      ...{
        show: names === "ends",
        distance: 14,
        color: colour,
        fontSize: 13,
        lineHeight: 16,
        fontWeight: width > 2 ? "bold" : "normal",
      },
      formatter: isAbove ? `${name} ↑` : name,
    },
    labelLayout: { moveOverlap: "shiftY" },
  };
}
