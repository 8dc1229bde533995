// Which replica loads a hint that no free replica holds: the one that the load hurts least. A replica with space for one more hint comes first, then
// a replica whose space is not known, then one that must evict. Among equals the least eviction cost, occupation and service time decide, then the
// hash order.
import { hintSpace, type HintSpace, type Replica } from "../ledger/replica.ts";
import { LIMITS } from "../limits.ts";
import { serviceMs } from "../model/model.ts";
import { paceOf } from "../model/pace.ts";
import { hashName, score } from "../rendezvous.ts";
import type { Eligible } from "./candidates.ts";
import { evictionMs, occupationMs } from "./eviction-cost.ts";
import type { View } from "./policy.ts";

const SPACE_RANK: Readonly<Record<HintSpace, number>> = { free: 0, unknown: 1, full: 2 };

/** Eviction cost and occupation of a replica, ms. */
export type Losses = (replica: Replica) => number;

export interface Placement {
  readonly replica: Replica;
  /** Eviction cost and occupation. */
  readonly lossMs: number;
  /** Whether no free replica is before it in the hint's hash order, eligible or not. */
  readonly isFirstFree: boolean;
}

/** The free replica to load the hint on, or null of none. O(free replicas), of which at most `placementsWeighed` are weighed. */
export function placeHint(view: View, hint: string, eligible: Eligible, losses: Losses): Placement | null {
  const { free } = view.fleet;
  if (free.size === 0) return null;
  const servesMs = serviceMs(view.model, hint);
  const hash = hashName(hint);
  /** The highest score of those that are not eligible. The search asks of every one that is before all found so far. */
  let passedOver = 0;
  const isUsable: Eligible = (replica) => {
    if (eligible(replica)) return true;
    passedOver = Math.max(passedOver, score(hash, replica));
    return false;
  };
  const found = free.first(hash, LIMITS.placementsWeighed, isUsable);
  let best: (Omit<Placement, "isFirstFree"> & { readonly rank: number; readonly costMs: number }) | null = null;
  for (const replica of found) {
    const rank = SPACE_RANK[hintSpace(replica)];
    if (best !== null && rank > best.rank) continue;
    const lossMs = losses(replica);
    const costMs = lossMs + paceOf(replica) * servesMs;
    // In hash order: of equals the first stays.
    if (best === null || rank < best.rank || costMs < best.costMs) best = { replica, rank, lossMs, costMs };
  }
  if (best === null) return null;
  const { replica, lossMs } = best;
  return { replica, lossMs, isFirstFree: replica === found[0] && score(hash, replica) > passedOver };
}

/** What no load loses less than: the least loss of few free replicas, or 0 if they are many. Infinity: none is eligible. */
export function leastLossMs(view: View, eligible: Eligible, losses: Losses): number {
  const { free } = view.fleet;
  let least = Infinity;
  for (const replica of free) {
    if (!eligible(replica)) continue;
    least = free.size > LIMITS.placementsWeighed ? 0 : Math.min(least, losses(replica));
    if (least === 0) break;
  }
  return least;
}

/** The loss of each replica at one moment, computed once. O(hints of the replica) the first time. */
export function lossesOf(view: View): Losses {
  const known = new Map<Replica, number>();
  return (replica) => {
    let lossMs = known.get(replica);
    if (lossMs === undefined) known.set(replica, (lossMs = evictionMs(view, replica) + occupationMs(view, replica)));
    return lossMs;
  };
}
