// Rules on what replicas ran: nothing that nobody sent, nothing twice that must not be, no upload cut short as if it were whole. And nobody
// waits for ever: not for a replica of which nothing has been heard for its time to live, nor for the rest of an answer that has stopped.
import { digestOf, uploadOf } from "../../live/proof.ts";
import type { Run } from "../../live/run.ts";
import { BOUNDS } from "../../../src/limits.ts";
import { REPLICAS_MAX, TIMES_MS } from "../settings.ts";
import { brokeOff, described, failed, isGivenUp, isGone } from "./cases.ts";
import type { Case, Facts, Violation } from "./facts.ts";

/** A connection that is reset within this time of the request's beginning may have been closed before: the replica is tried again, as often as may be. */
const MOMENT_MS = 500;
/** A replica may hear that the router has left it after the next one has the request. */
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
  if (isGivenUp(run, facts)) return run.endedMs <= byMs + HEARD_LATE_MS;
  // Its answer was on the way when its replica's time to live was over. The next replica may have been waited for.
  return run.headersMs !== null && run.headersMs <= byMs && isGone(run, run.headersMs + HEARD_LATE_MS, facts);
}

function isResetSoon(run: Run): boolean {
  return run.headersMs === null && brokeOff(run) && run.endedMs !== null && run.endedMs - run.beganMs <= MOMENT_MS;
}

export function checkWaits(facts: Facts): Violation[] {
  // A client that does not read keeps its replica from sending.
  const slow = new Set(facts.cases.filter(({ sending }) => sending.readPauseMs !== undefined).map(({ key }) => key));
  return facts.history.runs.flatMap((run) => {
    // What takes no slot is not known to the object, nor is what was sent while that was out of reach.
    if (run.headersMs === null) return run.method === "OPTIONS" ? [] : checkSilent(run, facts);
    return run.status === 101 || slow.has(run.key) ? [] : checkStalled(run);
  });
}

function checkSilent(run: Run, facts: Facts): Violation[] {
  const { app, replica, beganMs, endedMs, end } = run;
  if (endedMs === null || end !== "left") return [];
  const span = { fromMs: beganMs, toMs: endedMs };
  // It ended by its reports alone.
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
