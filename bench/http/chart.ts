// The chart of CPU time a request: for each case a bar for each worker.
import { barsOf } from "../chart.ts";
import type { Row } from "./paired.ts";

const COLOURS = ["#5c6670", "#d1242f", "#0072b2", "#8a5a00", "#00795c", "#8a3d96"];

/** SVG text. There is at least one row. */
export function chart(rows: readonly Row[]): string {
  const groups = [...new Set(rows.map((row) => row.case))];
  const workers = [...new Set(rows.map(({ worker }) => worker))];
  return barsOf({
    ...{ title: "CPU time a request", subtitle: "of the worker's process, median of the rounds", xName: "us", groups },
    bars: workers.map((name, index) => ({
      ...{ name, colour: COLOURS[index % COLOURS.length] ?? "" },
      values: groups.map((group) => rows.find((row) => row.case === group && row.worker === name)?.cpu_us?.median ?? 0),
    })),
  });
}
