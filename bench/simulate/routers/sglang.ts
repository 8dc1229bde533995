// SGLang's cache-aware policy (sgl-project/sglang, sgl-model-gateway/src/policies/cache_aware.rs). Balanced: to the replica whose cache
// has the request, by the router's own record of what it sent where; on no match, to the replica with the smallest record. Imbalanced,
// when max - min > 64 and max > 1.5 min outstanding: the shortest queue. Ties go to the first replica, as there. Left out: partial
// prefix matches (a hint matches or does not).
//
// 64 is meant for replicas that run a batch of some 256 requests; here it is scaled by concurrency, or it would never be reached.
import type { MakeRouter } from "../router.ts";
import { bindingEarly, cheapest, type FleetView, type ReplicaView } from "./fleet-view.ts";

const IMBALANCE_ABSOLUTE = 64;
const IMBALANCE_CONCURRENCY = 256;
const IMBALANCE_RELATIVE = 1.5;

/** Hints recorded per replica, least recently sent forgotten first. Upstream's bound is 2^26 characters: far more than a cache holds too. */
const RECORD_MAX = 4096;

export const sglang: MakeRouter = (actions, options) => {
  const records = Array.from({ length: options.replicas }, () => new Set<string>());
  /** Where each recorded hint was last sent. */
  const lastAt = new Map<string, number>();
  const threshold = Math.max(1, (IMBALANCE_ABSOLUTE * options.concurrency) / IMBALANCE_CONCURRENCY);

  const pick = (hint: string, nowMs: number, fleet: FleetView): ReplicaView | undefined => {
    const live = fleet.live(nowMs);
    const shortest = cheapest(live, ({ outstanding }) => outstanding);
    if (shortest === undefined) return undefined;
    const min = shortest.outstanding;
    const max = Math.max(...live.map(({ outstanding }) => outstanding));
    if (max - min > threshold && max > IMBALANCE_RELATIVE * min) return shortest;
    const match = lastAt.get(hint);
    return live.find(({ index }) => index === match) ?? cheapest(live, ({ index }) => records[index]?.size ?? 0);
  };

  const record = (hint: string, index: number) => {
    const recorded = records[index];
    if (recorded === undefined) return;
    recorded.delete(hint);
    recorded.add(hint);
    lastAt.set(hint, index);
    if (recorded.size <= RECORD_MAX) return;
    for (const oldest of recorded) {
      recorded.delete(oldest);
      if (lastAt.get(oldest) === index) lastAt.delete(oldest);
      return;
    }
  };

  return bindingEarly(actions, options, (hint, nowMs, fleet) => {
    const replica = pick(hint, nowMs, fleet);
    if (replica !== undefined) record(hint, replica.index);
    return replica;
  });
};
