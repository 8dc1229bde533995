// A checked run: its figures, and tables of them.
import { MINUTE_MS } from "../command.ts";
import { counted, listed, short, table } from "../report.ts";
import type { Checked } from "./check/check.ts";
import type { Case } from "./check/facts.ts";
import { FAULTS, type Injected } from "./faults.ts";
import type { Schedule } from "./schedule.ts";

export type Summary = ReturnType<typeof summaryOf>;

/** So many violations of one rule are printed. The rest is counted. */
const SHOWN_MOST = 10;

export function summaryOf(schedule: Schedule, { facts, violations, overConcurrency, crowds }: Checked, tookMs: number) {
  const { cases, history } = facts;
  const { quietMs, wholeMs } = history.end;
  const complete = cases.filter(({ outcome }) => outcome === "200");
  return {
    ...{ ok: violations.length === 0, seed: schedule.seed, minutes: schedule.forMs / MINUTE_MS, took_s: short(tookMs / 1000) },
    ...{ requests: cases.length, runs: history.runs.length },
    /** Requests by how they ended, and served ones by why their replica was chosen. */
    outcomes: counted(cases.map(({ outcome }) => outcome)),
    reasons: counted(complete.map(({ came }) => came?.headers["x-warmpath-reason"] ?? "none")),
    faults: counted(history.injected.map(({ fault }) => fault.kind)),
    ...{ over_concurrency: overConcurrency, crowds },
    /** The longest by kind of fault, and from the last fault until the fleet was whole; null: it was not. */
    recovery_s: recoveries(history.injected, complete),
    whole_after_s: wholeMs === null ? null : short((wholeMs - quietMs) / 1000),
    violations,
  };
}

/** From a fault's end to the end of the first request that was sent later and served by what the fault befell; longest first. */
function recoveries(injected: readonly Injected[], complete: readonly Case[]): Record<string, number> {
  const longest = new Map<string, number>();
  const byEnd = complete.toSorted((a, b) => a.endedMs - b.endedMs);
  for (const { fault, endedMs } of injected) {
    if (endedMs === null || fault.kind === "burst") continue;
    const isServed = ({ sentMs, app, came }: Case) =>
      sentMs >= endedMs &&
      (fault.app === "" || app === fault.app) &&
      (FAULTS[fault.kind].target !== "replica" || came?.headers["x-fal-served-from"] === fault.replica);
    const first = byEnd.find(isServed);
    if (first === undefined) continue;
    longest.set(fault.kind, Math.max(longest.get(fault.kind) ?? 0, short((first.endedMs - endedMs) / 1000)));
  }
  return Object.fromEntries([...longest].sort(([, a], [, b]) => b - a));
}

export function tables(its: Summary): string {
  const { outcomes, reasons, faults, recovery_s: recovery, over_concurrency: over } = its;
  const [slowest] = Object.entries(recovery);
  const whole = its.whole_after_s === null ? "was not whole in time" : `was whole ${its.whole_after_s} s after the last fault`;
  const kinds = Object.entries(faults).map(([kind, count]) => [kind, count, recovery[kind] ?? null]);
  const crowds = its.crowds.map((figures) => {
    const share = figures.judged === 0 ? null : ((100 * figures.failed) / figures.judged).toFixed(1);
    return [...Object.values(figures), share];
  });
  const headings = ["times", "requests", "felt", "failed learning", "excused", "turned away", "judged", "failed", "%"];
  return [
    `seed ${its.seed}, ${its.minutes} minutes of faults, ${its.took_s} s in all: ${its.requests} requests, ${its.runs} runs at replicas`,
    table([["requests", ""], ...Object.entries(outcomes)]),
    table([["served by", ""], ...Object.entries(reasons)]),
    table([["fault", "times", "longest recovery s"], ...kinds]),
    table([["crowd of", ...headings], ...crowds]),
    `over concurrency: ${listed(over)}`,
    `longest recovery ${slowest === undefined ? "-" : `${slowest[1]} s after ${slowest[0]}`}; the fleet ${whole}`,
    its.ok ? "no violations" : violationsOf(its),
  ].join("\n\n");
}

function violationsOf({ seed, violations }: Summary): string {
  const lines = [...Map.groupBy(violations, ({ rule }) => rule)].flatMap(([rule, all]) => {
    const shown = all.slice(0, SHOWN_MOST).map(({ key, atMs, what }) => {
      const when = atMs === null ? "in the end" : `at ${(atMs / 1000).toFixed(3)} s`;
      return `VIOLATION seed ${seed}, ${when}${key === null ? "" : `, request ${key}`}: ${rule}\n  ${what}`;
    });
    return all.length > shown.length ? [...shown, `and ${all.length - shown.length} more: ${rule}`] : shown;
  });
  return lines.join("\n");
}
