// Prewarming: a client announces a hint that it will ask for soon. While nobody holds the hint, an idle replica that reports is advised to load it, so
// that the request finds the hint warm. To load unasked what is asked for often was measured to gain nothing (docs/scheduling.md), so no replica is
// advised to.
import type { Announcement } from "./ledger/announced.ts";
import { startAdvisedLoad } from "./ledger/residency.ts";
import { setNewest } from "./ledger/maps.ts";
import { evictedBy, isReady, isWarm, loadOf, mustEvict, type Replica } from "./ledger/replica.ts";
import type { Fleet } from "./ledger/fleet.ts";
import { LIMITS } from "./limits.ts";
import { countArrival, loadMs } from "./model/model.ts";
import type { Scheduler } from "./scheduler.ts";

/** What an idle replica should load, and the hint that it should evict for that; null: it has space. */
export interface Advice {
  readonly load: string;
  readonly evict: string | null;
}

/** A client will ask for these hints soon. They count as demand, as if they had been asked for. O(hints). */
export function announce({ announced, model, metrics }: Scheduler, hints: readonly string[], now: number): void {
  for (const hint of hints) {
    metrics.prewarms++;
    countArrival(model, hint);
    const { advisedUntilMs = 0 } = announced.get(hint) ?? {};
    setNewest(announced, hint, { untilMs: now + LIMITS.announcedMs, advisedUntilMs }, LIMITS.announcedHints);
  }
}

/**
 * What a replica should do that has reported; null: nothing. A hint that it is advised to load counts as being loaded there, until the replica lists
 * the hint or twice the expected load is over and another report is due. `untilNextMs`: when the next report is. O(announced hints and the replica's).
 */
export function adviceFor(scheduler: Scheduler, replica: Replica, untilNextMs: number, now: number): Advice | null {
  const { announced, fleet, model, policy } = scheduler;
  forgetOverdue(announced, now);
  if (announced.size === 0 || !isIdle(replica)) return null;
  const evict = evictedBy(replica);
  if (evict === null && mustEvict(replica)) return null;
  const { evictionMs, occupationMs } = policy.weigh(scheduler, replica);
  for (const [hint, its] of announced) {
    if (its.advisedUntilMs > now || isHeld(fleet, hint, now)) continue;
    const takesMs = loadMs(model, hint);
    if (takesMs <= evictionMs + occupationMs || fleet.hintFailures.barredUntilMs(replica, hint, now) > 0) continue;
    its.advisedUntilMs = now + LIMITS.advisedLoadTimes * takesMs + untilNextMs;
    startAdvisedLoad(fleet, replica, hint, its.advisedUntilMs, now);
    scheduler.metrics.advices++;
    scheduler.events.record({ kind: "advised", replica: replica.id, hint, evicts: evict }, now);
    return { load: hint, evict };
  }
  return null;
}

/** The oldest come first. O(those that are forgotten). */
function forgetOverdue(announced: Map<string, Announcement>, now: number): void {
  for (const [hint, { untilMs }] of announced) {
    if (untilMs > now) return;
    announced.delete(hint);
  }
}

/** Whether any replica holds or loads the hint. O(1), but for replicas that were advised to load the hint and have not. */
function isHeld({ holders }: Fleet, hint: string, now: number): boolean {
  for (const replica of holders.of(hint)) if (isWarm(replica, hint, now)) return true;
  return false;
}

/** Whether the replica is well, specialises, serves nothing and loads nothing. */
function isIdle(replica: Replica): boolean {
  const specialises = replica.advertised !== null || replica.hintSlots !== null;
  return specialises && isReady(replica) && loadOf(replica) === 0 && replica.loading.size === 0 && replica.ejectedFor === null;
}
