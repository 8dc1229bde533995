// The chart: mean time in system against load, a line for each policy.
import { median } from "simple-statistics";
import { INK, svgOf, type Line } from "../chart.ts";
import { IDEAL, type Result } from "./experiment.ts";
import { averaged } from "./statistics.ts";

const OURS_COLOUR = "#d1242f";
/** Dark enough to be read as text on white. Neighbours in the order of policies are far apart in hue. None is red: that is ours. */
const COLOURS = ["#0072b2", "#8a5a00", "#00795c", "#8a3d96", "#5c6670", "#2f7d1f", "#4b4fc0", "#a8466e"];
/** Over the ideal queue's mean at its middle load. What is slower leaves the picture at its top, unless it is ours. */
const HIGH_OVER_IDEAL = 32;

/** SVG text. There is at least one result, and the ideal queue is among them. */
export function chart(results: readonly Result[], ours: string, subtitle: string): string {
  const policies = [...new Set(results.map(({ policy }) => policy))];
  const others = policies.filter((policy) => policy !== IDEAL && policy !== ours);
  const lines = policies.map((name): Line => {
    const its = results.filter(({ policy }) => policy === name);
    const points = its.map(({ load, paths }) => [load, averaged(paths).mean_s] as const);
    if (name === ours) return { name, points, colour: OURS_COLOUR, width: 4 };
    if (name === IDEAL) return { name, points, colour: INK, width: 2, dash: "dashed" };
    return { name, points, colour: COLOURS[others.indexOf(name) % COLOURS.length] ?? INK, width: 1.6 };
  });
  const meansOf = (some: readonly Line[]) => some.flatMap(({ points }) => points.map(([, meanS]) => meanS));
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
    ...{ xFrom: Math.min(...loads) - besides, xTo: Math.max(...loads) + besides },
    panels: [{ yName: "mean seconds, each line twice the one below", low, high, logBase: 2, lines }],
  });
}
