// Whether the comparison can be believed: every page was read, what was read is right, loads are those that replicas counted, the machine did little else.
import type { Finding } from "../../../bench/report.ts";
import { figuresOf, type FigureName } from "./figures.ts";
import type { Run } from "./outcome.ts";

/** If something else takes more of the machine's CPU time than this, latencies say little. */
const OTHERS_MOST = 0.05;
const FAULTS_SHOWN = 3;

export function judge(runs: readonly Run[]): Finding[] {
  const figures = runs.map((run) => ({ run, its: figuresOf(run) }));
  const sum = (name: FigureName) => figures.reduce((total, { its }) => total + its[name], 0);
  const faults = [
    ...new Set(
      runs.flatMap(({ way, outcomes }) => outcomes.flatMap(({ fault }) => (fault === null ? [] : [`${way}: ${fault}`]))),
    ),
  ];
  const uncounted = figures.filter(({ its }) => its.cold_loads !== its.loads_at_replicas);
  const miscounts = uncounted.map(
    ({ run, its }) => `${run.way}: ${its.cold_loads} in answers, ${its.loads_at_replicas} at replicas`,
  );
  const disturbed = runs.filter(({ busy }) => busy.other > OTHERS_MOST);
  const others = disturbed.map(
    ({ way, busy }) => `${way}: something else took ${(busy.other * 100).toFixed(0)} % of the CPU time`,
  );
  return [
    { check: "read", ok: faults.length === 0, says: faults.slice(0, FAULTS_SHOWN).join("; ") || `all ${sum("pages")} pages` },
    { check: "recognised", ok: sum("recognised") === sum("pages"), says: `${sum("recognised")} of ${sum("pages")} pages` },
    {
      ...{ check: "loads", ok: uncounted.length === 0 },
      says: miscounts.join("; ") || "replicas counted as many as their answers say",
    },
    {
      ...{ check: "quiet machine", ok: disturbed.length === 0 ? true : null },
      says: others.join("; ") || `nothing else took more than ${OTHERS_MOST * 100} % of the CPU time`,
    },
  ];
}
