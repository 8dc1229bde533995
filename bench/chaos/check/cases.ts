// What the tables ask of one request.
import type { Run } from "../../live/run.ts";
import type { Case, Facts, Span } from "./facts.ts";

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
  if (run.headersMs === null) return brokeOff(run);
  return run.end === "complete" && run.status !== null && run.status >= 500;
}

/** The replica ended the run before the answer was whole. */
export function brokeOff({ end }: Run): boolean {
  return end === "reset" || end === "died";
}
