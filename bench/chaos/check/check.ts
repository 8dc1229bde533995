// Checks a history against every rule.
import type { History } from "../history.ts";
import { reasonFor } from "./allowed.ts";
import { checkConcurrency, type OverConcurrency } from "./concurrency.ts";
import { Facts } from "./facts.ts";
import { checkEnd, checkListed, checkSamples } from "./held.ts";
import { checkLog } from "./log-lines.ts";
import { checkRuns, described } from "./runs.ts";
import type { Violation } from "./violations.ts";

export interface Checked {
  readonly facts: Facts;
  readonly violations: readonly Violation[];
  readonly overConcurrency: OverConcurrency;
}

export function check(history: History): Checked {
  const facts = new Facts(history);
  const concurrency = checkConcurrency(facts);
  const violations = [
    ...checkOutcomes(facts),
    ...checkRuns(facts),
    ...concurrency.violations,
    ...checkSamples(facts),
    ...checkListed(facts),
    ...checkEnd(facts),
    ...checkLog(facts),
  ];
  return {
    facts,
    violations: [...violations].sort((a, b) => (a.atMs ?? Infinity) - (b.atMs ?? Infinity)),
    overConcurrency: concurrency.counted,
  };
}

function checkOutcomes(facts: Facts): Violation[] {
  return facts.cases
    .filter((its) => reasonFor(its, facts) === null)
    .map((its) => {
      const { came, sending, outcome, runs, sentMs, endedMs } = its;
      const said = [
        came?.status,
        came?.errorType,
        came?.detail,
        typeof came?.proof === "string" ? came.proof : null,
        came?.cause,
      ];
      const words = said.filter((word) => word !== null && word !== undefined).join(", ");
      const ran = runs.length === 0 ? "no replica ran it" : `ran at ${runs.map(described).join(", then ")}`;
      const what = `${sending.kind}: ${outcome} after ${Math.round(endedMs - sentMs)} ms (${words}); ${ran}`;
      return { rule: "a request ends as the table allows", key: sending.asked.key, atMs: sentMs, what };
    });
}
