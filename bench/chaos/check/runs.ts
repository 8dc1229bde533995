// Rules on what replicas ran: nothing that nobody sent, nothing twice that must not be, no upload cut short as if it were whole, no more at
// once than a replica takes. And no request waits for ever, neither for a replica that has been silent for its time to live, nor for the rest
// of an answer that has stopped.
import { digestOf, uploadOf } from "../../live/proof.ts";
import type { Run } from "../../live/records.ts";
import { BOUNDS } from "../../../src/limits.ts";
import { DIRECT_RULE } from "../../../src/routing/direct/decide.ts";
import { REPLICAS_MAX, TIMES_MS } from "../settings.ts";
import { brokeOff, described, failed } from "./cases.ts";
import type { Case, Facts, Violation } from "./facts.ts";

/** A connection that is reset so soon may have been closed before the request. The replica is tried again, as often as may be. */
const MOMENT_MS = 500;
/** A replica may hear that the router has left it after the next one has the request, and after its slot has the next request. */
const HEARD_LATE_MS = 150;
/** From the time at which a request must leave its replica until it has. */
const LEFT_LATE_MS = 1000;

export function checkRuns(facts: Facts): Violation[] {
  const known = new Set(facts.cases.map(({ key }) => key));
  // The router's own question whether a replica is there has no key.
  const isProbe = ({ key, method }: Run) => key === "" && method === "OPTIONS";
  const strangers = facts.history.runs.filter((run) => !known.has(run.key) && !isProbe(run));
  return [
    ...strangers.map((run) => found("nothing runs that nobody sent", run, described(run))),
    ...facts.cases.flatMap((its) => checkCase(its, facts)),
  ];
}

function found(rule: string, { key, beganMs: atMs }: Run, what: string): Violation {
  return { rule, key, atMs, what };
}

function checkCase({ app, key, sending, runs, last }: Case, facts: Facts): Violation[] {
  const { upload, replayable, kind } = sending;
  const violations: Violation[] = [];
  const whole = digestOf(upload === undefined ? Buffer.alloc(0) : uploadOf(key, upload.bytes));
  for (const [index, run] of runs.entries()) {
    const breaks = (rule: string, what: string) => violations.push(found(rule, run, what));
    if (run.app !== app) breaks("a request runs at a replica of its own app", described(run));
    if (run.upload !== null && run.upload !== whole) {
      breaks("a body reaches the replica whole or not at all", `${described(run)} read ${run.upload} instead of ${whole}`);
    }
    const before = runs[index - 1];
    if (before === undefined) continue;
    const both = `${kind}: ${described(before)}, then ${described(run)}`;
    const there = runs.slice(0, index).filter(({ replica }) => replica === run.replica);
    const isInARow = runs.slice(index - there.length, index).every((its) => its.replica === run.replica && isResetSoon(its));
    if (there.length > BOUNDS.keptConnections || !isInARow) breaks("a further attempt goes to another replica", both);
    if (!replayable) breaks("what must not be sent twice runs once", both);
    else if (!isOver(before, run.beganMs, facts)) breaks("a further attempt follows only a failure before the answer", both);
  }
  const replicas = new Set(runs.map(({ replica }) => replica)).size;
  if (last !== undefined && replicas > REPLICAS_MAX)
    violations.push(found("attempts are bounded", last, `at ${replicas} replicas`));
  return violations;
}

/** The run had failed by then in a way after which the request may be sent again. */
function isOver(run: Run, byMs: number, facts: Facts): boolean {
  if (run.endedMs === null) return false;
  if (failed(run)) return run.endedMs <= byMs;
  if (facts.isGivenUp(run)) return run.endedMs <= byMs + HEARD_LATE_MS;
  // Its answer was on the way when its replica's time to live was over. The request may have waited for the next replica.
  return run.headersMs !== null && run.headersMs <= byMs && facts.isGone(run, run.headersMs + HEARD_LATE_MS);
}

function isResetSoon(run: Run): boolean {
  return run.headersMs === null && brokeOff(run) && run.endedMs !== null && run.endedMs - run.beganMs <= MOMENT_MS;
}

export function checkWaits(facts: Facts): Violation[] {
  // A client that does not read keeps its replica from sending.
  const isUnwatched = (its: Case) => its.sending.readPauseMs !== undefined || mayPassUntouched(its, facts);
  const unwatched = new Set(facts.cases.filter(isUnwatched).map(({ key }) => key));
  return facts.history.runs.flatMap((run) => {
    // The object does not know of what takes no slot, nor of what was sent while it was out of reach.
    if (run.headersMs === null) return run.method === "OPTIONS" ? [] : checkSilent(run, facts);
    return run.status === 101 || unwatched.has(run.key) ? [] : checkStalled(run);
  });
}

/** An answer of known length that is not short, to a request that the edge sent by itself: nobody ends it. */
function mayPassUntouched({ sending: { asked } }: Case, { isWide }: Facts): boolean {
  return isWide && asked.shape !== "chunked" && asked.bytes > BOUNDS.wholeResponseBytes;
}

