// What the rules ask of one run, and what violations say of runs, requests and faults, with the times to find them in the history.
import { TUNNEL_STATUSES, type Run } from "../../live/records.ts";
import type { Injected } from "../faults.ts";
import { TIMES_MS } from "../settings.ts";
import type { Case, Facts, Span } from "./facts.ts";

/** Answers in whose place another replica is asked. */
const TRIED_ELSEWHERE: ReadonlySet<number> = new Set([502, 503, ...TUNNEL_STATUSES]);
/** How much earlier than its time a timer may seem to fire, seen from another process. */
const EARLY_MS = 100;

/** The run failed in a way after which the router may send the request to another replica. */
export function failed(run: Run): boolean {
  return run.headersMs === null ? brokeOff(run) : isTriedElsewhere(run);
}

export function isTriedElsewhere({ end, status }: Run): boolean {
  return end === "complete" && status !== null && TRIED_ELSEWHERE.has(status);
}

/** The run was answered with an error. */
export function erred({ end, status }: Run): boolean {
  return end === "complete" && status !== null && status >= 400;
}

/** The other side left the run when it had sent nothing for as long as an answer may be silent. */
export function isStalled({ headersMs, lastSentMs, endedMs, end }: Run): boolean {
  if (headersMs === null || lastSentMs === null || endedMs === null || end !== "left") return false;
  return endedMs - lastSentMs >= TIMES_MS.idleTimeoutMs - EARLY_MS;
}

/** The replica ended the run before the answer was whole. */
export function brokeOff({ end }: Run): boolean {
  return end === "reset" || end === "died";
}

export function described({ replica, app, trouble, status, end, beganMs, endedMs }: Run): string {
  const how = `(${status ?? "no status"}, ${end ?? "still running"})`;
  return `${app} ${replica} ${fromTo(beganMs, endedMs)}${trouble === null ? "" : ` in ${trouble}`} ${how}`;
}

/** Kind, hint, how the request ended, and where it ran. */
export function describedCase({ app, came, sending, outcome, runs, sentMs, endedMs }: Case): string {
  const proof = typeof came?.proof === "string" ? came.proof : null;
  const said = [came?.detail, proof, came?.cause, came?.headers["x-warmpath-reason"]];
  const words = said.filter((word) => word !== null && word !== undefined).join(", ");
  const ran = runs.length === 0 ? "no replica ran it" : `ran at ${runs.map(described).join(", then ")}`;
  const what = `${sending.kind} for ${app} ${sending.asked.hint ?? "without a hint"}`;
  return `${what}: ${outcome} after ${Math.round(endedMs - sentMs)} ms (${words}); ${ran}`;
}

export function faultsFelt(facts: Facts, app: string, span: Span): string {
  const felt = facts.faults(app, span).map(describedFault);
  return felt.length === 0 ? "no fault could be felt" : `faults that could be felt: ${felt.join(", ")}`;
}

export function describedFault({ fault, beganMs, endedMs }: Injected): string {
  const { kind, app, replica, hint } = fault;
  return [kind, app, replica, hint, fromTo(beganMs, endedMs)].filter((word) => word !== "").join(" ");
}

function fromTo(beganMs: number, endedMs: number | null): string {
  return `${(beganMs / 1000).toFixed(3)} to ${endedMs === null ? "-" : (endedMs / 1000).toFixed(3)} s`;
}
