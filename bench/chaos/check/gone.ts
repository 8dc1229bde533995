// Nobody waits for a replica of which nothing has been heard for its time to live: its requests go elsewhere, or end.
import type { Run } from "../../live/run.ts";
import { TIMES_MS } from "../settings.ts";
import { erred } from "./cases.ts";
import type { Facts } from "./facts.ts";
import { described } from "./said.ts";
import type { Violation } from "./violations.ts";

/** From the end of its time to live until the request has left it. */
const LEFT_LATE_MS = 1000;

export function checkGone(facts: Facts): Violation[] {
  return facts.history.runs.flatMap((run) => {
    const { app, replica, beganMs, headersMs, endedMs, end, key } = run;
    // What takes no slot is not known to the object, nor is what was sent while that was out of reach.
    if (headersMs !== null || endedMs === null || end !== "left" || erred(run) || run.method === "OPTIONS") return [];
    if (facts.objectDisturbed(app, { fromMs: beganMs, toMs: endedMs }) || !wentSilent(run, facts)) return [];
    const heard = facts.lastHeard(app, replica, endedMs);
    const goneMs = Math.max(beganMs, (heard?.answeredMs ?? -Infinity) + TIMES_MS.timeToLiveMs);
    if (endedMs <= goneMs + LEFT_LATE_MS) return [];
    const what = `${described(run)} waited ${Math.round(endedMs - goneMs)} ms more when its replica's time to live was over`;
    return [{ rule: "nobody waits for a replica that is gone", key, atMs: beganMs, what }];
  });
}

/** It ended by its reports alone. */
function wentSilent({ app, replica, beganMs, endedMs }: Run, facts: Facts): boolean {
  const span = { fromMs: beganMs, toMs: endedMs ?? beganMs };
  return facts.kinds(app, span, "freezes", "beats_lost").some(({ fault }) => fault.replica === replica);
}
