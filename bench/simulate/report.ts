// Results as text: aligned tables for people, lines of JSON for programs.
import { basename } from "node:path";
import { highestBounded, LIMIT_STEPS } from "./bounded.ts";
import { IDEAL, type Result } from "./experiment.ts";
import type { Bounds } from "./inputs.ts";
import type { Options } from "./options.ts";
import { averaged, deviations, FIGURE_NAMES, type FigureName, type Figures } from "./statistics.ts";
import type { Workload } from "./workload.ts";

type Column = readonly [heading: string, name: FigureName];

const TIMES: readonly Column[] = [
  ["mean s", "mean_s"],
  ["x ideal", "ratio_mean"],
  ["p50 s", "p50_s"],
  ["p95 s", "p95_s"],
  ["x ideal", "ratio_p95"],
  ["p99 s", "p99_s"],
  ["max s", "max_s"],
  ["wait s", "longest_wait_s"],
];
const SHARES: readonly Column[] = [
  ["miss", "miss"],
  ["first", "first_touch"],
  ["double", "duplicate"],
  ["avoid", "avoidable"],
  ["used", "utilisation"],
  ["timed out", "timed_out"],
  ["refused", "queue_full"],
];
const FAILED: Column = ["failed", "failed"];
const TAIL: readonly Column[] = [
  ["mean s", "tail_mean_s"],
  ["p95 s", "tail_p95_s"],
  ["wait s", "tail_longest_wait_s"],
];

const LEGEND = `Times in system, from arrival to the end of the answer. x ideal: over the same queue where loads cost nothing. wait: the longest
until a slot. miss: served without finding their hint loaded. Loads per request: first touch, double (while another replica was loading it),
avoidable (the rest). used: share of slots' time. The rare tenth: requests of the least popular hints, a tenth of all at most.`;

export function header(
  { trace, retiming, replicas, slots, concurrency, coldMs, coldPercentiles, ...rest }: Options,
  workload: Workload,
): string {
  const { coldEntry, faults, bootstraps, blockMs, seed } = rest;
  const hints = new Set(workload.map(({ hint }) => hint)).size;
  const loads = coldPercentiles === null ? `${coldMs / 1000} s` : `drawn from ${coldEntry ?? "percentiles"}`;
  const flaws = [
    faults.noHintSlots ? "no hint slots" : "",
    faults.noInBand ? "no in-band hints" : "",
    faults.lateMs > 0 ? `reports ${faults.lateMs / 1000} s late` : "",
    faults.dropped > 0 ? `${faults.dropped * 100} % of hints dropped` : "",
    faults.churnMs < Infinity ? `a replica dies every ${faults.churnMs / 1000} s` : "",
    faults.errorShare > 0 ? `${faults.errorShare * 100} % of answers fail` : "",
    faults.failingHint === null
      ? ""
      : `a replica fails ${faults.failingHint === true ? "the most frequent hint" : faults.failingHint}`,
    faults.failsFast ? "a replica fails fast" : "",
    faults.stalls ? "a replica stalls" : "",
  ].filter((flaw) => flaw !== "");
  const retimed = retiming === "linear" ? "retimed linearly" : `retimed flat by ${retiming}, 1 h windows`;
  return [
    `${trace === null ? "synthetic" : basename(trace)}: ${workload.length} requests, ${hints} hints, ${retimed}, seed ${seed}`,
    `${replicas} replicas of ${slots} hint slots, concurrency ${concurrency}, loads ${loads}${flaws.map((flaw) => `, ${flaw}`).join("")}`,
    ...(bootstraps > 0
      ? [`means ± standard deviations over this path and ${bootstraps} bootstraps of ${blockMs / 3_600_000} h blocks`]
      : []),
  ].join("\n");
}

