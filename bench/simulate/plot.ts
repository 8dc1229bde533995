// The chart: mean time in system against load, a line for each policy, drawn as SVG without a browser. Names stand to the right of
// where their lines end, moved apart; echarts' own end labels run into each other.
import { LineChart } from "echarts/charts";
import { GraphicComponent, GridComponent, TitleComponent } from "echarts/components";
import { init, use } from "echarts/core";
import { SVGRenderer } from "echarts/renderers";
import { median } from "simple-statistics";
import type { Result } from "./experiment.ts";
import { averaged } from "./statistics.ts";

export interface ChartNames {
  readonly ideal: string;
  /** The policy that stands out. */
  readonly ours: string;
  readonly subtitle: string;
}

interface Line {
  readonly policy: string;
  readonly points: readonly (readonly [load: number, meanS: number])[];
  readonly colour: string;
  readonly width: number;
  readonly dash: "solid" | "dashed";
}

interface Frame {
  readonly loads: readonly number[];
  readonly lowS: number;
  readonly highS: number;
}

const SIZE = { width: 920, height: 600 };
const GRID = { left: 66, right: 168, top: 104, bottom: 60 };
/** A background of its own: dark text on it is read on dark pages as well. */
const PAPER = "#ffffff";
const INK = "#1f2328";
const FAINT = "#e4e8ec";
const FONT = "system-ui, -apple-system, 'Segoe UI', Helvetica, Arial, sans-serif";
const OURS_COLOUR = "#d1242f";
const IDEAL_COLOUR = INK;
/** Dark enough to be read as text on white; neighbours in the order of policies are far apart in hue. None is red: that is ours. */
const COLOURS = [
  "#0072b2",
  "#8a5a00",
  "#00795c",
  "#8a3d96",
  "#5c6670",
  "#2f7d1f",
  "#4b4fc0",
  "#a8466e",
  "#00788c",
  "#7d4b2a",
  "#6a6d00",
  "#3d5a80",
  "#b0530f",
];
/** Over the ideal queue's mean at its middle load: what is slower leaves the picture at its top, unless it is ours. */
const HIGH_OVER_IDEAL = 32;
const NAME_HEIGHT = 17;

use([LineChart, GraphicComponent, GridComponent, TitleComponent, SVGRenderer]);

/** SVG text. There is at least one result, and the ideal queue among them. */
export function chart(results: readonly Result[], names: ChartNames): string {
  const lines = linesOf(results, names);
  const frame = frameOf(lines, names);
  const instance = init(null, null, { renderer: "svg", ssr: true, ...SIZE });
  instance.setOption({
    animation: false,
    backgroundColor: PAPER,
    textStyle: { color: INK, fontFamily: FONT },
    title: {
      text: "Mean time in system against load",
      subtext: names.subtitle,
      left: 14,
      top: 12,
      textStyle: { color: INK, fontSize: 17 },
      subtextStyle: { color: INK, fontSize: 12, lineHeight: 16 },
    },
    grid: GRID,
    xAxis: { ...axis("load: service time asked for, of what the fleet has", 36), min: frame.loads[0], max: frame.loads.at(-1) },
    yAxis: {
      ...axis("mean seconds, each line twice the one below", 44),
      type: "log",
      logBase: 2,
      min: frame.lowS,
      max: frame.highS,
    },
    series: lines.map(seriesOf),
    graphic: nameTags(lines, frame),
  });
  const svg = instance.renderToSVGString();
  instance.dispose();
  return svg;
}

function linesOf(results: readonly Result[], { ideal, ours }: ChartNames): Line[] {
  const policies = [...new Set(results.map(({ policy }) => policy))];
  const others = policies.filter((policy) => policy !== ideal && policy !== ours);
  return policies.map((policy): Line => {
    const its = results.filter((result) => result.policy === policy);
    const points = its.map(({ load, paths }) => [load, averaged(paths.map(({ figures }) => figures)).mean_s] as const);
    const colour = COLOURS[others.indexOf(policy) % COLOURS.length] ?? INK;
    if (policy === ours) return { policy, points, colour: OURS_COLOUR, width: 4, dash: "solid" };
    if (policy === ideal) return { policy, points, colour: IDEAL_COLOUR, width: 2, dash: "dashed" };
    return { policy, points, colour, width: 1.6, dash: "solid" };
  });
}

