// Charts of lines, drawn as SVG without a browser: one panel below the other, each line named at its end.
import { LineChart } from "echarts/charts";
import { GridComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { LabelLayout } from "echarts/features";
import { SVGRenderer } from "echarts/renderers";

export interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
  readonly colour: string;
  /** Above 2 the line stands out. */
  readonly width: number;
  readonly dash?: "solid" | "dashed";
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
}

const SIZE = { width: 920, height: 620 };
const EDGE = { left: 76, right: 168, top: 100, bottom: 60, between: 40 };
/** A background of its own: dark text on it can be read on dark pages as well. */
const PAPER = "#ffffff";
export const INK = "#1f2328";
const FAINT = "#e4e8ec";
const FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";
/** Lines of more points are drawn without a mark for each. */
const MARKED_MOST = 50;

use([LineChart, GridComponent, TitleComponent, LabelLayout, SVGRenderer]);

/** SVG text. */
export function svgOf({ title, subtitle, xName, xFrom, xTo, panels }: Chart): string {
  const height = (SIZE.height - EDGE.top - EDGE.bottom + EDGE.between) / panels.length - EDGE.between;
  const instance = init(null, null, { renderer: "svg", ssr: true, ...SIZE });
  instance.setOption({
    animation: false,
    backgroundColor: PAPER,
    textStyle: { color: INK, fontFamily: FONT },
    title: {
      ...{ text: title, subtext: subtitle, left: 14, top: 12 },
      textStyle: { color: INK, fontSize: 17 },
      subtextStyle: { color: INK, fontSize: 12, lineHeight: 16 },
    },
    grid: panels.map((_, index) => {
      return { left: EDGE.left, right: EDGE.right, top: EDGE.top + index * (height + EDGE.between), height };
    }),
    xAxis: panels.map((_, gridIndex) => {
      return { ...axis(gridIndex === panels.length - 1 ? xName : "", 36), gridIndex, min: xFrom, max: xTo };
    }),
    yAxis: panels.map(({ yName, low, high, logBase }, gridIndex) => {
      const scale = logBase === null ? {} : { type: "log", logBase };
      return { ...axis(yName, 48), ...scale, gridIndex, min: low, max: high };
    }),
    series: panels.flatMap((panel, index) => panel.lines.map((line) => seriesOf(line, index, panel))),
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
function seriesOf({ name, points, colour, width, dash = "solid" }: Line, index: number, { low, high }: Panel) {
  const isAbove = (points.at(-1)?.[1] ?? 0) > high;
  return {
    ...{ type: "line", name, xAxisIndex: index, yAxisIndex: index, z: width > 2 ? 4 : 3 },
    data: points.map(([x, y]) => [Math.round(x * 1000) / 1000, Math.min(high, Math.max(low, y))]),
    ...(points.length > MARKED_MOST ? { symbol: "none" } : { symbol: "circle", symbolSize: width + 4 }),
    itemStyle: { color: colour },
    lineStyle: { color: colour, width, type: dash },
    endLabel: {
      ...{ show: true, distance: 14, color: colour, fontSize: 13, lineHeight: 16, fontWeight: width > 2 ? "bold" : "normal" },
      formatter: isAbove ? `${name} ↑` : name,
    },
    labelLayout: { moveOverlap: "shiftY" },
  };
}
