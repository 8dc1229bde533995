// Where a hint that no free replica holds is loaded: where it hurts least. On a replica with a free hint slot, else on one of unknown room,
// else on one that must evict; and among those on the one whose eviction costs least, in expected load time, and whose slot is least
// missed by what else it holds. What is about equal goes by the hint's hash order, so that the next request for it finds it, and
// all who decide agree.
import { demandShare, loadMs, meanLoadMs, meanServiceMs } from "../model/estimates.ts";
import {
  heldHints,
  hintCapacity,
  hintRoom,
  hintsOf,
  loadOf,
  type Eviction,
  type Fleet,
  type HintRoom,
  type Replica,
} from "../ledger/fleet.ts";
import { LIMITS } from "../limits.ts";
import { chanceFull } from "../model/utilisation.ts";
import { hashName } from "../rendezvous.ts";
import { TUNING } from "./tuning.ts";

const ROOM_RANK: Readonly<Record<HintRoom, number>> = { free: 0, unknown: 1, full: 2 };

export interface Placement {
  readonly replica: Replica;
  /** Expected cost of what it evicts and of keeping it busy. */
  readonly regretMs: number;
  /** Whether no free replica is before it in the hash order. */
  readonly first: boolean;
}

/** What each free replica would lose by a load of something new, for one moment: kept where it was computed to the end. */
export class Regrets {
  readonly #fleet: Fleet;
  readonly #known = new Map<Replica, number>();

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** The replica's regret; Infinity where it is not below that. */
  below(replica: Replica, limitMs: number): number {
    const known = this.#known.get(replica);
    if (known !== undefined) return known < limitMs ? known : Infinity;
    const evictingMs = evictionMs(this.#fleet, replica);
    if (evictingMs >= limitMs) return Infinity;
    const regretMs = evictingMs + occupationMs(this.#fleet, replica);
    this.#known.set(replica, regretMs);
    return regretMs < limitMs ? regretMs : Infinity;
  }

  /** It has a new load: what it would lose by another is not what it was. */
  forget(replica: Replica): void {
    this.#known.delete(replica);
  }
}

/** The free replica to load the hint on, or null of none. O(free replicas), of which at most `placementsWeighed` are weighed. */
export function placeHint(fleet: Fleet, hint: string, usable: (replica: Replica) => boolean, regrets: Regrets): Placement | null {
  if (fleet.free.size === 0) return null;
  const indifferentMs = TUNING.indifference * loadMs(fleet.estimates, hint);
  let best: { replica: Replica; rank: number; regretMs: number } | null = null;
  const { first, leader } = fleet.free.leaders(hashName(hint), LIMITS.placementsWeighed, usable);
  for (const replica of first) {
    const rank = ROOM_RANK[hintRoom(replica)];
    if (best !== null && rank > best.rank) continue;
    // In hash order, so a later one must be better by more than a trifle.
    const regretMs = regrets.below(replica, best === null || rank < best.rank ? Infinity : best.regretMs - indifferentMs);
    if (best === null || rank < best.rank || regretMs < Infinity) best = { replica, rank, regretMs };
  }
  return best && { replica: best.replica, regretMs: best.regretMs, first: best.replica === leader };
}

/** The least regret among some free replicas, about what `placeHint` will find. Infinity: none is free. */
export function leastRegretMs(fleet: Fleet, usable: (replica: Replica) => boolean, regrets: Regrets): number {
  let least = Infinity;
  let weighed = 0;
  for (const replica of fleet.free) {
    if (!usable(replica)) continue;
    least = Math.min(least, regrets.below(replica, least));
    if (least === 0 || ++weighed >= LIMITS.placementsWeighed) break;
  }
  return least;
}

/**
 * What others would miss of the replica while it serves one more request: all that it holds, if that takes its last slot. By Little's law about as
 * many requests come meanwhile as slots are busy, which is `chanceFull` a slot. What a copy is worth counts `horizon` requests a slot. O(hints).
 */
export function occupationMs(fleet: Fleet, replica: Replica): number {
  const last = loadOf(replica) + 1 >= replica.concurrency;
  return last ? (chanceFull(fleet.estimates.pressure) / TUNING.horizon) * worthBesidesMs(fleet, replica, null) : 0;
}

/** What the replica would lose by one more hint, in expected load time: nothing where it has room, else what `evictedBy` names. O(hints). */
export function evictionMs(fleet: Fleet, replica: Replica): number {
  if (!mustEvict(replica)) return 0;
  const hint = evictedBy(fleet, replica);
  // Everything it holds is in use: the load must wait for one to finish.
  return hint === null ? meanServiceMs(fleet.estimates) + meanLoadMs(fleet.estimates) : worthMs(fleet, hint);
}

/**
 * The hint that the replica would evict for one more: of those not in use the least recently used, or, where it has been seen to heed advice, the
 * one worth least. Null: it has room, or all are in use. O(hints).
 */
export function evictedBy(fleet: Fleet, replica: Replica): string | null {
  if (!mustEvict(replica)) return null;
  return replica.heedsAdvice === true ? leastWorth(fleet, replica) : leastRecent(replica);
}

/**
 * How much more the replica's next load would lose, were the hint used there once more. It matters where the hint is the next to be evicted: then
 * another one is. Negative where that is worth less. Nothing where there is no other to evict. O(hints).
 */
export function sparingMs(fleet: Fleet, replica: Replica, hint: string): number {
  if (!mustEvict(replica) || replica.heedsAdvice === true || leastRecent(replica) !== hint) return 0;
  const instead = leastRecent(replica, hint);
  return instead === null ? 0 : worthMs(fleet, instead) - worthMs(fleet, hint);
}

function mustEvict(replica: Replica): boolean {
  if (heldHints(replica) < hintCapacity(replica)) return false;
  return replica.advertised !== null || replica.hintSlots !== null;
}

/** The hint that a full replica would best give up for another, and the one it would likely give up by itself; null: it has room. */
export function adviseEviction(fleet: Fleet, replica: Replica): Eviction | null {
  if (replica.hintSlots === null || heldHints(replica) < replica.hintSlots) return null;
  const [advised, likely] = [leastWorth(fleet, replica), leastRecent(replica)];
  return advised === null || likely === null ? null : { advised, likely };
}

/** What one copy of the hint is worth: its load time, by the chance that this copy is needed within the horizon. */
export function worthMs(fleet: Fleet, hint: string): number {
  return loadMs(fleet.estimates, hint) * chanceNeeded(fleet, hint, Math.max(1, copiesOf(fleet, hint)));
}

/**
 * The chance that within the horizon some request needs one given copy of so many; requests are a Poisson stream. A request for the hint needs the
 * copy if the replicas of all other copies are full and its own is not. If all are full, each is as likely to be free first, so one request in
 * `copies` needs it. An only copy is needed by every request; a spare copy by hardly any while the fleet is hardly busy. O(1).
 */
export function chanceNeeded({ estimates, slots }: Fleet, hint: string, copies: number): number {
  const full = chanceFull(estimates.pressure);
  const need = full ** (copies - 1) * (1 - full + full / copies);
  return 1 - Math.exp(-TUNING.horizon * slots * demandShare(estimates, hint) * need);
}

/** Replicas that hold or load the hint. */
export function copiesOf({ holders }: Fleet, hint: string): number {
  return holders.get(hint)?.size ?? 0;
}

/** What the hints that the replica holds, but for one, are worth together: what is kept from others while it is busy. O(hints). */
export function worthBesidesMs(fleet: Fleet, replica: Replica, hint: string | null): number {
  let worth = 0;
  for (const other of hintsOf(replica)) if (other !== hint) worth += worthMs(fleet, other);
  return worth;
}

function leastRecent(replica: Replica, but: string | null = null): string | null {
  let least: string | null = null;
  let leastMs = Infinity;
  for (const hint of evictable(replica)) {
    if (hint === but) continue;
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
