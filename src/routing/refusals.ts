// Whether a request that finds no slot may wait for one, and with which error it is refused if not.
import type { Fleet } from "./ledger/fleet.ts";
import type { Arrival, Priority, Queue, Wanted } from "./ledger/queue.ts";
import { isReady } from "./ledger/replica.ts";
import { LIMITS } from "./limits.ts";
import { valueOf } from "./model/mean.ts";
import type { View } from "./policy/policy.ts";

export interface WaitingOptions {
  readonly queueLengthMax: number;
  /** How long a load is expected to take until some have been seen. The Retry-After of a fleet without replicas. */
  readonly coldStartMs: number;
}

export type Refusal =
  | { readonly kind: "queue_full"; readonly retryAfterMs: number; readonly detail: string }
  | { readonly kind: "no_replicas"; readonly retryAfterMs: number }
  /** Every other ready replica has already failed this request. */
  | { readonly kind: "no_other_replica" }
  /** The request is a retry, and the fleet has no retry left (retry-budget.ts). */
  | { readonly kind: "no_retry_left" }
  | { readonly kind: "timed_out" };

/** Why a request that finds no slot may not wait for one; null: it may. O(1) if a replica is ready, else O(replicas). */
export function refusalOf(view: View, options: WaitingOptions, arrival: Arrival, now: number): Refusal | null {
  const { fleet, queue } = view;
  if (triedAll(fleet, arrival)) return { kind: "no_other_replica" };
  if (graceUntilMs(fleet) <= now) return noReplicas(options);
  const waiting = queue.waiting.size;
  const isLow = arrival.priority === "low";
  const predictedMs = predictedWaitMs(view, aheadOf(arrival.priority, queue));
  const full = (detail: string): Refusal => ({ kind: "queue_full", retryAfterMs: Math.max(1000, predictedMs), detail });
  const lengthMax = isLow ? Math.ceil(options.queueLengthMax * LIMITS.lowQueueShare) : options.queueLengthMax;
  if (waiting >= lengthMax) return full(`${waiting} requests are waiting`);
  const { queueLengthMax } = arrival;
  if (queueLengthMax !== null && waiting >= queueLengthMax) {
    return full(`${waiting} requests are waiting, and the client asked for a queue of at most ${queueLengthMax}`);
  }
  if (now + predictedMs <= arrival.deadlineMs) return null;
  return full(`the wait would be longer than the request's deadline allows`);
}

export function noReplicas(options: WaitingOptions): Refusal {
  return { kind: "no_replicas", retryAfterMs: options.coldStartMs };
}

/** Whether the request has failed on every ready replica. O(avoided). */
export function triedAll({ free, busy, replicas }: Fleet, { avoid }: Wanted): boolean {
  if (avoid.length === 0) return false;
  let untried = free.size + busy.size;
  for (const id of new Set(avoid)) {
    const replica = replicas.get(id);
    if (replica !== undefined && isReady(replica)) untried--;
  }
  return untried === 0;
}

/** Until when requests may hope for a replica. Infinity: one is there or coming, or is started for them. O(1) if a replica is ready, else as `returnUntilMs`. */
export function graceUntilMs(fleet: Fleet): number {
  return fleet.startsOnDemand ? Infinity : returnUntilMs(fleet);
}

/**
 * Until when a replica may come by itself. Infinity: a replica is ready or starting. Otherwise as long as one that drains, was drained or has left
 * could return or be followed by its next process; 0: there is no hope. O(1) if a replica is ready, else O(replicas and tombstones).
 */
export function returnUntilMs(fleet: Fleet): number {
  if (fleet.free.size + fleet.busy.size > 0) return Infinity;
  let until = 0;
  for (const replica of fleet.replicas.values()) {
    if (replica.status !== "draining" && !replica.drained) return Infinity;
    until = Math.max(until, replica.graceUntilMs);
  }
  for (const departed of fleet.tombstones.values()) until = Math.max(until, departed.untilMs);
  return until;
}

/** How many waiting requests may be served before a new one of the priority. */
function aheadOf(priority: Priority, { waiting, count }: Queue): number {
  switch (priority) {
    case "high":
      return count.high;
    case "normal":
      return waiting.size - count.low;
    case "low":
      return waiting.size;
  }
}

/** A low estimate of the wait behind `ahead` requests, which all ready slots share. 0 until enough requests have finished. */
function predictedWaitMs({ fleet: { slots }, model: { held } }: View, ahead: number): number {
  if (ahead === 0 || slots === 0 || held.weight < LIMITS.predictionSamples) return 0;
  return (ahead * valueOf(held, 0)) / slots;
}
