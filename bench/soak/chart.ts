// The chart of a soak: resident memory above, latencies below, over time.
import { svgOf, type Line } from "../chart.ts";
import type { Key, Window } from "./windows.ts";

type Drawn = readonly [key: Key, name: string, colour: string, width: number];

const MEMORY: readonly Drawn[] = [["resident_mb", "workerd", "#d1242f", 2.5]];
const LATENCIES: readonly Drawn[] = [
  ["in_system_p95_ms", "in system, p95", "#5c6670", 1.2],
  ["in_system_p50_ms", "in system, p50", "#8a5a00", 1.2],
  ["queue_p95_ms", "queue, p95", "#0072b2", 1.2],
  ["router_p95_ms", "router, p95", "#d1242f", 1.2],
  ["router_p50_ms", "router, p50", "#d1242f", 2.5],
  ["control_p50_ms", "control, p50", "#00795c", 1.2],
];
/** A logarithmic axis has no zero. No time below is of interest. */
const LEAST_MS = 0.25;
/** More points than pixels would only make the file larger. */
const POINTS_MOST = 400;

/** SVG text. There is at least one window. */
export function chart(windows: readonly Window[], subtitle: string): string {
  const thinned = windows.filter((_, index) => index % Math.ceil(windows.length / POINTS_MOST) === 0);
  const lines = (drawn: readonly Drawn[]) =>
    drawn.map(([key, name, colour, width]): Line => {
      const points = thinned.map((window) => [window.at_s / 60, window[key]] as const);
      return { name, colour, width, points: points.flatMap(([x, y]) => (y === null ? [] : [[x, y]])) };
    });
  const most = (drawn: readonly Line[]) => Math.max(1, ...drawn.flatMap(({ points }) => points.map(([, y]) => y)));
  const [memory, latencies] = [lines(MEMORY), lines(LATENCIES)];
  const [high, highMs] = [Math.ceil((most(memory) * 1.15) / 50) * 50, 10 ** Math.ceil(Math.log10(most(latencies)))];
  return svgOf({
    ...{ title: "Memory of the router and latency over time", subtitle, xName: "minutes" },
    ...{ xFrom: 0, xTo: (thinned.at(-1)?.at_s ?? 0) / 60 },
    panels: [
      { yName: "resident MiB", low: 0, high, logBase: null, lines: memory },
      { yName: "ms", low: LEAST_MS, high: highMs, logBase: 10, lines: latencies },
    ],
  });
}
