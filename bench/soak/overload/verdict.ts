// Whether an overload went well. Pure.
import { leftovers, type Finding } from "../../report.ts";
import { PHASES, REFUSED, type Figures, type History, type Phase } from "./figures.ts";

/** The median refusal may take so many times as long in the last third of the overload as in the first, and so much more in any case. */
const SLOWER = { times: 2, moreMs: 20 };
/** 99 % of the refusals must come within this time. */
const REFUSAL_P99_MS = 250;
/** Recovery may take so many times as long as the backlog should, and so much more. */
const RECOVERY = { times: 1.5, moreS: 2 };
/**
 * Once garbage is collected. The heap may have grown by so much from before the overload until after the second one: with the default
 * minutes a leak of 40 bytes a request would be more. What the process grew by for the first overload it keeps and uses again for the second.
 */
const MORE_MIB = { heap: 1, resident: 8 };
/** The share of the capacity that requests of low priority must get in the low flood. Requests of normal priority ask for half of it. */
const LOW_SHARE = 0.3;

/** `goodput`: the share of the capacity that must be served in the overload. */
export function judge(figures: Figures, { missing, held }: History, queueLengthMax: number, goodput: number): Finding[] {
  const { phases, capacity_per_s: capacity, goodput_share, recovery_s: recovery, backlog, backlog_s: backlogS } = figures;
  const { overload, low_flood: flood } = phases;
  const { normal, low } = flood;
  const { before, after, low_flood: again } = figures.retained;
  const [early, late] = [overload.refusal_early_ms ?? 0, overload.refusal_late_ms ?? 0];
  const p99 = overload.refusal_p99_ms ?? 0;
  const silent = overload.without_retry_after + flood.without_retry_after;
  const longest = Math.max(...PHASES.map((phase) => phases[phase].waiting_most));
  const others = othersOf(figures);
  const recoveryMostS = backlogS * RECOVERY.times + RECOVERY.moreS;
  const lowPerSecond = low.served / flood.lasted_s;
  const isFirst = (normal.wait_p50_ms ?? Infinity) < (low.wait_p50_ms ?? -Infinity);
  const course = (key: keyof typeof before) =>
    `${before[key].toFixed(2)} MiB before, ${after[key].toFixed(2)} after, ${again[key].toFixed(2)} after the low flood, once garbage is collected`;
  const findings: [check: string, ok: boolean, says: string][] = [
    ["goodput", goodput_share >= goodput, `${goodput_share} of the capacity of ${capacity} a second, at least ${goodput}`],
    ["refusals quick", p99 <= REFUSAL_P99_MS, `99 % within ${p99} ms, at most ${REFUSAL_P99_MS}`],
    ["refusals steady", late <= early * SLOWER.times + SLOWER.moreMs, `median ${early} ms at first, ${late} ms at last`],
    ["Retry-After", silent === 0, `${silent} refusals without it`],
    ["queue bounded", longest <= queueLengthMax, `at most ${longest} waited, QUEUE_LENGTH_MAX is ${queueLengthMax}`],
    ["whoever was let in is served", others.length === 0, others.join(", ") || "only 200 and 429"],
    [
      "recovery",
      recovery !== null && recovery <= recoveryMostS,
      `${recovery ?? "-"} s; the backlog of ${backlog} takes ${backlogS} s, at most ${recoveryMostS.toFixed(1)} s`,
    ],
    ["heap", again.heap_mib <= before.heap_mib + MORE_MIB.heap, course("heap_mib")],
    ["resident memory", again.resident_mib <= after.resident_mib + MORE_MIB.resident, course("resident_mib")],
    ["priority", isFirst, `median wait in the low flood: ${normal.wait_p50_ms} ms normal, ${low.wait_p50_ms} ms low`],
    ["normal not refused", normal.refused === 0, `${normal.refused} of ${normal.served + normal.refused} in the low flood`],
    ["low served", lowPerSecond >= LOW_SHARE * capacity, `${lowPerSecond.toFixed(1)} a second in the low flood`],
  ];
  return [...findings.map(([check, ok, says]) => ({ check, ok, says })), ...leftovers(missing, held)];
}

/** Outcomes beside 200, and beside 429 in phases that offer more than the fleet can serve. */
function othersOf({ phases }: Figures): string[] {
  const full = new Set<Phase>(["overload", "after", "low_flood"]);
  return PHASES.flatMap((phase) =>
    Object.entries(phases[phase].outcomes)
      .filter(([name]) => name !== "200" && !(name === REFUSED && full.has(phase)))
      .map(([name, count]) => `${phase}: ${count} x ${name}`),
  );
}
