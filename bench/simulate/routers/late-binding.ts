// Late binding, the first sketch of our own study of this problem: requests that cannot start wait in ONE line and are bound to a replica
// only when they start. Whenever a replica is free, in this order:
//   1. an overdue request, one that is warm there before one that is cold;
//   2. the oldest request that is warm there;
//   3. the oldest for which waiting for a warm replica is not worth it: (ahead + 1/2) * mean service / slots of its holders >= load;
//   4. nothing: the replica stays idle.
// A cold request goes to the free replica whose likely victim is worth least: 0 where there is room, else the demand for the hint unused
// longest, shared by its copies. Ties go by hash order. Service and load times are global means, learned from the answers; for the load,
// what a cold answer took beyond the hint's own warm mean, as rare hints, which load most often, are not served at the mean speed.
import type { MakeRouter } from "../router.ts";
import { cheapest, hintsHeld, holds, isFree, withPolicy, type FleetView, type ReplicaView, type Waiting } from "./fleet-view.ts";

const PATIENCE_MS = 180_000;
/** What service and a load are thought to take before anything is known; counts as one sample. */
const PRIOR_MS = 10_000;
/** Means forget older samples beyond about this many. */
const SAMPLES_MAX = 200;
/** Demand for a hint fades by 1/e in this many arrivals of anything. */
const DEMAND_ARRIVALS = 800;
const HINTS_REMEMBERED_MAX = 4096;

export const lateBinding: MakeRouter = (actions, options) =>
  withPolicy(actions, options, (fleet) => {
    const service = new Mean();
    const load = new Mean();
    const serviceOf = new Map<string, Mean>();
    const demand = new Demand();

    const isWorthWaiting = (ahead: number, holders: readonly ReplicaView[]) => {
      let slots = 0;
      for (const { concurrency } of holders) slots += concurrency;
      return ((ahead + 0.5) * service.ms) / slots < load.ms;
    };

    /** The request to send next and where, if any is to be. O(line x replicas). */
    const choose = (
      live: readonly ReplicaView[],
      nowMs: number,
    ): { waiting: Waiting; replica: ReplicaView | undefined } | null => {
      const holders = new Map<string, ReplicaView[]>();
      const ahead = new Map<string, number>();
      let cold: Waiting | undefined;
      let warm: { waiting: Waiting; replica: ReplicaView } | undefined;
      for (const waiting of fleet.line) {
        const { hint } = waiting;
        const isOverdue = nowMs - waiting.arrivedMs > PATIENCE_MS;
        // The line is in order of arrival: behind the overdue ones the choice among them is made.
        if (!isOverdue && cold !== undefined && nowMs - cold.arrivedMs > PATIENCE_MS) break;
        let its = holders.get(hint);
        if (its === undefined) holders.set(hint, (its = live.filter((replica) => holds(replica, hint))));
        const free = its.find(isFree);
        if (free !== undefined) {
          warm = { waiting, replica: free };
          break;
        }
        const before = ahead.get(hint) ?? 0;
        ahead.set(hint, before + 1);
        if (isOverdue || !isWorthWaiting(before, its)) cold ??= waiting;
      }
      if (warm !== undefined) return warm;
      return cold === undefined ? null : { waiting: cold, replica: leastRegretted(cold.hint, nowMs) };
    };

    const leastRegretted = (hint: string, nowMs: number) =>
      cheapest(fleet.liveInOrder(hint, nowMs).filter(isFree), (replica) => regret(replica, fleet, demand, nowMs));

    return {
      arrived: ({ hint }) => demand.add(hint),
      answered({ waiting, sentMs, cold }, nowMs) {
        const tookMs = nowMs - sentMs;
        const its = serviceOf.get(waiting.hint);
        if (cold) return its === undefined ? undefined : load.add(tookMs - its.ms);
        service.add(tookMs);
        if (its === undefined) remember(serviceOf, waiting.hint, new Mean(tookMs));
        else its.add(tookMs);
      },
      dispatch(nowMs) {
        for (;;) {
          const live = fleet.live(nowMs);
          if (fleet.line.length === 0 || !live.some(isFree)) return;
          const choice = choose(live, nowMs);
          if (choice?.replica === undefined) return;
          fleet.send(choice.waiting, choice.replica, nowMs);
        }
      },
    };
  });

/** What placing one more hint on the replica is likely to cost: what the evicted one is worth. */
function regret(replica: ReplicaView, fleet: FleetView, demand: Demand, nowMs: number): number {
  const { hints, inUse, usedMs, hintSlots } = replica;
  if (hintsHeld(replica) < hintSlots) return 0;
  const idle = [...hints].filter((hint) => !inUse.has(hint));
  const victim = idle.length === 0 ? undefined : idle.reduce((a, b) => ((usedMs.get(b) ?? 0) < (usedMs.get(a) ?? 0) ? b : a));
  // Everything there is in use: the request would hold a slot and wait for room.
  if (victim === undefined) return Number.MAX_VALUE;
  const copies = fleet.live(nowMs).filter((other) => holds(other, victim)).length;
  return demand.of(victim) / Math.max(1, copies);
}

class Mean {
  #ms: number;
  #samples = 1;

  constructor(firstMs = PRIOR_MS) {
    this.#ms = firstMs;
  }

  get ms(): number {
    return this.#ms;
  }

  add(ms: number): void {
    this.#samples = Math.min(this.#samples + 1, SAMPLES_MAX);
    this.#ms += (ms - this.#ms) / this.#samples;
  }
}

/** How often each hint was asked for lately. */
class Demand {
  readonly #hints = new Map<string, { readonly value: number; readonly arrivals: number }>();
  #arrivals = 0;

  of(hint: string): number {
    const { value, arrivals } = this.#hints.get(hint) ?? { value: 0, arrivals: 0 };
    return value * Math.exp((arrivals - this.#arrivals) / DEMAND_ARRIVALS);
  }

  add(hint: string): void {
    this.#arrivals++;
    const value = this.of(hint) + 1;
    remember(this.#hints, hint, { value, arrivals: this.#arrivals });
  }
}

/** Sets and, over the bound, forgets what was set longest ago. */
function remember<T>(byHint: Map<string, T>, hint: string, value: T): void {
  byHint.delete(hint);
  byHint.set(hint, value);
  if (byHint.size <= HINTS_REMEMBERED_MAX) return;
  const [oldest] = byHint.keys();
  if (oldest !== undefined) byHint.delete(oldest);
}
