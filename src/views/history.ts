// The last hour of an app by minute. It is kept in memory alone, so it begins anew with each start of the object.
import type { Counts, History, Minute } from "../routing/metrics/history.ts";
import { quantileS } from "../routing/metrics/histogram.ts";
import type { LoadKind } from "../routing/metrics/labels.ts";
import type { Choice } from "../routing/scheduler.ts";
import { round } from "./round.ts";

export interface MinuteView {
  /** The start of the minute, Unix milliseconds. */
  readonly start_ms: number;
  /** Requests that were granted. Those that isolates sent by themselves count in the minute of the report. */
  readonly requests: number;
  readonly reasons: Readonly<Record<Choice["reason"], number>>;
  readonly refused: number;
  readonly failed: number;
  readonly ejections: number;
  readonly retries: number;
  /** Granted without a load: hits, and requests without hints. */
  readonly warm: number;
  /** Loads that were begun, and the time that those which ended well took of their replicas. */
  readonly loads: Readonly<Record<LoadKind, number>>;
  readonly load_seconds: number;
  /** From arrival to grant, and from grant to the end of a request that went well. Estimated from histograms; null: there was none. */
  readonly wait_p50_s: number | null;
  readonly wait_p95_s: number | null;
  readonly service_p50_s: number | null;
  readonly service_p95_s: number | null;
}

export interface HistoryView {
  /** Oldest first and without gaps: at most 60, and last the running one. */
  readonly minutes: readonly MinuteView[];
}

/** O(minutes). */
export function viewHistory(history: History, now: number): HistoryView {
  return { minutes: history.minutes(now).map(viewMinute) };
}

function viewMinute({ startMs, before, after }: Minute): MinuteView {
  const grown = (name: "cold" | "refused" | "failed" | "ejections" | "retries") => after[name] - before[name];
  const reasons = growth(before.granted, after.granted);
  const requests = Object.values(reasons).reduce((sum, count) => sum + count, 0);
  const quantile = (name: "waits" | "services", share: number) => quantileOf(before, after, name, share);
  return {
    start_ms: startMs,
    requests,
    reasons,
    refused: grown("refused"),
    failed: grown("failed"),
    ejections: grown("ejections"),
    retries: grown("retries"),
    warm: requests - grown("cold"),
    loads: growth(before.loads, after.loads),
    load_seconds: round(after.loadSeconds - before.loadSeconds),
    wait_p50_s: quantile("waits", 0.5),
    wait_p95_s: quantile("waits", 0.95),
    service_p50_s: quantile("services", 0.5),
    service_p95_s: quantile("services", 0.95),
  };
}

function quantileOf(before: Counts, after: Counts, name: "waits" | "services", share: number): number | null {
  const seconds = quantileS(
    share,
    after[name].map((count, bucket) => count - (before[name][bucket] ?? 0)),
  );
  return seconds === null ? null : round(seconds);
}

function growth<Name extends string>(
  before: Readonly<Record<Name, number>>,
  after: Readonly<Record<Name, number>>,
): Record<Name, number> {
  const names = Object.keys(after) as Name[];
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as Record<Name, number>;
}
