// Results as text: aligned tables for people, lines of JSON for programs.
import { basename } from "node:path";
import { table } from "../report.ts";
import { UNBOUNDED_RULE } from "./backlog.ts";
import type { Prewarming } from "./announcements.ts";
import type { Plan, Result } from "./experiment.ts";
import { NO_FAULTS } from "./faults.ts";
import { averaged, deviations, isMostlyUnbounded, type FigureName, type Figures } from "./statistics.ts";
import { peakOverMean, spanMs, type Retiming, type Workload } from "./workload.ts";

type Columns = readonly (readonly [heading: string, name: FigureName])[];

const TIMES: Columns = [
  ["x ideal", "ratio_mean"],
  ["p50 s", "p50_s"],
  ["p95 s", "p95_s"],
  ["x ideal", "ratio_p95"],
  ["p99 s", "p99_s"],
  ["max s", "max_s"],
  ["wait s", "longest_wait_s"],
];
const SHARES: Columns = [
  ["miss", "miss"],
  ["load s", "load_s"],
  ["1st home", "first_home"],
  ["2nd home", "second_home"],
  ["timed out", "timed_out"],
  ["refused", "queue_full"],
  ["rare mean s", "tail_mean_s"],
];
const FAILED: Columns = [["failed", "failed"]];
const ADVISED: Columns = [["advised", "advised"]];
const DIRECT: Columns = [
  ["direct", "direct"],
  ["found full", "found_full"],
  ["p99 queued s", "queued_p99_s"],
];

export const LEGEND = `Times in system, from arrival to the end of the answer. x ideal: over the same queue where loads cost nothing. wait: the longest
until a slot. miss: served without finding their hint loaded. load s: GPU time spent loading, a request. advised: loads of announced hints, a request. Homes: loads on the first and second of the
hash order. rare: requests of the least popular hints, a tenth of all at most.
${UNBOUNDED_RULE}`;

/** `loads`: how long loads take, in words. */
export function header(
  workload: Workload,
  { fleet, retiming, bootstraps }: Plan,
  trace: string | undefined,
  loads: string,
): string {
  const { replicas, slots, concurrency, faults, prewarming = null, seed } = fleet;
  const hints = new Set(workload.map(({ hint }) => hint)).size;
  const flaws = Object.entries(faults).filter(([name, value]) => value !== NO_FAULTS[name as keyof typeof faults]);
  const named = flaws.map(([name, value]) => `, ${name} ${value}`).join("");
  return [
    `${basename(trace ?? "synthetic")}: ${workload.length} requests, ${hints} hints, ${arrivals(workload, retiming)}, seed ${seed}`,
    `${replicas} replicas of ${slots} hint slots, concurrency ${concurrency}, loads ${loads}${announced(prewarming)}${named}`,
    ...(bootstraps > 0 ? [`means ± standard deviations over this path and ${bootstraps} bootstraps of 12 h blocks`] : []),
  ].join("\n");
}

function announced(prewarming: Prewarming | null): string {
  if (prewarming === null) return "";
  const { aheadMs, falseShare } = prewarming;
  return `, announced ${aheadMs / 1000} s ahead${falseShare > 0 ? `, beside each with a probability of ${falseShare} a false one` : ""}`;
}

function arrivals(workload: Workload, retiming: Retiming | null): string {
  if (retiming !== null) return `retimed flat by ${retiming}, 1 h windows`;
  const hours = (spanMs(workload) / 3_600_000).toFixed(1);
  return `as recorded: ${hours} h, the busiest asks for ${peakOverMean(workload).toFixed(1)} times the mean hour's service`;
}

/** All results of one load. `canFail`: replicas may fail requests, and their share is a column. */
export function tables(results: readonly Result[], canFail: boolean): string {
  const several = (results[0]?.paths.length ?? 0) > 1;
  const rows = (columns: Columns, withMean: boolean) =>
    results.map(({ policy, paths }) => {
      const figures = averaged(paths);
      const unbounded = isMostlyUnbounded(figures);
      const mean = unbounded
        ? ["unbounded", "-"]
        : [shown(figures.mean_s, "mean_s"), `±${shown(deviations(paths).mean_s, "mean_s")}`];
      const lead = withMean ? mean.slice(0, several ? 2 : 1) : [];
      return [policy, ...lead, ...columns.map(([, name]) => (unbounded && isTime(name) ? "-" : shown(figures[name], name)))];
    });
  const isDirect = results.some(({ paths }) => paths.some(({ direct }) => direct > 0));
  const isAdvised = results.some(({ paths }) => paths.some(({ advised }) => advised > 0));
  const shares = [...SHARES, ...(canFail ? FAILED : []), ...(isAdvised ? ADVISED : []), ...(isDirect ? DIRECT : [])];
  const headings = (columns: Columns) => columns.map(([heading]) => heading);
  const times = [
    `load ${Number((results[0]?.load ?? NaN).toPrecision(3))}`,
    "mean s",
    ...(several ? ["sd"] : []),
    ...headings(TIMES),
  ];
  return `${table([times, ...rows(TIMES, true)])}\n\n${table([["", ...headings(shares)], ...rows(shares, false)])}`;
}

/** Without the line's end. A figure that cannot be had is null. `canFail` as in `tables`. */
export function jsonLine({ policy, load, paths }: Result, canFail: boolean): string {
  const [original] = paths;
  const several = paths.length > 1 && original !== undefined;
  const spread = several ? { sd: figuresOf(deviations(paths)), original: figuresOf(original) } : {};
  return JSON.stringify({
    policy,
    load: Number(load.toPrecision(6)),
    ...figuresOf(averaged(paths)),
    paths: paths.length,
    ...spread,
  });

  function figuresOf(figures: Figures): Record<string, number> {
    const shown = Object.entries(figures).filter(([name]) => canFail || name !== "failed");
    return Object.fromEntries(shown.map(([name, value]) => [name, Number(value.toPrecision(6))]));
  }
}

function isTime(name: FigureName): boolean {
  return name === "tail_mean_s" || TIMES.some(([, its]) => its === name);
}

function shown(value: number, name: FigureName): string {
  if (!Number.isFinite(value)) return "-";
  if (!name.endsWith("_s")) return value.toFixed(name.startsWith("ratio") ? 2 : 3);
  return value.toFixed(value < 100 ? 1 : 0);
}