/** All results of one load. `canFail`: replicas may fail requests, and their share is a column. */
export function tables(results: readonly Result[], canFail: boolean): string {
  const several = (results[0]?.paths.length ?? 0) > 1;
  const times = results.map(({ policy, paths }) => {
    const [figures, spread] = [averagedOf(paths), deviations(paths.map((path) => path.figures))];
    const [mean, ...others] = TIMES.map(([, name]) => shown(figures[name], name));
    return [policy, mean ?? "", ...(several ? [`±${shown(spread.mean_s, "mean_s")}`] : []), ...others, boundedWord(paths)];
  });
  const shares = canFail ? [...SHARES, FAILED] : SHARES;
  const rest = results.map(({ policy, paths }) => {
    const figures = averagedOf(paths);
    return [policy, ...[...shares, ...TAIL].map(([, name]) => shown(figures[name], name))];
  });
  const [mean, ...others] = TIMES.map(([heading]) => heading);
  const headings = [`load ${results[0]?.load ?? ""}`, mean ?? "", ...(several ? ["sd"] : []), ...others, "queue"];
  const tailHeadings = TAIL.map(([heading]) => `rare ${heading}`);
  return `${table([headings, ...times])}\n\n${table([["", ...shares.map(([heading]) => heading), ...tailHeadings], ...rest])}`;
}

export function footer(results: readonly Result[], bounds: Bounds, limits: ReadonlyMap<string, number>): string {
  const lines = [
    `Bounds on misses: ${bounds.compulsory.toFixed(3)} first touches, ${bounds.belady.toFixed(3)} one cache as large as the fleet's (Belady).`,
    ...limitLines(results, limits),
  ];
  return `${lines.join("\n")}\n\n${LEGEND}`;
}

function limitLines(results: readonly Result[], limits: ReadonlyMap<string, number>): string[] {
  if (limits.size > 0) {
    const rows = [...limits].map(([policy, load]) => [policy, load === 0 ? `under ${2 ** -LIMIT_STEPS}` : load.toFixed(2)]);
    return [`Highest load at which the queue stays bounded, to ${(2 ** -LIMIT_STEPS).toFixed(3)}:`, table(rows)];
  }
  const policies = [...new Set(results.map(({ policy }) => policy))].filter((policy) => policy !== IDEAL);
  const loads = new Set(results.map(({ load }) => load));
  if (loads.size < 2) return [];
  const rows = policies.map((policy) => {
    const points = results.filter((result) => result.policy === policy);
    const highest = highestBounded(points.map(({ load, paths }) => ({ load, bounded: isBounded(paths) })));
    return [policy, highest === null ? "none" : String(highest)];
  });
  return ["Highest of these loads at which the queue stays bounded:", table(rows)];
}

/** Without the line's end. A figure that cannot be had is null. `canFail` as in `tables`. */
export function jsonLine(result: Result, bounds: Bounds, limits: ReadonlyMap<string, number>, canFail: boolean): string {
  const { policy, load, paths } = result;
  const [original] = paths;
  const several = paths.length > 1 && original !== undefined;
  const limit = limits.get(policy);
  return JSON.stringify({
    policy,
    load,
    ...figuresOf(averagedOf(paths)),
    bounded: isBounded(paths),
    ...(limit === undefined ? {} : { limit_load: limit }),
    bound_compulsory: short(bounds.compulsory),
    bound_belady: short(bounds.belady),
    paths: paths.length,
    ...(several ? { sd: figuresOf(deviations(paths.map(({ figures }) => figures))), original: figuresOf(original.figures) } : {}),
  });

  function figuresOf(figures: Figures): Record<string, number> {
    const names = FIGURE_NAMES.filter((name) => canFail || name !== "failed");
    return Object.fromEntries(names.map((name) => [name, short(figures[name])]));
  }
}

function averagedOf(paths: Result["paths"]): Figures {
  return averaged(paths.map(({ figures }) => figures));
}

/** On all paths. */
export function isBounded(paths: Result["paths"]): boolean {
  return paths.every(({ bounded }) => bounded);
}

function boundedWord(paths: Result["paths"]): string {
  return isBounded(paths) ? "bounded" : "grows";
}

function short(value: number): number {
  return Number(value.toPrecision(6));
}

function shown(value: number, name: FigureName): string {
  if (!Number.isFinite(value)) return "-";
  if (!name.endsWith("_s")) return value.toFixed(name.startsWith("ratio") ? 2 : 3);
  return value.toFixed(value < 100 ? 1 : 0);
}

/** The first column to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths: number[] = [];
  for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? 0, cell.length);
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0))).join("  ");
  return rows.map((row) => line(row).trimEnd()).join("\n");
}
