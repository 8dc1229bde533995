// The scheduler of one fleet: it takes arrivals, and sends waiting requests to replicas as its policy picks them. The Fleet object or a simulator
// drives the scheduler by calls that carry the time, so it never waits or reads a clock. After each call that may free a slot or make a replica warm,
// its owner calls `dispatch` and tells the requests what this gives. What happens to a request after its grant is in lifecycle.ts.
import { EventLog } from "./events/event-log.ts";
import { beginProbe, nextTrustMs } from "./health/ejection.ts";
import type { Failure } from "./health/outcome.ts";
import { admit, createRetryBudget, type RetryBudget } from "./health/retry-budget.ts";
import { Fleet } from "./ledger/fleet.ts";
import { join, leave, overdue, type Arrival, Queue, type Waiting, type Wanted } from "./ledger/queue.ts";
import { adoptSlot, takeSlot, warmthOf, type Adoption } from "./ledger/slots.ts";
import { evictedBy, type Grant } from "./ledger/replica.ts";
import { endWithheld } from "./ledger/residency.ts";
import { LIMITS } from "./limits.ts";
import type { LoadKind } from "./metrics/labels.ts";
import { countGrant, createMetrics, type Metrics } from "./metrics/metrics.ts";
import { countArrival, expectedMs, loadMs, meanJobMs, Model } from "./model/model.ts";
import { paceOf } from "./model/pace.ts";
import { noteBacklog, noteFull } from "./model/utilisation.ts";
import { eligibleFor, isOwner, isServing, placeIgnoringLoad, warmPlace, type Place } from "./policy/candidates.ts";
import type { Hold, Pick, Policy, Send, View } from "./policy/policy.ts";
import { graceUntilMs, noReplicas, refusalOf, triedAll, type Refusal, type WaitingOptions } from "./refusals.ts";

/** Why a request was sent to its replica: the value of `x-warmpath-reason`. The set is closed. */
export type Reason =
  /** A warm replica was free. */
  | "hint_match"
  /** The request waited, and a warm replica became free. */
  | "hint_wait"
  /** No warm replica was free: the first replica in the hint's hash order. */
  | "hash_owner"
  /** No warm replica was free, and the load hurts less on a replica further down the hash order than on the first. */
  | "hash_spill"
  /** The request has no hint. */
  | "least_loaded"
  /** The object could not be reached: hash order over the last snapshot, less the replicas that failed or are full as far as the edge knows. */
  | "snapshot_hash";

/** The replica that a request goes to, and why. */
export interface Choice extends Place {
  /** Whether the replica serves the hint without a load; true if the request has no hint. */
  readonly warm: boolean;
  readonly reason: Exclude<Reason, "snapshot_hash">;
}

/** The end of a request's wait. No request is told of more than one. */
export type Outcome =
  | { readonly kind: "granted"; readonly grant: Grant; readonly reason: Choice["reason"] }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export type EnqueueResult = Outcome | { readonly kind: "waiting" };

export interface Counters {
  readonly granted: Record<Choice["reason"], number>;
  readonly refused: Record<Refusal["kind"], number>;
  /** Grants that made a replica load a hint. */
  cold: number;
  /** Requests that left the queue without a grant. */
  left: number;
  /** Slots freed because the replica said that they were not in use. */
  reclaimed: number;
  /** Requests that replicas failed, by the kind of failure. */
  readonly failed: Record<Failure["kind"], number>;
  ejected: number;
}

export interface Scheduler extends View {
  readonly policy: Policy;
  readonly counters: Counters;
  /** For an operator's graphs. Unlike the counters these outlive a restart. */
  readonly metrics: Metrics;
  /** What happened to the replicas of late, for an operator. */
  readonly events: EventLog;
  /** Hints that clients will ask for soon (prewarm.ts), and until when a request is expected; the oldest first. */
  readonly announced: Map<string, number>;
  /** Retries of requests that take a slot. */
  readonly retries: RetryBudget;
  /** Retries of requests that take no slot. Their number has no other bound, so they must not use up the budget of the others. */
  readonly slotlessRetries: RetryBudget;
  /** After a restart nothing is granted until then, so that running requests can report themselves first. 0: the time is over. */
  recoveringUntilMs: number;
  /** When to dispatch again although nothing happens, because a request waits beside a free slot; Infinity: none does. */
  lookAgainMs: number;
}

