// Rules on what replicas ran: nothing that nobody sent, nothing twice that must not be, no upload cut short as if it were whole.
import { digestOf, uploadOf } from "../../live/proof.ts";
import type { Run } from "../../live/run.ts";
import { BOUNDS } from "../../../src/limits.ts";
import { REPLICAS_MAX } from "../settings.ts";
import { brokeOff, failed, isGivenUp, isGone } from "./cases.ts";
import type { Case, Facts } from "./facts.ts";
import { described } from "./said.ts";
import type { Violation } from "./violations.ts";

/** A connection that is reset within this time of the request's beginning may have been closed before: the replica is tried again, as often as may be. */
const MOMENT_MS = 500;
/** A replica may hear that the router has left it after the next one has the request. */
const HEARD_LATE_MS = 150;

export function checkRuns(facts: Facts): Violation[] {
  const known = new Set(facts.cases.map(({ sending }) => sending.asked.key));
  const strangers = facts.history.runs
    .filter((run) => !known.has(run.key) && !isProbe(run))
    .map((run) => ({ rule: "nothing runs that nobody sent", key: run.key, atMs: run.beganMs, what: described(run) }));
  return [...strangers, ...facts.cases.flatMap((its) => checkCase(its, facts))];
}

/** The router's own question whether a replica is there. */
function isProbe({ key, method }: Run): boolean {
  return key === "" && method === "OPTIONS";
}

function checkCase({ sending, runs }: Case, facts: Facts): Violation[] {
  const { asked, replayable, upload } = sending;
  const violations: Violation[] = [];
  const found = (rule: string, run: Run, what: string) => violations.push({ rule, key: asked.key, atMs: run.beganMs, what });
  const whole = upload === null ? digestOf(Buffer.alloc(0)) : digestOf(uploadOf(asked.key, upload.bytes));
  for (const [index, run] of runs.entries()) {
    if (run.app !== asked.app) found("a request runs at a replica of its own app", run, described(run));
    if (run.upload !== null && run.upload !== whole) {
      found("a body reaches the replica whole or not at all", run, `${described(run)} read ${run.upload} instead of ${whole}`);
    }
    const before = runs[index - 1];
    if (before === undefined) continue;
    const both = `${sending.kind}: ${described(before)}, then ${described(run)}`;
    const there = runs.slice(0, index).filter(({ replica }) => replica === run.replica);
    const isInARow = runs.slice(index - there.length, index).every((its) => its.replica === run.replica && isResetSoon(its));
    if (there.length > BOUNDS.keptConnections || !isInARow) {
      found("a further attempt goes to another replica", run, both);
    }
    if (!replayable) found("what must not be sent twice runs once", run, both);
    else if (!isOver(before, run.beganMs, facts)) {
      found("a further attempt follows only a failure before the answer", run, both);
    }
  }
  const last = runs.at(-1);
  const replicas = new Set(runs.map(({ replica }) => replica)).size;
  if (last !== undefined && replicas > REPLICAS_MAX) found("attempts are bounded", last, `at ${replicas} replicas`);
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
