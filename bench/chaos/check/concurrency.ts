// No replica gets more at once than it takes, but for about a second after an object restarted, and for what was sent by snapshot. Such cases
// are counted; others are violations.
import type { Run } from "../../live/run.ts";
import type { Facts } from "./facts.ts";
import { described } from "./said.ts";
import type { Violation } from "./violations.ts";

export interface OverConcurrency {
  /** Of the object, or a stall of it. */
  readonly afterRestart: number;
  readonly bySnapshot: number;
  /** What was granted to a process and reached the one after it. */
  readonly atNewProcess: number;
  /** The most above a concurrency. */
  readonly mostAbove: number;
}

/** A slot may be given to the next request while the replica has not yet heard that the last one left. */
const HEARD_LATE_MS = 150;

export function checkConcurrency(facts: Facts): { readonly counted: OverConcurrency; readonly violations: readonly Violation[] } {
  const { runs } = facts.history;
  const counted = { afterRestart: 0, bySnapshot: 0, atNewProcess: 0, mostAbove: 0 };
  const violations: Violation[] = [];
  /** Of its last run: what an earlier one was sent by nobody heard. */
  const reasons = new Map(facts.cases.map(({ runs, came }) => [runs.at(-1), came?.headers["x-warmpath-reason"] ?? null]));
  const sentMs = new Map(facts.cases.map((its) => [its.sending.asked.key, its.sentMs]));
  const byReplica = new Map<string, Run[]>();
  for (const run of runs) {
    const name = `${run.app} ${run.replica}`;
    byReplica.set(name, [...(byReplica.get(name) ?? []), run]);
  }
  for (const run of runs) {
    const above = run.present - run.concurrency;
    if (above <= 0 || run.method === "OPTIONS") continue;
    const there = (byReplica.get(`${run.app} ${run.replica}`) ?? []).filter(
      (other) => other.method !== "OPTIONS" && other.beganMs <= run.beganMs && (other.endedMs ?? Infinity) > run.beganMs,
    );
    const going = there.filter(
      (other) => other !== run && (other.endedMs ?? Infinity) <= run.beganMs + HEARD_LATE_MS && other.end === "left",
    );
    if (there.length - going.length <= run.concurrency) continue;
    counted.mostAbove = Math.max(counted.mostAbove, above);
    if (there.some((other) => mayBeBySnapshot(other, facts, reasons.get(other) ?? null))) counted.bySnapshot++;
    else if (restartedJustBefore(run, facts)) counted.afterRestart++;
    else if (there.some((other) => isBeforeItsProcess(other, facts, sentMs.get(other.key)))) counted.atNewProcess++;
    else
      violations.push({
        rule: "no replica gets more than it takes",
        key: run.key,
        atMs: run.beganMs,
        what: `${run.present} of ${run.concurrency} at ${described(run)}: ${there.map((other) => `${other.key} ${described(other)}`).join("; ")}`,
      });
  }
  return { counted, violations };
}

/** The client was told so; or it never heard, and the object was out of reach. */
function mayBeBySnapshot(run: Run, facts: Facts, reason: string | null): boolean {
  if (reason !== null) return reason === "snapshot_hash";
  return (
    facts.kinds(run.app, { fromMs: run.beganMs, toMs: run.beganMs }, "object_throws", "object_overloaded", "object_stalls")
      .length > 0
  );
}

/**
 * What ran before a restart of the object is counted again within about a second, as `lingersMs` of these faults says. After a stall that was
 * longer than two heartbeats both come at once, and miss requests that were granted with them.
 */
function restartedJustBefore({ app, beganMs }: Run, facts: Facts): boolean {
  return facts.kinds(app, { fromMs: beganMs, toMs: beganMs }, "object_crashes", "router_killed", "object_stalls").length > 0;
}

/** It was granted to the process before the one that ran it, whose first report the router had not accepted yet. */
function isBeforeItsProcess({ app, replica, incarnation, beganMs }: Run, facts: Facts, sentMs = beganMs): boolean {
  return sentMs < (facts.firstHeardMs(app, replica, incarnation) ?? Infinity);
}
