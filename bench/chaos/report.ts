// A checked run as text: tables for people, one line of JSON for programs.
import { MEBIBYTE, type MemorySample } from "../live/memory.ts";
import { table } from "../simulate/report.ts";
import type { Checked } from "./check/check.ts";
import type { CrowdFigures } from "./check/crowds.ts";
import type { Sample } from "./history.ts";
import type { Violation } from "./check/violations.ts";
import { recoveries } from "./recovery.ts";
import type { Schedule } from "./schedule.ts";

export interface Summary {
  readonly ok: boolean;
  readonly seed: number;
  readonly minutes: number;
  readonly took_s: number;
  readonly requests: number;
  readonly runs: number;
  /** Requests by how they ended, and served ones by why their replica was chosen. */
  readonly outcomes: Readonly<Record<string, number>>;
  readonly reasons: Readonly<Record<string, number>>;
  /** Faults by kind. */
  readonly faults: Readonly<Record<string, number>>;
  /** Runs of a request after its first. */
  readonly retries: number;
  /** Slots that were taken back because of replicas' reports. */
  readonly reclaimed: number;
  readonly over_concurrency: {
    readonly after_restart: number;
    readonly by_snapshot: number;
    readonly at_new_process: number;
    readonly most_above: number;
  };
  /** What became of the requests that faults drew, by kind. */
  readonly crowds: readonly CrowdFigures[];
  /** The longest by kind of fault, and from the last fault until the fleet was whole; null: it was not. */
  readonly recovery_s: Readonly<Record<string, number>>;
  readonly whole_after_s: number | null;
  readonly memory_mb: { readonly first: number; readonly most: number; readonly last: number };
  readonly violations: readonly Violation[];
}

/** Of violations of one rule that are printed; the rest is counted. */
const SHOWN_MOST = 10;

export function summaryOf(
  schedule: Schedule,
  { facts, violations, overConcurrency, crowds }: Checked,
  memory: readonly MemorySample[],
  tookMs: number,
): Summary {
  const { history, cases } = facts;
  const { quietMs, wholeMs } = history.end;
  const megabytes = memory.map(({ residentBytes }) => Math.round(residentBytes / MEBIBYTE));
  const served = cases.flatMap(({ outcome, came }) =>
    outcome === "complete" ? [came?.headers["x-warmpath-reason"] ?? "none"] : [],
  );
  return {
    ok: violations.length === 0,
    seed: schedule.seed,
    minutes: schedule.forMs / 60_000,
    took_s: seconds(tookMs),
    requests: cases.length,
    runs: history.runs.length,
    outcomes: counted(
      cases.map(({ outcome, came }) => (outcome === "replica_error" ? `replica_error ${came?.status}` : outcome)),
    ),
    reasons: counted(served),
    faults: counted(history.injected.map(({ fault }) => fault.kind)),
    retries: cases.reduce((sum, { runs }) => sum + Math.max(0, runs.length - 1), 0),
    reclaimed: reclaimedIn(history.samples),
    over_concurrency: {
      after_restart: overConcurrency.afterRestart,
      by_snapshot: overConcurrency.bySnapshot,
      at_new_process: overConcurrency.atNewProcess,
      most_above: overConcurrency.mostAbove,
    },
    crowds,
    recovery_s: Object.fromEntries([...recoveries(facts)].map(([kind, ms]) => [kind, seconds(ms)])),
    whole_after_s: wholeMs === null ? null : seconds(wholeMs - quietMs),
    memory_mb: { first: megabytes[0] ?? 0, most: Math.max(0, ...megabytes), last: megabytes.at(-1) ?? 0 },
    violations,
  };
}

export function jsonLine(summary: Summary, schedule: Schedule): string {
  return JSON.stringify({ ...summary, schedule: schedule.faults });
}

export function tables(summary: Summary): string {
  const { outcomes, reasons, faults, recovery_s: recovery, over_concurrency: over, memory_mb: memory } = summary;
  const [slowest] = Object.entries(recovery);
  const whole =
    summary.whole_after_s === null ? "was not whole in time" : `was whole ${summary.whole_after_s} s after the last fault`;
  return [
    `seed ${summary.seed}, ${summary.minutes} minutes of faults, ${summary.took_s} s in all: ${summary.requests} requests, ${summary.runs} runs at replicas`,
    "",
    table([["requests", ""], ...rows(outcomes)]),
    "",
    table([["served by", ""], ...rows(reasons)]),
    "",
    table([
      ["fault", "times", "longest recovery s"],
      ...Object.entries(faults).map(([kind, count]) => [kind, String(count), String(recovery[kind] ?? "-")]),
    ]),
    "",
    ...(summary.crowds.length === 0 ? [] : [crowdsTable(summary.crowds), ""]),
    `retries ${summary.retries}; slots taken back ${summary.reclaimed}; over concurrency ${over.after_restart} after restarts and stalls, ${over.by_snapshot} by snapshot, ${over.at_new_process} at restarted replicas, at most ${over.most_above} above`,
    `longest recovery ${slowest === undefined ? "-" : `${slowest[1]} s after ${slowest[0]}`}; the fleet ${whole}`,
    `memory of workerd ${memory.first} MB at first, ${memory.most} MB at most, ${memory.last} MB at last`,
    "",
    summary.ok ? "no violations" : violationsOf(summary),
  ].join("\n");
}

function crowdsTable(crowds: readonly CrowdFigures[]): string {
  return table([
    ["crowd of", "times", "requests", "felt", "failed learning", "excused", "turned away", "judged", "failed", "%"],
    ...crowds.map(({ kind, judged, failed, ...its }) => [
      kind,
      ...[its.periods, its.requests, its.felt, its.failed_learning, its.excused, its.turned_away, judged, failed].map(String),
      judged === 0 ? "-" : ((100 * failed) / judged).toFixed(1),
    ]),
  ]);
}

export function scheduleText({ faults }: Schedule): string {
  return table([
    ["at s", "fault", "for s", "app", "replica", "hint"],
    ...faults.map(({ atMs, kind, forMs, app, replica, hint }) => [
      (atMs / 1000).toFixed(2),
      kind,
      (forMs / 1000).toFixed(2),
      app || "-",
      replica || "-",
      hint || "-",
    ]),
  ]);
}

function violationsOf({ seed, violations }: Summary): string {
  const counts = counted(violations.map(({ rule }) => rule));
  const lines = Object.entries(counts).flatMap(([rule, count]) => {
    const its = violations.filter((violation) => violation.rule === rule).slice(0, SHOWN_MOST);
    const shown = its.map(({ key, atMs, what }) => {
      const when = atMs === null ? "in the end" : `at ${(atMs / 1000).toFixed(3)} s`;
      return `VIOLATION seed ${seed}, ${when}${key === null ? "" : `, request ${key}`}: ${rule}\n  ${what}`;
    });
    return count > shown.length ? [...shown, `and ${count - shown.length} more: ${rule}`] : shown;
  });
  return lines.join("\n");
}

/** A count begins again with each start of its object. */
function reclaimedIn(samples: readonly Sample[]): number {
  const last = new Map<string, number>();
  let sum = 0;
  for (const { app, reclaimed } of samples) {
    const before = last.get(app) ?? 0;
    sum += reclaimed >= before ? reclaimed - before : reclaimed;
    last.set(app, reclaimed);
  }
  return sum;
}

function rows(counts: Readonly<Record<string, number>>): string[][] {
  return Object.entries(counts).map(([name, count]) => [name, String(count)]);
}

/** Most first. */
function counted(names: readonly string[]): Record<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}

function seconds(ms: number): number {
  return Math.round(ms / 10) / 100;
}