/** `coldStartMs`: how long a load is expected to take until some have been seen. */
export function createScheduler(policy: Policy, coldStartMs = 12_000, events = new EventLog()): Scheduler {
  return {
    policy,
    fleet: new Fleet(),
    queue: new Queue(),
    model: new Model(coldStartMs),
    counters: {
      granted: { hint_match: 0, hint_wait: 0, hash_owner: 0, hash_spill: 0, least_loaded: 0 },
      refused: { queue_full: 0, no_replicas: 0, no_other_replica: 0, no_retry_left: 0, timed_out: 0 },
      cold: 0,
      left: 0,
      reclaimed: 0,
      failed: { unreachable: 0, disconnected: 0, unavailable: 0, declined: 0, timed_out: 0, broken: 0, error: 0 },
      ejected: 0,
    },
    metrics: createMetrics(),
    events,
    announced: new Map(),
    retries: createRetryBudget(),
    slotlessRetries: createRetryBudget(),
    recoveringUntilMs: 0,
    lookAgainMs: Infinity,
  };
}

/** A request arrives, and is sent at once, waits in the queue, or is refused. */
export function enqueue(scheduler: Scheduler, options: WaitingOptions, id: number, arrival: Arrival, now: number): EnqueueResult {
  const { fleet, queue, model } = scheduler;
  const isRetry = arrival.avoid.length > 0;
  endWithheld(fleet, now);
  for (const hint of arrival.hints) scheduler.announced.delete(hint);
  if (!isRetry) noteFull(model.utilisation, fleet.busy.size / Math.max(1, fleet.busy.size + fleet.free.size));
  const countedAt = isRetry ? null : countArrival(model, arrival.hints[0] ?? "");
  const verdict = consider(scheduler, options, id, arrival, countedAt, now);
  const isAdmitted = verdict.kind !== "refuse" && admit(scheduler.retries, isRetry, fleet.slots, now);
  if (verdict.kind !== "wait" || !isAdmitted) leave(queue, id);
  if (verdict.kind === "refuse") return refuse(scheduler, verdict.refusal);
  if (!isAdmitted) return refuse(scheduler, { kind: "no_retry_left" });
  if (isRetry) scheduler.metrics.retries++;
  if (verdict.kind === "send") return grant(scheduler, verdict.send, false, now);
  // Without slots the backlog has no length. If slots are few for a moment, it would seem too long, so it counts up to this request's deadline.
  if (fleet.slots > 0)
    noteBacklog(model.utilisation, Math.min(queue.workMs / fleet.slots, arrival.deadlineMs - now), meanJobMs(model), now);
  if (fleet.free.size > 0) scheduler.lookAgainMs = Math.min(scheduler.lookAgainMs, verdict.lookAgainAtMs);
  return { kind: "waiting" };
}

/** What becomes of a request that arrives. */
export type Verdict =
  | { readonly kind: "send"; readonly send: Send }
  /** `hold`: why the request waits although a slot is free; null: no slot is free that it could have. */
  | { readonly kind: "wait"; readonly hold: Hold | null; readonly lookAgainAtMs: number }
  | { readonly kind: "refuse"; readonly refusal: Refusal };

/**
 * Puts a request into the queue, and says what becomes of it now. The caller takes the request out again if it does not wait. A request that comes while
 * nobody waits and finds a warm replica free does not join: every policy sends such a request there.
 */
