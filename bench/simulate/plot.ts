// The chart: mean time in system against load, a line for each policy. Lines differ in colour, in dashes and in marks, so that they can be told
// apart in black and white too.
import { median } from "simple-statistics";
import { INK, svgOf, type Line } from "../chart.ts";
import { IDEAL, type Result } from "./experiment.ts";
import { averaged, isMostlyUnbounded } from "./statistics.ts";

const OURS = { colour: "#d1242f", width: 4, symbol: "circle" } as const;
const IDEALS = { colour: INK, width: 2, dash: "dashed", symbol: "emptyDiamond" } as const;
/** Dark enough to be read as text on white. None is red: that is ours. */
const STYLES = [
  { colour: "#0072b2", symbol: "rect", dash: "solid" },
  { colour: "#8a5a00", symbol: "emptyTriangle", dash: [2, 4] },
  { colour: "#00795c", symbol: "emptyCircle", dash: [14, 5] },
  { colour: "#8a3d96", symbol: "diamond", dash: [12, 4, 2, 4] },
  { colour: "#5c6670", symbol: "emptyRect", dash: [5, 3] },
] as const;
/** Over the ideal queue's mean at its middle load. What is slower leaves the picture at its top, unless it is ours. */
const HIGH_OVER_IDEAL = 32;

/**
 * SVG text. There is at least one result, and the ideal queue is among them. Of policies that are neither that nor ours there are at most five. A line
 * leaves the picture at the first load at which its policy does not keep up, and ends there.
 */
export function chart(results: readonly Result[], ours: string, subtitle: string): string {
  const policies = [...new Set(results.map(({ policy }) => policy))];
  const others = policies.filter((policy) => policy !== IDEAL && policy !== ours);
  const lines = policies.map((name): Line => {
    const its = results.filter(({ policy }) => policy === name).map(({ load, paths }) => ({ load, figures: averaged(paths) }));
    const lost = its.find(({ figures }) => isMostlyUnbounded(figures));
    const points = its
      .filter(({ load }) => load <= (lost?.load ?? Infinity))
      .map(({ load, figures }) => [load, load === lost?.load ? Infinity : figures.mean_s] as const);
    const note = lost === undefined ? {} : { note: `unbounded at ${Number(lost.load.toPrecision(3))}` };
    if (name === ours) return { name, points, ...note, ...OURS };
    if (name === IDEAL) return { name, points, ...note, ...IDEALS };
    return { name, points, ...note, width: 1.8, ...(STYLES[others.indexOf(name)] ?? STYLES[0]) };
  });
  const meansOf = (some: readonly Line[]) =>
    some.flatMap(({ points }) => points.map(([, meanS]) => meanS)).filter(Number.isFinite);
  const loads = results.map(({ load }) => load);
  // A single load stands in the middle of the axis.
  const besides = new Set(loads).size === 1 ? 0.05 : 0;
  const reference = HIGH_OVER_IDEAL * median(meansOf(lines.filter(({ name }) => name === IDEAL)));
  const cap = Math.max(reference, ...meansOf(lines.filter(({ name }) => name === ours)));
  // Whole powers of two, so that the axis has marks at both ends.
  const low = 2 ** Math.floor(Math.log2(Math.min(...meansOf(lines))));
  const high = 2 ** Math.ceil(Math.log2(Math.min(cap, Math.max(...meansOf(lines)))));
  return svgOf({
    ...{ title: "Mean time in system against load", subtitle, xName: "load: service time asked for, of what the fleet has" },
    ...{ xFrom: Math.min(...loads) - besides, xTo: Math.max(...loads) + besides, names: "legend" },
    panels: [{ yName: "mean seconds, each line twice the one below", low, high, logBase: 2, lines: lines.toSorted(byEnd) }],
  });
}

/** As lines end at the right: what is lost first is on top, then what takes longest. */
function byEnd({ points: one }: Line, { points: other }: Line): number {
  const last = (points: Line["points"]) => points.at(-1) ?? [0, 0];
  const [[load, mean], [otherLoad, otherMean]] = [last(one), last(other)];
  if (mean === otherMean || !(Number.isFinite(mean) || Number.isFinite(otherMean))) return load - otherLoad;
  return otherMean - mean;
}
