// Where a hint that no free replica holds is loaded: where it hurts least. A replica that was just seen to load it; else one with a free
// hint slot; else one of unknown room; and among those the one whose likely eviction costs least, in seconds of expected loads. What is
// about equal goes by the hint's hash order, so that the next request for it finds it, and all who decide agree.
import { demandShare, loadMs, meanLoadMs, meanServiceMs } from "./estimates.ts";
import { heldHints, hintRoom, hintsOf, type Eviction, type Fleet, type HintRoom, type Replica } from "./fleet.ts";
import { LIMITS } from "./limits.ts";
import { score, type NameHash } from "./rendezvous.ts";
import { TUNING } from "./tuning.ts";

const ROOM_RANK: Readonly<Record<HintRoom, number>> = { free: 0, unknown: 1, full: 2 };

export interface Placement {
  readonly replica: Replica;
  /** Expected cost of what it evicts. */
  readonly regretMs: number;
}

/** The free replica to load the hint on, or null of none. O(free replicas), of which at most `placementsWeighed` are weighed. */
export function placeHint(fleet: Fleet, hint: string, hash: NameHash, usable: (replica: Replica) => boolean): Placement | null {
  let best: { replica: Replica; rank: number; regretMs: number; score: number } | null = null;
  const indifferentMs = TUNING.indifference * loadMs(fleet.estimates, hint);
  for (const { replica, score } of firstInOrder(fleet.free, hash, usable)) {
    const assumed = replica.assumed.has(hint);
    const rank = assumed ? -1 : ROOM_RANK[hintRoom(replica)];
    if (best !== null && rank > best.rank) continue;
    const regretMs = assumed ? 0 : evictionMs(fleet, replica) + TUNING.occupation * worthBesidesMs(fleet, replica, hint);
    // In hash order, so a later one must be better by more than a trifle.
    if (best === null || rank < best.rank || regretMs < best.regretMs - indifferentMs) best = { replica, rank, regretMs, score };
  }
  return best;
}

/** The least regret among free replicas, as `placeHint` would find it for a hint that none is assumed to hold. Infinity: none is free. */
export function leastRegretMs(fleet: Fleet, usable: (replica: Replica) => boolean): number {
  let least = Infinity;
  let weighed = 0;
  for (const replica of fleet.free) {
    if (!usable(replica)) continue;
    least = Math.min(least, evictionMs(fleet, replica));
    if (least === 0 || ++weighed >= LIMITS.placementsWeighed) break;
  }
  return least;
}

/**
 * What the replica would lose by one more hint, in expected load time. Where it has room, nothing; else the hint least recently used that is
 * not in use, or, where it has been seen to heed advice, the one worth least. O(hints).
 */
export function evictionMs(fleet: Fleet, replica: Replica): number {
  if (heldHints(replica) < (replica.hintSlots ?? Math.max(1, replica.mostHeld))) return 0;
  if (replica.advertised === null && replica.hintSlots === null) return 0;
  const hint = replica.heedsAdvice === true ? leastWorth(fleet, replica) : leastRecent(replica);
  // Everything it holds is in use: the load must wait for one to finish.
  return hint === null ? meanServiceMs(fleet.estimates) + meanLoadMs(fleet.estimates) : worthMs(fleet, hint);
}

/** The hint that a full replica would best give up for another, and the one it would likely give up by itself; null: it has room. */
export function adviseEviction(fleet: Fleet, replica: Replica): Eviction | null {
  if (replica.hintSlots === null || heldHints(replica) < replica.hintSlots) return null;
  const [advised, likely] = [leastWorth(fleet, replica), leastRecent(replica)];
  return advised === null || likely === null ? null : { advised, likely };
}

/**
 * What one copy of the hint is worth: its load time, by the chance that this copy is asked for within the horizon. Copies share the
 * demand; the chance is that of a Poisson stream.
 */
export function worthMs({ estimates, holders, slots }: Fleet, hint: string): number {
  const copies = Math.max(1, holders.get(hint)?.size ?? 0);
  const asked = (TUNING.horizon * slots * demandShare(estimates, hint)) / copies;
  return loadMs(estimates, hint) * (1 - Math.exp(-asked));
}

/** What the other hints that the replica holds are worth together: what is kept from others while one hint's request runs there. O(hints). */
export function worthBesidesMs(fleet: Fleet, replica: Replica, hint: string): number {
  let worth = 0;
  for (const other of hintsOf(replica)) if (other !== hint) worth += worthMs(fleet, other);
  return worth;
}

function leastRecent(replica: Replica): string | null {
  let least: string | null = null;
  let leastMs = Infinity;
  for (const hint of evictable(replica)) {
    const usedMs = replica.usedAtMs.get(hint) ?? -Infinity;
    if (least === null || usedMs < leastMs) [least, leastMs] = [hint, usedMs];
  }
  return least;
}

function leastWorth(fleet: Fleet, replica: Replica): string | null {
  let least: string | null = null;
  let leastMs = Infinity;
  for (const hint of evictable(replica)) {
    const worth = worthMs(fleet, hint);
    if (worth < leastMs) [least, leastMs] = [hint, worth];
  }
  return least;
}

function* evictable(replica: Replica): Generator<string> {
  for (const hint of hintsOf(replica)) if (!replica.users.has(hint) && !replica.loading.has(hint)) yield hint;
}

export interface Scored {
  readonly replica: Replica;
  readonly score: number;
}

/** The first usable replicas in the hint's hash order, at most `placementsWeighed`. One pass and an insertion for the few that qualify. */
export function firstInOrder(free: Iterable<Replica>, hash: NameHash, usable: (replica: Replica) => boolean): readonly Scored[] {
  const first: Scored[] = [];
  const most = LIMITS.placementsWeighed;
  for (const replica of free) {
    if (!usable(replica)) continue;
    const its = score(hash, replica);
    const last = first[most - 1];
    if (last !== undefined && its <= last.score) continue;
    let place = Math.min(first.length, most - 1);
    while (place > 0 && (first[place - 1]?.score ?? Infinity) < its) place--;
    first.splice(place, 0, { replica, score: its });
    if (first.length > most) first.pop();
  }
  return first;
}