export function consider(
  scheduler: Scheduler,
  options: WaitingOptions,
  id: number,
  arrival: Arrival,
  countedAt: number | null,
  now: number,
): Verdict {
  const { fleet, queue, model, policy } = scheduler;
  const [hint = ""] = arrival.hints;
  const expected = { expectedMs: expectedMs(model, hint, arrival.declaredMs), loadMs: loadMs(model, hint) };
  const request = { ...arrival, id, countedAt, ...expected };
  if (queue.waiting.size === 0 && !isRecovering(scheduler, now)) {
    const place = warmPlace(fleet, arrival, eligibleFor(fleet, arrival, now), now);
    if (place !== null) return { kind: "send", send: { kind: "send", request, ...place } };
  }
  const refusal = refusalOf(scheduler, options, arrival, now);
  const its = join(queue, request);
  const pick: Pick = fleet.free.size === 0 || isRecovering(scheduler, now) ? null : policy.pick(scheduler, [its], now);
  if (pick?.kind === "send" && pick.request.id === id) return { kind: "send", send: pick };
  if (refusal !== null) return { kind: "refuse", refusal };
  if (pick?.kind === "hold") return { kind: "wait", hold: pick, lookAgainAtMs: pick.lookAgainAtMs };
  // If the policy picks an older request of the class, the next dispatch sends that one.
  return { kind: "wait", hold: null, lookAgainAtMs: pick === null ? now + LIMITS.lookAgainMs : now };
}

/** The replica for a request that takes no slot; null: no replica is ready, or the request is a retry and no retry is left. */
export function choose(scheduler: Scheduler, wanted: Wanted, now: number): Choice | null {
  const { fleet, slotlessRetries } = scheduler;
  const place = placeIgnoringLoad(fleet, wanted, now);
  const isRetry = wanted.avoid.length > 0;
  if (place === null || !admit(slotlessRetries, isRetry, fleet.slots, now)) return null;
  if (isRetry) scheduler.metrics.retries++;
  return choiceOf(fleet, place, now);
}

/** A request that was granted before a restart of the object still runs. Null: its replica is gone, or has a new incarnation. */
export function adopt({ fleet, model }: Scheduler, id: number, adoption: Adoption): Grant | null {
  return adoptSlot(fleet, id, adoption, expectedMs(model, adoption.hint ?? "", null));
}

/**
 * Ends every wait that can end: at deadlines first, then by grants as the policy picks, then because no replica is left to hope for. Asks the policy
 * once for each request that is sent, at most `picksAtOnce` times, and once more. O(requests that avoid replicas) if no slot is free and no deadline
 * is over.
 */
export function dispatch(scheduler: Scheduler, options: WaitingOptions, now: number): ReadonlyMap<number, Outcome> {
  const outcomes = new Map<number, Outcome>();
  const { fleet, queue } = scheduler;
  scheduler.lookAgainMs = Infinity;
  if (queue.waiting.size === 0) return outcomes;
  endWithheld(fleet, now);
  for (const request of overdue(queue, now)) end(request, refuse(scheduler, { kind: "timed_out" }));
  if (scheduler.recoveringUntilMs <= now) {
    scheduler.recoveringUntilMs = 0;
    sendWaiting(scheduler, now, (send) => end(send.request, grant(scheduler, send, true, now)));
  }
  if (graceUntilMs(fleet) <= now)
    for (const request of queue.waiting.values()) end(request, refuse(scheduler, noReplicas(options)));
  for (const request of queue.avoiding.values()) {
    if (triedAll(fleet, request)) end(request, refuse(scheduler, { kind: "no_other_replica" }));
  }
  return outcomes;

  function end(request: Waiting, outcome: Outcome): void {
    leave(queue, request.id);
    outcomes.set(request.id, outcome);
  }
}

/** Sends requests as the policy picks them, until it holds the free slots or `picksAtOnce` are sent. */
function sendWaiting(scheduler: Scheduler, now: number, send: (pick: Send) => void): void {
  const { fleet, queue, policy } = scheduler;
  for (let sent = 0; fleet.free.size > 0 && queue.waiting.size > 0; sent++) {
    const pick = sent < LIMITS.picksAtOnce ? policy.pick(scheduler, queue.classes.values(), now) : null;
    if (pick?.kind !== "send") {
      scheduler.lookAgainMs = pick?.lookAgainAtMs ?? now + (sent < LIMITS.picksAtOnce ? LIMITS.lookAgainMs : LIMITS.nextRoundMs);
      return;
    }
    send(pick);
  }
}

