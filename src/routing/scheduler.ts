// The scheduler of one fleet: takes arrivals, and sends waiting requests to replicas as its policy picks them. Driven by calls that carry the time (from
// the Fleet object, from a simulator): the scheduler never waits or reads a clock itself. After each call that may free a slot or make a replica warm its
// owner calls `dispatch` and passes on what that gives. What becomes of a granted request is told in lifecycle.ts.
import { beginProbe, nextTrustMs } from "./health/ejection.ts";
import type { Failure } from "./health/outcome.ts";
import { admit, createRetryBudget, type RetryBudget } from "./health/retry-budget.ts";
import { Fleet } from "./ledger/fleet.ts";
import { sweep } from "./ledger/membership.ts";
import { join, leave, overdue, type Arrival, Queue, type Waiting, type Wanted } from "./ledger/queue.ts";
import { adoptSlot, takeSlot, warmthOf, type Adoption } from "./ledger/slots.ts";
import type { Grant, Replica } from "./ledger/replica.ts";
import { endWithheld } from "./ledger/residency.ts";
import { LIMITS } from "./limits.ts";
import { countArrival, expectedMs, loadMs, meanJobMs, Model } from "./model/model.ts";
import { paceOf } from "./model/pace.ts";
import { noteBacklog, noteFull } from "./model/utilisation.ts";
import { isOwner, isServing, placeIgnoringLoad, type Place } from "./policy/candidates.ts";
import type { Hold, Pick, Policy, Send, View } from "./policy/policy.ts";
import { graceUntilMs, noReplicas, refusalOf, triedAll, type Refusal, type WaitingOptions } from "./refusals.ts";

/** Why a request was sent where it was; the value of `x-warmpath-reason`. A closed set. */
export type Reason =
  /** A warm replica was free. */
  | "hint_match"
  /** The request waited, and a warm replica became free. */
  | "hint_wait"
  /** No warm replica was free: the first replica in the hint's hash order. */
  | "hash_owner"
  /** No warm replica was free, and a load hurts less elsewhere than on the owner: further down the order. */
  | "hash_spill"
  /** The request has no hint. */
  | "least_loaded"
  /** The object could not be reached: hash order over the last snapshot, within what the edge knows itself. */
  | "snapshot_hash";

/** Where a request goes, and why. */
export interface Choice extends Place {
  /** Whether the replica serves that hint without a load; true if there is no hint. */
  readonly warm: boolean;
  readonly reason: Exclude<Reason, "snapshot_hash">;
}

/** The end of a request's wait. `granted` is told exactly once for each request that is not refused. */
export type Outcome =
  | { readonly kind: "granted"; readonly grant: Grant; readonly reason: Choice["reason"] }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export type EnqueueResult = Outcome | { readonly kind: "waiting" };

export interface Counters {
  readonly granted: Record<Choice["reason"], number>;
  readonly refused: Record<Refusal["kind"], number>;
  /** Grants that made a replica load a hint. */
  cold: number;
  /** Requests that left the queue before they were granted. */
  left: number;
  /** Slots freed because the replica said they were not in use. */
  reclaimed: number;
  /** Requests that replicas failed, by how. */
  readonly failed: Record<Failure["kind"], number>;
  /** Ejections of replicas. */
  ejected: number;
}

export interface Scheduler extends View {
  readonly policy: Policy;
  readonly counters: Counters;
  readonly retries: RetryBudget;
  /** Those of requests that take no slot: nothing else bounds them, and they must not use up the others'. */
  readonly slotlessRetries: RetryBudget;
  /** Until then nothing is granted: the requests of before a restart report themselves first. 0: not after a restart. */
  recoveringUntilMs: number;
  /** When to dispatch again if a request waits beside a free slot; Infinity: none does. */
  lookAgainMs: number;
}

/** `coldStartMs`: what a load is taken to last until some have been seen. */
export function createScheduler(policy: Policy, coldStartMs = 12_000): Scheduler {
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
    retries: createRetryBudget(),
    slotlessRetries: createRetryBudget(),
    recoveringUntilMs: 0,
    lookAgainMs: Infinity,
  };
}

/** A request arrives: it joins the queue, and the policy sends it at once, or it waits; or it may not wait, and is refused. */
export function enqueue(scheduler: Scheduler, options: WaitingOptions, id: number, arrival: Arrival, now: number): EnqueueResult {
  const { fleet, queue, model } = scheduler;
  const isRetry = arrival.avoid.length > 0;
  endWithheld(fleet, now);
  if (!isRetry) noteFull(model.utilisation, fleet.busy.size / Math.max(1, fleet.busy.size + fleet.free.size));
  const countedAt = isRetry ? null : countArrival(model, arrival.hints[0] ?? "");
  const verdict = consider(scheduler, options, id, arrival, countedAt, now);
  const isAdmitted = verdict.kind !== "refuse" && admit(scheduler.retries, isRetry, fleet.slots, now);
  if (verdict.kind !== "wait" || !isAdmitted) leave(queue, id);
  if (verdict.kind === "refuse") return refuse(scheduler, verdict.refusal);
  if (!isAdmitted) return refuse(scheduler, { kind: "no_retry_left" });
  if (verdict.kind === "send") return grant(scheduler, verdict.send, false, now);
  // Without a slot nobody can tell how long the backlog is; and with few, for a moment, the backlog is no longer than this request can wait.
  if (fleet.slots > 0)
    noteBacklog(model.utilisation, Math.min(queue.workMs / fleet.slots, arrival.deadlineMs - now), meanJobMs(model), now);
  if (fleet.free.size > 0) scheduler.lookAgainMs = Math.min(scheduler.lookAgainMs, verdict.lookAgainAtMs);
  return { kind: "waiting" };
}

