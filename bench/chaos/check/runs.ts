// Rules on what replicas ran: nothing that nobody sent, nothing twice that must not be, no upload cut short as if it were whole.
import { digestOf, uploadOf } from "../../live/proof.ts";
import type { Run } from "../../live/run.ts";
import { RUNS_MAX } from "./allowed.ts";
import { failed } from "./cases.ts";
import type { Case, Facts } from "./facts.ts";
import type { Violation } from "./violations.ts";

export function checkRuns(facts: Facts): Violation[] {
  const known = new Set(facts.cases.map(({ sending }) => sending.asked.key));
  const strangers = facts.history.runs
    .filter((run) => !known.has(run.key) && !isProbe(run))
    .map((run) => ({ rule: "nothing runs that nobody sent", key: run.key, atMs: run.beganMs, what: described(run) }));
  return [...strangers, ...facts.cases.flatMap(checkCase)];
}

/** The router's own question whether a replica is there, after a streamed body broke off. */
function isProbe({ key, method }: Run): boolean {
  return key === "" && method === "OPTIONS";
}

function checkCase({ sending, runs }: Case): Violation[] {
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
    if (runs.slice(0, index).some(({ replica }) => replica === run.replica)) {
      found("a further attempt goes to another replica", run, described(run));
    }
    const both = `${described(before)}, then ${described(run)}`;
    if (!replayable) found("what must not be sent twice runs once", run, both);
    else if (before.endedMs === null || before.endedMs > run.beganMs || !failed(before)) {
      found("a further attempt follows only a failure before the answer", run, both);
    }
  }
  const last = runs.at(-1);
  if (last !== undefined && runs.length > RUNS_MAX) found("attempts are bounded", last, `${runs.length} runs`);
  return violations;
}

export function described({ replica, app, trouble, status, end }: Run): string {
  return `${app} ${replica}${trouble === null ? "" : ` in ${trouble}`} (${status ?? "no status"}, ${end ?? "still running"})`;
}
