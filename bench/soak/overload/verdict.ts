// Whether an overload went well. Pure.
import type { Held } from "../../live/fleet.ts";
import type { Finding } from "../../report.ts";
import { leftovers } from "../verdict.ts";
import { PHASES, REFUSED, type Figures, type Phase } from "./figures.ts";

/** The median refusal may take so many times as long in the last third of the overload as in the first, and this in any case. */
const SLOWER = { times: 2, moreMs: 20 };
/** Within which refusals must come, 99th percentile. */
const REFUSAL_P99_MS = 250;
/** Recovery may take so many times what the backlog should, and this: windows, and how few requests are in each. */
const RECOVERY = { times: 1.5, moreS: 4 };
/**
 * Once garbage is collected. The heap may have grown by so much from before the overload until after the second one: with the default
 * minutes a leak of 40 bytes a request would be more. What the process grew by for the first it keeps, and uses again for the second.
 */
const HEAP_MORE_MIB = 1;
const RESIDENT_MORE_MIB = 8;
/** The share of the low flood's capacity that requests of low priority must get at least: half of it is asked for by others. */
const LOW_SHARE = 0.3;

/** `goodput`: of the capacity that the overload must still be served with. */
export function judge(
  figures: Figures,
  missing: readonly string[],
  held: readonly Held[],
  queueLengthMax: number,
  goodput: number,
): Finding[] {
  const { phases, capacity_per_s: capacity, goodput_share, recovery_s: recovery, backlog_s: backlogS, retained } = figures;
  const { overload, low_flood: flood } = phases;
  const { normal, low } = flood;
  const { before, after, low_flood: again } = retained;
  const [early, late] = [overload.refusal_early_ms ?? 0, overload.refusal_late_ms ?? 0];
  const p99 = overload.refusal_p99_ms ?? 0;
  const silent = overload.without_retry_after + flood.without_retry_after;
  const longest = Math.max(...PHASES.map((phase) => phases[phase].waiting_most));
  const others = othersOf(figures);
  const recoveryMostS = backlogS * RECOVERY.times + RECOVERY.moreS;
  const lowPerSecond = low.served / flood.lasted_s;
  const check = (name: string, ok: boolean, says: string): Finding => ({ check: name, ok, says });
  const course = (key: keyof typeof before) =>
    `${before[key].toFixed(2)} MiB before, ${after[key].toFixed(2)} after, ${again[key].toFixed(2)} after the low flood, once garbage is collected`;
  return [
    check("goodput", goodput_share >= goodput, `${goodput_share} of the capacity of ${capacity} a second, at least ${goodput}`),
    check("refusals quick", p99 <= REFUSAL_P99_MS, `99 % within ${p99} ms, at most ${REFUSAL_P99_MS}`),
    check("refusals steady", late <= early * SLOWER.times + SLOWER.moreMs, `median ${early} ms at first, ${late} ms at last`),
    check("Retry-After", silent === 0, `${silent} refusals without it`),
    check("queue bounded", longest <= queueLengthMax, `at most ${longest} waited, QUEUE_LENGTH_MAX is ${queueLengthMax}`),
    check("whoever was let in is served", others.length === 0, others.join(", ") || "only 200 and 429"),
    check(
      "recovery",
      recovery !== null && recovery <= recoveryMostS,
      `${recovery ?? "-"} s; the backlog of ${figures.backlog} takes ${backlogS} s, at most ${recoveryMostS.toFixed(1)} s`,
    ),
    check("heap", again.heap_mib <= before.heap_mib + HEAP_MORE_MIB, course("heap_mib")),
    check("resident memory", again.resident_mib <= after.resident_mib + RESIDENT_MORE_MIB, course("resident_mib")),
    check(
      "priority",
      (normal.wait_p50_ms ?? Infinity) < (low.wait_p50_ms ?? -Infinity),
      `median wait in the low flood: ${normal.wait_p50_ms} ms normal, ${low.wait_p50_ms} ms low`,
    ),
    check("normal not refused", normal.refused === 0, `${normal.refused} of ${normal.served + normal.refused} in the low flood`),
    check("low served", lowPerSecond >= LOW_SHARE * capacity, `${lowPerSecond.toFixed(1)} a second in the low flood`),
    ...leftovers(missing, held),
  ];
}

/** Outcomes beside 200 and, where more was offered than the fleet can serve, 429. */
function othersOf({ phases }: Figures): string[] {
  const full = new Set<Phase>(["overload", "after", "low_flood"]);
  return PHASES.flatMap((phase) =>
    Object.entries(phases[phase].outcomes)
      .filter(([name]) => name !== "200" && !(name === REFUSED && full.has(phase)))
      .map(([name, count]) => `${phase}: ${count} x ${name}`),
  );
}