/** What becomes of a request that arrives. */
export type Verdict =
  | { readonly kind: "send"; readonly send: Send }
  /** `hold`: why beside a free slot; null: no slot is free that the request could have. */
  | { readonly kind: "wait"; readonly hold: Hold | null; readonly lookAgainAtMs: number }
  | { readonly kind: "refuse"; readonly refusal: Refusal };

/** Joins a request to the queue and asks what becomes of it now. The caller takes the request out again if it does not wait. */
export function consider(
  scheduler: Scheduler,
  options: WaitingOptions,
  id: number,
  arrival: Arrival,
  countedAt: number | null,
  now: number,
): Verdict {
  const { fleet, queue, model, policy } = scheduler;
  const refusal = refusalOf(fleet, queue, model, options, arrival, now);
  const [hint = ""] = arrival.hints;
  const expected = { expectedMs: expectedMs(model, hint, arrival.declaredMs), loadMs: loadMs(model, hint) };
  const its = join(queue, { ...arrival, id, countedAt, ...expected });
  const pick: Pick = fleet.free.size === 0 || isRecovering(scheduler, now) ? null : policy.pick(scheduler, [its], now);
  if (pick?.kind === "send" && pick.request.id === id) return { kind: "send", send: pick };
  if (refusal !== null) return { kind: "refuse", refusal };
  if (pick?.kind === "hold") return { kind: "wait", hold: pick, lookAgainAtMs: pick.lookAgainAtMs };
  // An older request of the class may be sent now, which the next dispatch does.
  return { kind: "wait", hold: null, lookAgainAtMs: pick === null ? now + LIMITS.lookAgainMs : now };
}

/** Where a request that takes no slot goes; null: no replica is ready, or the request is a retry and no retry is left. */
export function choose(scheduler: Scheduler, wanted: Wanted, now: number): Choice | null {
  const { fleet, slotlessRetries } = scheduler;
  const place = placeIgnoringLoad(fleet, wanted, now);
  if (place === null || !admit(slotlessRetries, wanted.avoid.length > 0, fleet.slots, now)) return null;
  return choiceOf(fleet, place, now);
}

/** A request that was granted before a restart of the object says that it still runs. Null: its replica or incarnation is gone. */
export function adopt({ fleet, model }: Scheduler, id: number, adoption: Adoption): Grant | null {
  return adoptSlot(fleet, id, adoption, expectedMs(model, adoption.hint ?? "", null));
}

/** Time passes: replicas expire. Gives those that did. */
export function expire(scheduler: Scheduler, timeToLiveMs: number, now: number): readonly Replica[] {
  return sweep(scheduler.fleet, timeToLiveMs, now);
}

/**
 * Ends every wait that can end: deadlines first, then slots as the policy picks, then graces that are over. O(1), and O(requests that avoid replicas), if
 * no slot is free and no deadline has passed; else one pick for each request that is sent, at most `picksAtOnce`, and one more.
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
 * When something happens by itself next, or a little before: an expiry, a deadline, an end of recovery or of grace, another look at a slot kept idle.
 * Infinity: nothing. O(unhealthy + tombstones).
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
  const { fleet, model, counters } = scheduler;
  const { request, replica, hint } = send;
  const { warm, reason: found } = choiceOf(fleet, send, now);
  const reason = hasWaited && found === "hint_match" ? "hint_wait" : found;
  counters.granted[reason]++;
  const warmth = warmthOf(replica, hint, warm);
  if (warmth === "cold") counters.cold++;
  const loadsMs = hint === null ? 0 : loadMs(model, hint);
  const servesMs = expectedMs(model, hint ?? "", request.declaredMs);
  const { declaredMs, avoid, countedAt } = request;
  const taken = takeSlot(
    fleet,
    request.id,
    {
      ...{ replica, hint, warm, declaredMs, failures: avoid.length, countedAt },
      expectedMs: paceOf(replica) * servesMs + (warmth === "cold" || warmth === "loading" ? loadsMs : 0),
      loadMostMs: LIMITS.loadTimesBelieved * loadsMs,
    },
    now,
  );
  beginProbe(taken, now);
  return { kind: "granted", grant: taken, reason };
}

/** The reason is the same whatever policy has picked. O(replicas) for a load, else O(1). */
export function choiceOf(fleet: Fleet, { replica, hint }: Place, now: number): Choice {
  if (hint === null) return { replica, hint, warm: true, reason: "least_loaded" };
  if (isServing(fleet, replica, hint, now)) return { replica, hint, warm: true, reason: "hint_match" };
  return { replica, hint, warm: false, reason: isOwner(fleet, replica, hint) ? "hash_owner" : "hash_spill" };
}

/** Also after the time is up, until those who waited for it have been served: an arrival does not overtake them. */
function isRecovering({ recoveringUntilMs, queue }: Scheduler, now: number): boolean {
  return recoveringUntilMs > now || (recoveringUntilMs > 0 && queue.waiting.size > 1);
}

function refuse(scheduler: Scheduler, refusal: Refusal): Outcome {
  scheduler.counters.refused[refusal.kind]++;
  return { kind: "refused", refusal };
}
