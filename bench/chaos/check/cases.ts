// What the tables ask of one request.
import type { Run } from "../../live/run.ts";
import { TUNNEL_STATUSES } from "../../live/trouble.ts";
import { TIMES_MS } from "../settings.ts";
import type { Case, Facts, Span } from "./facts.ts";

/** Answers in whose place another replica is asked. */
const TRIED_ELSEWHERE: ReadonlySet<number> = new Set([502, 503, ...TUNNEL_STATUSES]);
/** How much earlier than its time a timer may seem to fire, seen from another process. */
const EARLY_MS = 100;

/** A line of a table: it applies to a request where it holds. */
export interface Row {
  readonly because: string;
  readonly holds: (its: Case, facts: Facts) => boolean;
}

export function spanOf({ sentMs, endedMs }: Case): Span {
  return { fromMs: sentMs, toMs: endedMs };
}

/** The run failed in a way after which the router may send the request to another replica. */
export function failed(run: Run): boolean {
  return run.headersMs === null ? brokeOff(run) : isTriedElsewhere(run);
}

/** It was answered with a status in whose place another replica is asked. */
export function isTriedElsewhere({ end, status }: Run): boolean {
  return end === "complete" && status !== null && TRIED_ELSEWHERE.has(status);
}

/** It was answered with an error. */
export function erred({ end, status }: Run): boolean {
  return end === "complete" && status !== null && status >= 400;
}

/** The router left it before headers came, and nothing had been heard of its replica for its time to live. */
export function isGivenUp(run: Run, facts: Facts): boolean {
  if (run.headersMs !== null || run.end !== "left" || run.endedMs === null) return false;
  return isGone(run, run.endedMs, facts);
}

/** The time to live of its replica may have been over by then, or at some time since the run began: a report may have come too late. */
export function isGone({ app, replica, beganMs }: Run, atMs: number, facts: Facts): boolean {
  return facts
    .silences(app, replica, TIMES_MS.timeToLiveMs - EARLY_MS)
    .some(({ fromMs, toMs }) => fromMs <= atMs && toMs >= beganMs);
}

/** The other side left it when it had sent nothing for as long as an answer may be silent. */
export function isStalled({ headersMs, lastSentMs, endedMs, end }: Run): boolean {
  if (headersMs === null || lastSentMs === null || endedMs === null || end !== "left") return false;
  return endedMs - lastSentMs >= TIMES_MS.idleTimeoutMs - EARLY_MS;
}

/** The replica ended the run before the answer was whole. */
export function brokeOff({ end }: Run): boolean {
  return end === "reset" || end === "died";
}
