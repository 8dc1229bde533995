// Prewarming: a client announces a hint that it will ask for soon. While nobody holds the hint, an idle replica that reports is advised to load it, so
// that the request finds the hint warm. To load unasked what is asked for often was measured to gain nothing (docs/scheduling.md), so no replica is
// advised to.
import type { Fleet } from "./ledger/fleet.ts";
import { setNewest } from "./ledger/maps.ts";
import { evictedBy, isReady, loadOf, mustEvict, type Replica } from "./ledger/replica.ts";
import { startAdvisedLoad } from "./ledger/residency.ts";
import { LIMITS } from "./limits.ts";
import { loadMs } from "./model/model.ts";
import { isServing } from "./policy/candidates.ts";
import type { Scheduler } from "./scheduler.ts";

/** What an idle replica should load, and the hint that it should evict for that; null: it has space. */
export interface Advice {
  readonly load: string;
  readonly evict: string | null;
}

/** A client will ask for these hints soon. O(hints). */
export function announce({ announced, metrics }: Scheduler, hints: readonly string[], now: number): void {
  for (const hint of hints) setNewest(announced, hint, now + LIMITS.announcedMs, LIMITS.announcedHints);
  metrics.prewarms += hints.length;
}

/** Forgets announcements whose requests have not come in time. The oldest stand first. O(those that are forgotten). */
export function forgetOverdue({ announced }: Pick<Scheduler, "announced">, now: number): void {
  for (const [hint, untilMs] of announced) {
    if (untilMs > now) return;
    announced.delete(hint);
  }
}

/**
 * What a replica should do that has reported; null: nothing. A hint that the replica is advised to load counts as being loaded there, until the replica
 * lists the hint, or until twice the expected load is over and another report is due. `untilNextMs`: when the next report is. O(announced hints and the
 * replica's).
 */
export function adviceFor(scheduler: Scheduler, replica: Replica, untilNextMs: number, now: number): Advice | null {
  const { announced, fleet, model, metrics, events } = scheduler;
  forgetOverdue(scheduler, now);
  if (announced.size === 0 || !isIdle(replica)) return null;
  const evict = evictedBy(replica);
  // Nothing is evicted that is in use, or announced too.
  if (evict === null ? mustEvict(replica) : announced.has(evict)) return null;
  for (const hint of announced.keys()) {
    if (isHeld(fleet, hint, now) || fleet.hintFailures.barredUntilMs(replica, hint, now) > 0) continue;
    startAdvisedLoad(fleet, replica, hint, now + LIMITS.advisedLoadTimes * loadMs(model, hint) + untilNextMs, now);
    metrics.advices++;
    events.record({ kind: "advised", replica: replica.id, hint, evicts: evict }, now);
    return { load: hint, evict };
  }
  return null;
}

/** Whether some replica that gets requests serves the hint without a load of its own. O(holders that do not). */
function isHeld(fleet: Fleet, hint: string, now: number): boolean {
  for (const replica of fleet.holders.of(hint)) {
    if (isReady(replica) && replica.ejectedFor === null && isServing(fleet, replica, hint, now)) return true;
  }
  return false;
}

/** Whether the replica is well, says what it holds, serves nothing, loads nothing, and has heeded the last advice. */
function isIdle(replica: Replica): boolean {
  const { reportsHints, loading, ejectedFor, unheeded } = replica;
  return (
    reportsHints && isReady(replica) && loadOf(replica) === 0 && loading.size === 0 && ejectedFor === null && unheeded === null
  );
}
