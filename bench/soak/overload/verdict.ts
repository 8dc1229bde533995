// Whether an overload went well. Pure.
import type { Held, RetainedMib } from "../fleet.ts";
import type { Figures } from "./figures.ts";
import { PHASES, REFUSED, type Phase } from "./phases.ts";

export interface Limits {
  readonly queueLengthMax: number;
  readonly goodput: number;
  readonly refusalP99Ms: number;
}

export interface Finding {
  readonly check: string;
  readonly ok: boolean;
  readonly says: string;
}

/** The median refusal may take so many times as long in the last third of the overload as in the first, and this in any case. */
const SLOWER = { times: 2, moreMs: 20 };
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

export function judge(figures: Figures, missing: readonly string[], held: Held, limits: Limits): Finding[] {
  const { phases, capacity_per_s: capacity, goodput_share: goodput, recovery_s: recovery, backlog_s: backlogS } = figures;
  const { overload, low_flood: flood } = phases;
  const found: Finding[] = [];
  const check = (name: string, ok: boolean, says: string) => found.push({ check: name, ok, says });
  check("goodput", goodput >= limits.goodput, `${goodput} of the capacity of ${capacity} a second, at least ${limits.goodput}`);
  const p99 = overload.refusal_p99_ms ?? 0;
  check("refusals quick", p99 <= limits.refusalP99Ms, `99 % within ${p99} ms, at most ${limits.refusalP99Ms}`);
  const [early, late] = [overload.refusal_early_ms ?? 0, overload.refusal_late_ms ?? 0];
  check("refusals steady", late <= early * SLOWER.times + SLOWER.moreMs, `median ${early} ms at first, ${late} ms at last`);
  const silent = overload.without_retry_after + flood.without_retry_after;
  check("Retry-After", silent === 0, `${silent} refusals without it`);
  const longest = Math.max(...PHASES.map((phase) => phases[phase].waiting_most));
  check(
    "queue bounded",
    longest <= limits.queueLengthMax,
    `at most ${longest} waited, QUEUE_LENGTH_MAX is ${limits.queueLengthMax}`,
  );
  const others = othersOf(figures);
  check("whoever was let in is served", others.length === 0, others.length === 0 ? "only 200 and 429" : others.join(", "));
  const most = backlogS * RECOVERY.times + RECOVERY.moreS;
  check(
    "recovery",
    recovery !== null && recovery <= most,
    `${recovery === null ? "not seen" : `${recovery} s`}; the backlog of ${figures.backlog} takes ${backlogS} s, at most ${most.toFixed(1)} s`,
  );
  const { before, after, low_flood: again } = figures.retained;
  const course = (key: keyof RetainedMib) =>
    `${before[key]} MiB before, ${after[key]} after, ${again[key]} after the low flood, once garbage is collected`;
  check("heap", again.heap_mib <= before.heap_mib + HEAP_MORE_MIB, course("heap_mib"));
  check("resident memory", again.resident_mib <= after.resident_mib + RESIDENT_MORE_MIB, course("resident_mib"));
  const { normal, low } = flood;
  const ahead = normal.wait_p50_ms !== null && low.wait_p50_ms !== null && normal.wait_p50_ms < low.wait_p50_ms;
  check("priority", ahead, `median wait in the low flood: ${normal.wait_p50_ms} ms normal, ${low.wait_p50_ms} ms low`);
  check(
    "normal not refused",
    normal.refused === 0,
    `${normal.refused} of ${normal.served + normal.refused} refused in the low flood`,
  );
  const lowPerSecond = low.served / flood.lasted_s;
  check("low served", lowPerSecond >= LOW_SHARE * capacity, `${lowPerSecond.toFixed(1)} a second in the low flood`);
  check("fleet whole", missing.length === 0, missing.length === 0 ? "every replica ready" : `missing: ${missing.join(", ")}`);
  const { waiting, in_flight, running } = held;
  const nothing = waiting === 0 && in_flight === 0 && running === 0;
  check("nothing held", nothing, `${waiting} waiting, ${in_flight} in flight, ${running} at replicas after the end`);
  return found;
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
