// No replica gets more at once than it takes, but for about a second after an object restarted, and for what was sent by snapshot. Such cases
// are counted; others are violations.
import type { Run } from "../../live/run.ts";
import { described } from "./cases.ts";
import type { Facts, Violation } from "./facts.ts";

/** A slot may be given to the next request while the replica has not yet heard that the last one left. */
const HEARD_LATE_MS = 150;

export function checkConcurrency(facts: Facts) {
  const runs = facts.history.runs.filter(({ method }) => method !== "OPTIONS");
  /** `atNewProcess`: what was granted to a process and reached the one after it. `mostAbove`: a concurrency. */
  const counted = { afterRestart: 0, bySnapshot: 0, atNewProcess: 0, mostAbove: 0 };
  const violations: Violation[] = [];
  /** Of its last run: what an earlier one was sent by nobody heard. */
  const reasons = new Map(facts.cases.map(({ last, came }) => [last, came?.headers["x-warmpath-reason"]]));
  const sentMs = new Map(facts.cases.map((its) => [its.key, its.sentMs]));
  const byReplica = Map.groupBy(runs, ({ app, replica }) => `${app} ${replica}`);
  for (const run of runs) {
    const { app, replica, concurrency, beganMs } = run;
    const above = run.present - concurrency;
    if (above <= 0) continue;
    const then = { fromMs: beganMs, toMs: beganMs };
    const endsMs = ({ endedMs }: Run) => endedMs ?? Infinity;
    const same = byReplica.get(`${app} ${replica}`) ?? [];
    const there = same.filter((other) => other.beganMs <= beganMs && endsMs(other) > beganMs);
    const isGoing = (other: Run) => other !== run && other.end === "left" && endsMs(other) <= beganMs + HEARD_LATE_MS;
    if (there.filter((other) => !isGoing(other)).length <= concurrency) continue;
    counted.mostAbove = Math.max(counted.mostAbove, above);
    if (there.some((other) => mayBeBySnapshot(other, facts, reasons.get(other)))) counted.bySnapshot++;
    // What ran before a restart of the object is counted again within about a second, as `lingersMs` of these faults says. After a stall that
    // was longer than two heartbeats both come at once, and miss requests that were granted with them.
    else if (facts.feltOf(app, then, "object_crashes", "router_killed", "object_stalls")) counted.afterRestart++;
    else if (there.some((other) => isBeforeItsProcess(other, facts, sentMs.get(other.key)))) counted.atNewProcess++;
    else {
      const others = there.map((other) => `${other.key} ${described(other)}`).join("; ");
      const what = `${run.present} of ${concurrency} at ${described(run)}: ${others}`;
      violations.push({ rule: "no replica gets more than it takes", key: run.key, atMs: beganMs, what });
    }
  }
  return { counted, violations };
}

/** The client was told so; or it never heard, and the object was out of reach. */
function mayBeBySnapshot({ app, beganMs }: Run, facts: Facts, reason: string | undefined): boolean {
  if (reason !== undefined) return reason === "snapshot_hash";
  const then = { fromMs: beganMs, toMs: beganMs };
  return facts.feltOf(app, then, "object_throws", "object_overloaded", "object_stalls");
}

/** It was granted to the process before the one that ran it, whose first report the router had not accepted yet. */
function isBeforeItsProcess({ app, replica, incarnation, beganMs }: Run, facts: Facts, sentMs = beganMs): boolean {
  return sentMs < facts.firstHeardMs(app, replica, incarnation);
}
