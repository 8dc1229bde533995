// The baselines that bind early: each request goes to a replica as soon as it arrives.
import { bindingEarly, cheapest, holds, type ReplicaView } from "./baseline.ts";

const depth = ({ outstanding }: ReplicaView) => outstanding;

/**
 * The replica with the fewest outstanding requests ("join the shortest queue"; Envoy's least-request and nginx's least_conn with every
 * replica compared). Of equals the one that was sent the fewest so far, so that an idle fleet is used evenly.
 */
export const leastLoaded = bindingEarly(() => (fleet, _hint, nowMs) => {
  const byLoad = (a: ReplicaView, b: ReplicaView) => a.outstanding - b.outstanding || a.sentSoFar - b.sentSoFar;
  return fleet.live(nowMs).sort(byLoad)[0];
});

/**
 * Consistent hashing with bounded loads: the first replica in the hint's order below the cap. Mirrokni, Thorup and Zadimoghaddam, SODA 2018:
 * no replica has more than ceil(factor * requests / replicas), the new request counted. KubeAI (balance_chwbl.go, factor 1.25) and Envoy
 * (hash_balance_factor) do so round a ring. Here it goes down the rendezvous order, so that what spills spreads over all replicas.
 */
export const boundedLoad = (factor: number) =>
  bindingEarly(() => (fleet, hint, nowMs) => {
    const order = fleet.liveInOrder(hint, nowMs);
    const total = order.reduce((sum, { outstanding }) => sum + outstanding, 1);
    const cap = Math.ceil((factor * total) / order.length);
    // One replica is always below: the cap times the replicas is at least the total, which counts the new request.
    return order.find(({ outstanding }) => outstanding < cap);
  });

const SLACK = 1;

/**
 * Affinity: of the replicas that hold the hint the one with the shortest queue, if that is at most `SLACK` longer than the shortest of all;
 * else the shortest of all. Ties go by the hint's hash order.
 */
export const residentFirst = bindingEarly(() => (fleet, hint, nowMs) => {
  const order = fleet.liveInOrder(hint, nowMs);
  const shortest = cheapest(order, depth);
  const holders = order.filter((replica) => holds(replica, hint));
  const holder = cheapest(holders, depth);
  if (shortest === undefined || holder === undefined) return shortest;
  return holder.outstanding <= shortest.outstanding + SLACK ? holder : shortest;
});

/** SGLang's 64 is meant for replicas that run a batch of some 256 requests. Without scaling by concurrency no fleet here would reach it. */
const IMBALANCE = { absolute: 64, concurrency: 256, relative: 1.5 };
/** Hints recorded per replica; the least recently sent is forgotten. SGLang's bound of 2^26 characters is far more than a cache holds, too. */
const RECORD_MAX = 4096;

/**
 * SGLang's cache-aware policy (sgl-project/sglang, sgl-model-gateway/src/policies/cache_aware.rs). A balanced fleet: the replica that was last
 * sent the hint, by the router's own record; if there is none, the replica with the smallest record. An imbalanced fleet (max - min > 64 and
 * max > 1.5 min outstanding): the shortest queue. Ties go to the first replica. Partial matches of prefixes are left out.
 */
export const sglang = bindingEarly(({ replicas, concurrency }) => {
  const records = Array.from({ length: replicas }, () => new Set<string>());
  /** The replica that each recorded hint was last sent to. */
  const lastAt = new Map<string, number>();
  const threshold = Math.max(1, (IMBALANCE.absolute * concurrency) / IMBALANCE.concurrency);

  const record = (hint: string, index: number) => {
    const recorded = records[index];
    if (recorded === undefined) return;
    recorded.delete(hint);
    recorded.add(hint);
    lastAt.set(hint, index);
    const [oldest] = recorded;
    if (oldest === undefined || recorded.size <= RECORD_MAX) return;
    recorded.delete(oldest);
    if (lastAt.get(oldest) === index) lastAt.delete(oldest);
  };

  return (fleet, hint, nowMs) => {
    const live = fleet.live(nowMs);
    const shortest = cheapest(live, depth);
    if (shortest === undefined) return undefined;
    const max = Math.max(...live.map(depth));
    const isUneven = max - shortest.outstanding > threshold && max > IMBALANCE.relative * shortest.outstanding;
    const match = live.find(({ index }) => index === lastAt.get(hint));
    const chosen = isUneven ? shortest : (match ?? cheapest(live, ({ index }) => records[index]?.size ?? 0));
    if (chosen !== undefined) record(hint, chosen.index);
    return chosen;
  };
});