function checkSilent(run: Run, facts: Facts): Violation[] {
  const { app, replica, beganMs, endedMs, end } = run;
  if (endedMs === null || end !== "left") return [];
  const span = { fromMs: beganMs, toMs: endedMs };
  // Faults that end with the replica's reports.
  const silent = facts.faults(app, span, (_, kind) => kind === "freezes" || kind === "beats_lost");
  if (!silent.some(({ fault }) => fault.replica === replica) || facts.objectDisturbed(app, span)) return [];
  const goneMs = Math.max(beganMs, facts.lastHeardMs(app, replica, endedMs) + TIMES_MS.timeToLiveMs);
  if (endedMs <= goneMs + LEFT_LATE_MS) return [];
  const what = `${described(run)} waited ${Math.round(endedMs - goneMs)} ms more when its replica's time to live was over`;
  return [found("nobody waits for a replica that is gone", run, what)];
}

function checkStalled(run: Run): Violation[] {
  const { lastSentMs, endedMs, end } = run;
  if (lastSentMs === null || end === "complete") return [];
  const silentMs = (endedMs ?? Infinity) - lastSentMs;
  if (silentMs <= TIMES_MS.idleTimeoutMs + LEFT_LATE_MS) return [];
  const since = `${(lastSentMs / 1000).toFixed(3)} s`;
  const what = `${described(run)} had been silent for ${Math.round(silentMs)} ms since ${since} when it ended`;
  return [found("an answer that stalls is ended", run, what)];
}

/**
 * No replica gets more at once than it takes. Cases that a restart of the object, a snapshot, a new process or the edge's own copy explains are counted. Others
 * are violations.
 */
export function checkConcurrency(facts: Facts) {
  const { runs } = facts.history;
  /**
   * `atNewProcess`: what was granted to a process and reached the one after it. `byCopy`: the edge and the object sent by themselves at the same time.
   * `mostAbove`: a concurrency.
   */
  const counted = { afterRestart: 0, bySnapshot: 0, atNewProcess: 0, byCopy: 0, mostAbove: 0 };
  const violations: Violation[] = [];
  const caseOf = new Map(facts.cases.map((its) => [its.key, its]));
  const byReplica = Map.groupBy(runs, ({ app, replica }) => `${app} ${replica}`);
  for (const run of runs.filter(({ method, present, concurrency }) => method !== "OPTIONS" && present > concurrency)) {
    const { app, replica, concurrency, beganMs } = run;
    const then = { fromMs: beganMs, toMs: beganMs };
    const endsMs = ({ endedMs }: Run) => endedMs ?? Infinity;
    const same = byReplica.get(`${app} ${replica}`) ?? [];
    const there = same.filter((its) => its.method !== "OPTIONS" && its.beganMs <= beganMs && endsMs(its) > beganMs);
    const isGoing = (other: Run) => other !== run && other.end === "left" && endsMs(other) <= beganMs + HEARD_LATE_MS;
    if (there.filter((other) => !isGoing(other)).length <= concurrency) continue;
    counted.mostAbove = Math.max(counted.mostAbove, run.present - concurrency);
    if (there.some((other) => mayBeBySnapshot(other, caseOf.get(other.key), facts))) counted.bySnapshot++;
    // What ran before a restart of the object is counted again within about a second, as `lingersMs` of these faults says. After a stall that
    // was longer than two heartbeats both come at once, and miss requests that were granted with them.
    else if (facts.feltOf(app, then, "object_crashes", "router_killed", "object_stalls")) counted.afterRestart++;
    else if (there.some((other) => isBeforeItsProcess(other, caseOf.get(other.key), facts))) counted.atNewProcess++;
    else if (mayBeByCopy(run)) counted.byCopy++;
    else {
      const others = there.map((other) => `${other.key} ${described(other)}`).join("; ");
      violations.push(
        found("no replica gets more than it takes", run, `${run.present} of ${concurrency} at ${described(run)}: ${others}`),
      );
    }
  }
  return { counted, violations };
}

/** The client was told so. Of an earlier run nobody was told, and then the object must have been out of reach. */
function mayBeBySnapshot(run: Run, its: Case | undefined, facts: Facts): boolean {
  const reason = its?.last === run ? its.came?.headers["x-warmpath-reason"] : undefined;
  if (reason !== undefined) return reason === "snapshot_hash";
  const then = { fromMs: run.beganMs, toMs: run.beganMs };
  return facts.feltOf(run.app, then, "object_throws", "object_overloaded", "object_stalls");
}

/** Until they hear of one another, the object and the one isolate of a run may both fill a replica. Neither gives it more than it takes. */
function mayBeByCopy({ concurrency, present }: Run): boolean {
  return concurrency >= DIRECT_RULE.concurrencyLeast && present <= 2 * concurrency;
}

/** The request was granted to the process before the one that ran it, whose first report the router had not accepted yet. */
function isBeforeItsProcess({ app, replica, incarnation, beganMs }: Run, its: Case | undefined, facts: Facts): boolean {
  return (its?.sentMs ?? beganMs) < facts.firstHeardMs(app, replica, incarnation);
}
