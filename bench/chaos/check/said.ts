// What violations say of runs, requests and faults, with the times to find them in the history.
import type { Run } from "../../live/run.ts";
import type { Injected } from "../faults.ts";
import type { Case, Facts, Span } from "./facts.ts";

export function described({ replica, app, trouble, status, end, beganMs, endedMs }: Run): string {
  const when = `${seconds(beganMs)} to ${endedMs === null ? "-" : seconds(endedMs)} s`;
  return `${app} ${replica} ${when}${trouble === null ? "" : ` in ${trouble}`} (${status ?? "no status"}, ${end ?? "still running"})`;
}

/** Kind, hint, how it ended, and where it ran. */
export function describedCase({ came, sending, outcome, runs, sentMs, endedMs }: Case): string {
  const said = [
    came?.status,
    came?.errorType,
    came?.detail,
    typeof came?.proof === "string" ? came.proof : null,
    came?.cause,
    came?.headers["x-warmpath-reason"],
  ];
  const words = said.filter((word) => word !== null && word !== undefined).join(", ");
  const ran = runs.length === 0 ? "no replica ran it" : `ran at ${runs.map(described).join(", then ")}`;
  const { app, hint } = sending.asked;
  const what = `${sending.kind} for ${app} ${hint ?? "without a hint"}`;
  return `${what}: ${outcome} after ${Math.round(endedMs - sentMs)} ms (${words}); ${ran}`;
}

/** The faults that could be felt by the app in the span. */
export function faultsFelt(facts: Facts, app: string, span: Span): string {
  const felt = facts.faults(app, span, () => true).map(describedFault);
  return felt.length === 0 ? "no fault could be felt" : `faults that could be felt: ${felt.join(", ")}`;
}

export function describedFault({ fault, beganMs, endedMs }: Injected): string {
  const { kind, app, replica, hint } = fault;
  const whom = [app, replica, hint].filter((name) => name !== "").join(" ");
  return `${kind}${whom === "" ? "" : ` ${whom}`} ${seconds(beganMs)} to ${endedMs === null ? "-" : seconds(endedMs)} s`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}