/** Whole powers of two, so that the axis has its marks at both ends. A single load stands in the middle of its own. */
function frameOf(lines: readonly Line[], { ideal, ours }: ChartNames): Frame {
  const loads = [...new Set(lines.flatMap(({ points }) => points.map(([load]) => load)))].sort((a, b) => a - b);
  const [first] = loads;
  const meansOf = (some: readonly Line[]) => some.flatMap(({ points }) => points.map(([, meanS]) => meanS));
  const seen = meansOf(lines).filter((meanS) => meanS > 0);
  const reference = meansOf(lines.filter(({ policy }) => policy === ideal));
  const cap = Math.max(HIGH_OVER_IDEAL * median(reference), ...meansOf(lines.filter(({ policy }) => policy === ours)));
  const highS = Math.min(Math.max(...seen), cap);
  return {
    loads: loads.length === 1 && first !== undefined ? [first - 0.05, first + 0.05] : loads,
    lowS: 2 ** Math.floor(Math.log2(Math.min(...seen))),
    highS: 2 ** Math.ceil(Math.log2(highS)),
  };
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

function seriesOf({ policy, points, colour, width, dash }: Line) {
  return {
    type: "line",
    name: policy,
    data: points.map(([load, meanS]) => [load, meanS]),
    clip: true,
    symbol: "circle",
    symbolSize: width + 4,
    itemStyle: { color: colour },
    lineStyle: { color: colour, width, type: dash },
    z: width > 2 ? 4 : 3,
  };
}

/** Names from top to bottom in the order of the lines' ends, each with a thread to its end; the worst, above the picture, have no end. */
function nameTags(lines: readonly Line[], { lowS, highS }: Frame) {
  const bottom = SIZE.height - GRID.bottom;
  const right = SIZE.width - GRID.right;
  const perDoubling = (bottom - GRID.top) / Math.log2(highS / lowS);
  const last = (line: Line) => line.points.at(-1)?.[1] ?? lowS;
  const worstFirst = [...lines].sort((a, b) => last(b) - last(a));
  const ends = worstFirst.map((line) => bottom - Math.log2(Math.min(highS, last(line)) / lowS) * perDoubling);
  return movedApart(ends, GRID.top, bottom).flatMap((y, index) => {
    const [line, end] = [worstFirst[index], ends[index]];
    if (line === undefined || end === undefined) return [];
    const above = last(line) > highS;
    const text = above ? `${line.policy} ↑` : line.policy;
    const weight = line.width > 2 ? "bold" : "normal";
    const tag = {
      type: "text",
      x: right + 34,
      y,
      silent: true,
      style: { text, fill: line.colour, font: `${weight} 13px ${FONT}`, verticalAlign: "middle" },
    };
    const shape = {
      points: [
        [right + 5, end],
        [right + 14, end],
        [right + 24, y],
        [right + 30, y],
      ],
    };
    const thread = {
      type: "polyline",
      silent: true,
      shape,
      style: { stroke: line.colour, lineWidth: 1, fill: "none", opacity: 0.6 },
    };
    return above ? [tag] : [thread, tag];
  });
}

/** Places for names that want to be at `wanted`, which rises: none nearer to the next than a name is high, none outside if they fit. */
export function movedApart(wanted: readonly number[], top: number, bottom: number): number[] {
  const places: number[] = [];
  for (const y of wanted) places.push(Math.max(y, (places.at(-1) ?? top - NAME_HEIGHT) + NAME_HEIGHT));
  let limit = bottom;
  for (let index = places.length - 1; index >= 0; index--) {
    const place = Math.min(places[index] ?? limit, limit);
    places[index] = place;
    limit = place - NAME_HEIGHT;
  }
  return places;
}
