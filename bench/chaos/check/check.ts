// Checks a history against every rule.
import type { History } from "../run.ts";
import { isAllowed } from "./allowed.ts";
import { describedCase, faultsFelt } from "./cases.ts";
import { checkCrowds } from "./crowds.ts";
import { Facts, type Violation } from "./facts.ts";
import { checkEnd, checkGrants, checkListed, checkLog } from "./held.ts";
import { checkConcurrency, checkRuns, checkWaits } from "./runs.ts";

export type Checked = ReturnType<typeof check>;

export function check(history: History) {
  const facts = new Facts(history);
  const concurrency = checkConcurrency(facts);
  const crowds = checkCrowds(facts);
  const rules = [checkOutcomes, checkRuns, checkWaits, checkGrants, checkListed, checkEnd, checkLog];
  const violations = [...rules.flatMap((rule) => rule(facts)), ...crowds.violations, ...concurrency.violations];
  violations.sort((a, b) => (a.atMs ?? Infinity) - (b.atMs ?? Infinity));
  return { facts, violations, overConcurrency: concurrency.counted, crowds: crowds.figures };
}

function checkOutcomes(facts: Facts): Violation[] {
  const wrong = facts.cases.filter((its) => !isAllowed(its, facts));
  return wrong.map((its) => {
    const what = `${describedCase(its)}; ${faultsFelt(facts, its.app, its.span)}`;
    return { rule: "a request ends as the table allows", key: its.key, atMs: its.sentMs, what };
  });
}
