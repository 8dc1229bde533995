// Nobody waits for ever: not for a replica of which nothing has been heard for its time to live, nor for the rest of an answer that has
// stopped. Such requests go elsewhere, or end.
import type { Run } from "../../live/run.ts";
import { TIMES_MS } from "../settings.ts";
import type { Facts } from "./facts.ts";
import { described } from "./said.ts";
import type { Violation } from "./violations.ts";

/** From the time at which a request must leave its replica until it has. */
const LEFT_LATE_MS = 1000;

export function checkGone(facts: Facts): Violation[] {
  const slowReaders = new Set(
    facts.cases.filter(({ sending }) => sending.readPauseMs > 0).map(({ sending }) => sending.asked.key),
  );
  return facts.history.runs.flatMap((run) => {
    // What takes no slot is not known to the object, nor is what was sent while that was out of reach.
    if (run.headersMs === null) return run.method === "OPTIONS" ? [] : checkSilent(run, facts);
    // A client that does not read keeps its replica from sending.
    return run.status === 101 || slowReaders.has(run.key) ? [] : checkStalled(run);
  });
}

function checkSilent(run: Run, facts: Facts): Violation[] {
  const { app, replica, beganMs, endedMs, end, key } = run;
  if (endedMs === null || end !== "left" || !wentSilent(run, facts)) return [];
  if (facts.objectDisturbed(app, { fromMs: beganMs, toMs: endedMs })) return [];
  const heard = facts.lastHeard(app, replica, endedMs);
  const goneMs = Math.max(beganMs, (heard?.answeredMs ?? -Infinity) + TIMES_MS.timeToLiveMs);
  if (endedMs <= goneMs + LEFT_LATE_MS) return [];
  const what = `${described(run)} waited ${Math.round(endedMs - goneMs)} ms more when its replica's time to live was over`;
  return [{ rule: "nobody waits for a replica that is gone", key, atMs: beganMs, what }];
}

function checkStalled(run: Run): Violation[] {
  const { beganMs, lastSentMs, endedMs, end, key } = run;
  if (lastSentMs === null || end === "complete") return [];
  const silentMs = (endedMs ?? Infinity) - lastSentMs;
  if (silentMs <= TIMES_MS.idleTimeoutMs + LEFT_LATE_MS) return [];
  const what = `${described(run)} had been silent for ${Math.round(silentMs)} ms since ${(lastSentMs / 1000).toFixed(3)} s when it ended`;
  return [{ rule: "an answer that stalls is ended", key, atMs: beganMs, what }];
}

/** It ended by its reports alone. */
function wentSilent({ app, replica, beganMs, endedMs }: Run, facts: Facts): boolean {
  const span = { fromMs: beganMs, toMs: endedMs ?? beganMs };
  return facts.kinds(app, span, "freezes", "beats_lost").some(({ fault }) => fault.replica === replica);
}
