// What a run comes to.
import { at, sorted } from "../../../bench/report.ts";
import { RECOGNISED_SHARE } from "./text.ts";
import type { Outcome, Run } from "./outcome.ts";

export type Figures = ReturnType<typeof figuresOf>;
export type FigureName = keyof Figures;

/** Times are of pages that were read. NaN: there is nothing to make the figure from. */
export function figuresOf({ outcomes, reports, busy }: Run) {
  const readings = outcomes.flatMap(({ reading }) => (reading === null ? [] : [reading]));
  const loads = readings.flatMap(({ load_ms }) => (load_ms === null ? [] : [load_ms]));
  const latencies = latenciesOf(outcomes);
  const quantile = (share: number) => at(latencies, share) ?? NaN;
  const warm = readings.filter(({ load_ms }) => load_ms === null);
  return {
    pages: outcomes.length,
    cold_loads: loads.length,
    load_s: sum(loads) / 1000,
    mean_ms: mean(latencies),
    ...{ p50_ms: quantile(0.5), p95_ms: quantile(0.95), p99_ms: quantile(0.99) },
    failed: outcomes.length - readings.length,
    recognised: outcomes.filter(({ wordsRead }) => wordsRead >= RECOGNISED_SHARE).length,
    words_share: mean(outcomes.map(({ wordsRead }) => wordsRead)),
    /** Of pages whose language was there. If it is much longer in one way than in another, replicas took CPU time from each other. */
    warm_recognise_ms: mean(warm.map(({ recognise_ms }) => recognise_ms)),
    /** By the replicas' own count. */
    loads_at_replicas: sum(reports.map(({ loads }) => loads)),
    resident_mib: Math.max(...reports.map(({ resident_mib }) => resident_mib)),
    ...{ cpu_own: busy.own, cpu_other: busy.other },
  };
}

/** Of pages that were read, rising. */
export function latenciesOf(outcomes: readonly Outcome[]): number[] {
  return sorted(outcomes.map(({ reading, latencyMs }) => (reading === null ? null : latencyMs)));
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
