// Checks a history against every rule.
import type { History } from "../history.ts";
import { reasonFor } from "./allowed.ts";
import { spanOf } from "./cases.ts";
import { checkConcurrency, type OverConcurrency } from "./concurrency.ts";
import { checkCrowds, type CrowdFigures } from "./crowds.ts";
import { Facts } from "./facts.ts";
import { checkGone } from "./gone.ts";
import { checkEnd, checkListed, checkSamples } from "./held.ts";
import { checkLog } from "./log-lines.ts";
import { checkRuns } from "./runs.ts";
import { describedCase, faultsFelt } from "./said.ts";
import type { Violation } from "./violations.ts";

export interface Checked {
  readonly facts: Facts;
  readonly violations: readonly Violation[];
  readonly overConcurrency: OverConcurrency;
  readonly crowds: readonly CrowdFigures[];
}

export function check(history: History): Checked {
  const facts = new Facts(history);
  const concurrency = checkConcurrency(facts);
  const crowds = checkCrowds(facts);
  const violations = [
    ...checkOutcomes(facts),
    ...checkRuns(facts),
    ...checkGone(facts),
    ...crowds.violations,
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
    crowds: crowds.figures,
  };
}

function checkOutcomes(facts: Facts): Violation[] {
  return facts.cases
    .filter((its) => reasonFor(its, facts) === null)
    .map((its) => {
      const { asked } = its.sending;
      const what = `${describedCase(its)}; ${faultsFelt(facts, asked.app, spanOf(its))}`;
      return { rule: "a request ends as the table allows", key: asked.key, atMs: its.sentMs, what };
    });
}