/**
 * When to call again although nothing else happens: at an expiry, a deadline, an end of recovery or of grace, or for another look at a slot that is
 * kept free. The time may be a little early. Infinity: never. O(unhealthy + tombstones).
 */
export function nextEventMs(scheduler: Scheduler): number {
  const { fleet, queue } = scheduler;
  let next = fleet.nextExpiryMs;
  for (const lostAtMs of fleet.orphaning.values()) next = Math.min(next, lostAtMs);
  if (queue.waiting.size === 0) return next;
  next = Math.min(next, queue.nextDeadlineMs, scheduler.lookAgainMs, nextTrustMs(fleet));
  for (const { withheldUntilMs } of fleet.withholding) next = Math.min(next, withheldUntilMs);
  if (scheduler.recoveringUntilMs > 0) next = Math.min(next, scheduler.recoveringUntilMs);
  return Math.min(next, graceUntilMs(fleet));
}

function grant(scheduler: Scheduler, send: Send, hasWaited: boolean, now: number): Outcome {
  const { fleet, model, counters, metrics } = scheduler;
  const { request, replica, hint } = send;
  const { warm, reason: found } = choiceOf(fleet, send, now);
  const reason = hasWaited && found === "hint_match" ? "hint_wait" : found;
  counters.granted[reason]++;
  const warmth = warmthOf(replica, hint, warm);
  if (warmth === "cold") counters.cold++;
  const loads = warmth === "cold" && hint !== null ? loadKind(fleet, hint) : null;
  countGrant(metrics, loads, request.avoid.length === 0 ? now - request.arrivedAtMs : null);
  const loadsMs = hint === null ? 0 : loadMs(model, hint);
  const servesMs = expectedMs(model, hint ?? "", request.declaredMs);
  const { declaredMs, avoid, countedAt } = request;
  const taken = takeSlot(
    fleet,
    request.id,
    {
      replica,
      hint,
      warm,
      declaredMs,
      failures: avoid.length,
      countedAt,
      reason,
      loads,
      evicts: loads === null ? null : evictedBy(replica),
      expectedMs: paceOf(replica) * servesMs + (warmth === "cold" || warmth === "loading" ? loadsMs : 0),
      loadMostMs: LIMITS.loadTimesBelieved * loadsMs,
    },
    now,
  );
  beginProbe(taken, now);
  return { kind: "granted", grant: taken, reason };
}

/** What it is that the hint is loaded once more, or for the first time. O(1). */
function loadKind({ holders, lost }: Fleet, hint: string): LoadKind {
  if (holders.count(hint) > 0) return "duplicate";
  return lost.has(hint) ? "evicted" : "first_touch";
}

/** Adds the reason to a place. The reason does not depend on the policy. O(1), but for a load as `isOwner`. */
export function choiceOf(fleet: Fleet, { replica, hint, isFirstFree }: Place, now: number): Choice {
  if (hint === null) return { replica, hint, warm: true, reason: "least_loaded" };
  if (isServing(fleet, replica, hint, now)) return { replica, hint, warm: true, reason: "hint_match" };
  return { replica, hint, warm: false, reason: isOwner(fleet, replica, hint, isFirstFree) ? "hash_owner" : "hash_spill" };
}

/** Whether recovery goes on. It lasts until the first dispatch after its time, so that no arrival overtakes the requests that wait. */
function isRecovering({ recoveringUntilMs, queue }: Scheduler, now: number): boolean {
  return recoveringUntilMs > now || (recoveringUntilMs > 0 && queue.waiting.size > 1);
}

function refuse(scheduler: Scheduler, refusal: Refusal): Outcome {
  scheduler.counters.refused[refusal.kind]++;
  scheduler.metrics.refusals[refusal.kind]++;
  return { kind: "refused", refusal };
}
