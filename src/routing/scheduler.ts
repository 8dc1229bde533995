// The scheduler of one fleet: takes arrivals, binds waiting requests to slots that become free, refuses what can't be served.
// It is driven by calls that carry the time (from the Fleet object, from a simulator) and never waits or reads a clock itself:
// after each call that may free a slot or make a replica warm its owner calls `settle` and passes on what that gives.
import { bindWaiting } from "./policy/binding.ts";
import { decideIgnoringLoad, type Choice, type Reason, type Wanted } from "./policy/decide.ts";
import { failGrant, nextTrustMs } from "./health/ejection.ts";
import { countArrival, expectedMs, loadMs, turnOf } from "./model/estimates.ts";
import { createFleet, type Fleet, type Grant, type Replica } from "./ledger/fleet.ts";
import { endWithheld } from "./ledger/residency.ts";
import { LIMITS } from "./limits.ts";
import { applyInBandHints, hopeUntilMs, sweep } from "./ledger/membership.ts";
import { addSample, emptyMean, type Mean } from "./model/mean.ts";
import { adviseEviction } from "./policy/placement.ts";
import { considerNewcomer, type AffinityWait, type Wait } from "./policy/newcomer.ts";
import type { AnswerKind, Failure } from "./health/outcome.ts";
import { noteBacklog, noteFull } from "./model/utilisation.ts";
import { noReplicas, refusalOf, triedAll, type Applicant, type Refusal, type WaitingOptions } from "./refusals.ts";
import { admit, createRetryBudget, type RetryBudget } from "./health/retry-budget.ts";
import {
  answerGrant,
  endAnswer,
  failHint,
  finishGrant,
  forgetDemand,
  grantOf,
  takeSlot,
  warmthOf,
  wentWell,
} from "./ledger/slots.ts";
import { TUNING } from "./policy/tuning.ts";
import { createWaitingRoom, forgetServing, join, leave, overdue, type Waiting, type WaitingRoom } from "./ledger/queue.ts";

export interface SchedulerOptions extends WaitingOptions {
  readonly affinityWait: AffinityWait;
}

export interface Arrival extends Applicant {
  readonly arrivedAtMs: number;
  /** What the client says serving it costs, ms; null: nothing. */
  readonly claimedMs: number | null;
}

/** What became of a request. `granted` is told exactly once for each request that is not refused. */
export type Settlement =
  | { readonly kind: "granted"; readonly grant: Grant; readonly reason: Reason; readonly warm: boolean }
  | { readonly kind: "refused"; readonly refusal: Refusal };

export type Standing = Settlement | { readonly kind: "waiting" };

export interface Counters {
  readonly granted: Record<Exclude<Reason, "snapshot_hash">, number>;
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

export interface Scheduler {
  readonly fleet: Fleet;
  readonly room: WaitingRoom;
  readonly counters: Counters;
  readonly retries: RetryBudget;
  /** Those of requests that take no slot: nothing else bounds them, and they must not use up the others'. */
  readonly slotlessRetries: RetryBudget;
  /** Until then nothing is granted: the requests of before a restart report themselves first. 0: not after a restart. */
  settlingUntilMs: number;
  /** While a slot is kept idle for warm requests: when to look again; Infinity: none is. */
  lookAgainMs: number;
  /** Mean time a slot is held by an answered request, loads included. */
  readonly held: Mean;
}

/** `coldStartMs`: what a load is taken to last until some have been seen. */
export function createScheduler(coldStartMs = 12_000): Scheduler {
  return {
    fleet: createFleet(coldStartMs),
    room: createWaitingRoom(),
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
    settlingUntilMs: 0,
    lookAgainMs: Infinity,
    held: emptyMean(),
  };
}

/**
 * A request arrives: it is granted a slot, refused, or waits. `settle` leaves free only slots that those who wait should not load on, so a
 * newcomer may take one at once.
 */
export function enqueue(scheduler: Scheduler, options: SchedulerOptions, id: number, arrival: Arrival, now: number): Standing {
  const { fleet, room } = scheduler;
  const { estimates, slots } = fleet;
  const [hint = ""] = arrival.hints;
  const isRetry = arrival.avoid.length > 0;
  endWithheld(fleet, now);
  if (!isRetry) noteFull(estimates.pressure, fleet.busy.size / Math.max(1, fleet.busy.size + fleet.free.size));
  const countedAt = isRetry ? null : countArrival(estimates, hint);
  const verdict = consider(scheduler, options, arrival, now);
  if (verdict.kind === "refuse") return refuse(scheduler, verdict.refusal);
  if (!admit(scheduler.retries, isRetry, slots, now)) return refuse(scheduler, { kind: "no_retry_left" });
  switch (verdict.kind) {
    case "grant":
      return grant(scheduler, id, { ...arrival, countedAt }, verdict.choice, verdict.choice.reason, now);
    case "wait": {
      const { hints, avoid, arrivedAtMs, deadlineMs, claimedMs, priority } = arrival;
      const expected = { expectedMs: expectedMs(estimates, hint, claimedMs), loadMs: loadMs(estimates, hint) };
      const declinedAtMs = verdict.wait === null ? Infinity : now;
      join(room, { id, hints, avoid, arrivedAtMs, deadlineMs, claimedMs, priority, countedAt, ...expected, declinedAtMs });
      // Without a slot nobody can tell; and with few, for a moment, it is no longer than this one can wait.
      if (slots > 0) noteBacklog(estimates.pressure, Math.min(room.workMs / slots, deadlineMs - now), turnOf(estimates), now);
      // Beside a free slot that it can't have for now, such as one of a replica that has failed its hint, nothing else would wake it.
      const lookAgainMs = verdict.wait?.lookAgainMs ?? (fleet.free.size > 0 ? now + LIMITS.lookAgainMs : Infinity);
      scheduler.lookAgainMs = Math.min(scheduler.lookAgainMs, lookAgainMs);
      return { kind: "waiting" };
    }
  }
}

export type Verdict =
  | { readonly kind: "grant"; readonly choice: Choice }
  /** `wait`: null where no slot is free. */
  | { readonly kind: "wait"; readonly wait: Wait | null }
  | { readonly kind: "refuse"; readonly refusal: Refusal };

/** What would become of a request that arrives now. Changes nothing: `enqueue` and `explain` share it. */
export function consider(scheduler: Scheduler, options: SchedulerOptions, arrival: Arrival, now: number): Verdict {
  const { fleet, room } = scheduler;
  const choice = isSettling(scheduler, now) ? null : considerNewcomer(fleet, room, arrival, options.affinityWait, now);
  if (choice !== null && !("kind" in choice)) return { kind: "grant", choice };
  const refusal = refusalOf(fleet, room, scheduler.held, options, arrival, now);
  return refusal === null ? { kind: "wait", wait: choice } : { kind: "refuse", refusal };
}

/** Where a request that takes no slot goes; null: no replica is ready, or it is a retry and none of those is left. */
export function choose(scheduler: Scheduler, wanted: Wanted, now: number): Choice | null {
  const { fleet, slotlessRetries } = scheduler;
  const choice = decideIgnoringLoad(fleet, wanted, now);
  return choice !== null && admit(slotlessRetries, wanted.avoid.length > 0, fleet.slots, now) ? choice : null;
}

/** The request is over or its client has gone: it leaves the queue or gives its slot back. Idempotent. */
export function finish(scheduler: Scheduler, id: number, now: number): void {
  const { fleet, room, counters } = scheduler;
  if (leave(room, id)) counters.left++;
  const its = grantOf(fleet, id);
  if (its === undefined) return;
  if (wentWell(its) && fleet.grants.has(id)) addSample(scheduler.held, now - its.grantedAtMs, TUNING.heldMemory);
  finishGrant(fleet, its, now);
  forgetServing(room, its.hint);
}

/** Response headers, as the edge tells of them. */
export interface Answer {
  readonly kind: AnswerKind;
  /** What the replica holds, where it says so; null: it does not. */
  readonly hints: readonly string[] | null;
  /** Its body goes on: only with the word that it came whole (`ended`) is the request known to have ended well. */
  readonly streams?: boolean;
}

/** The replica sent response headers that are no failure. Gives the replica where what a restart must know has changed. */
export function answered(scheduler: Scheduler, id: number, answer: Answer, now: number): Replica | null {
  const { kind, hints, streams = false } = answer;
  const its = grantOf(scheduler.fleet, id);
  if (its === undefined) return null;
  its.streams = streams;
  answerGrant(scheduler.fleet, its, now, kind);
  const changed = hints !== null && applyInBandHints(scheduler.fleet, its.replica, hints, now);
  return changed ? its.replica : null;
}

/** Failures that may be the hint's doing, and after which the request is not sent elsewhere by the router's own choice. */
const HINT_FAILURES: ReadonlySet<Failure["kind"]> = new Set(["error", "timed_out", "disconnected"]);

/**
 * The replica failed the request; with what it holds where its answer said so (null: it did not). Gives the replica where that changed what
 * a restart must know.
 */
export function failed(
  scheduler: Scheduler,
  id: number,
  failure: Failure,
  inBandHints: readonly string[] | null,
  now: number,
): Replica | null {
  const its = grantOf(scheduler.fleet, id);
  if (its === undefined) return null;
  scheduler.counters.failed[failure.kind]++;
  if (failGrant(scheduler.fleet, its, failure, now)) scheduler.counters.ejected++;
  if (HINT_FAILURES.has(failure.kind) || (failure.kind === "declined" && failure.forHint)) failHint(scheduler.fleet, its, now);
  if (failure.kind === "error") forgetDemand(scheduler.fleet, its);
  const changed = inBandHints !== null && applyInBandHints(scheduler.fleet, its.replica, inBandHints, now);
  return changed ? its.replica : null;
}

/** The answer came whole; or it broke off, and whose doing that was is not known. Of one that neither streams nor proves anything the first need not be said. */
export function ended({ fleet }: Scheduler, id: number, whole: boolean): void {
  const its = grantOf(fleet, id);
  if (its !== undefined) endAnswer(fleet, its, whole);
}

/** Time passes: replicas expire. Gives those that did. */
export function expire(scheduler: Scheduler, timeToLiveMs: number, now: number): readonly Replica[] {
  return sweep(scheduler.fleet, timeToLiveMs, now);
}

/**
 * Ends every wait that can end: deadlines first, then slots, best use first, then hopes that are gone.
 * O(1), and O(those that avoid replicas), where no slot is free and no deadline has passed; else as `bindWaiting`.
 */
export function settle(scheduler: Scheduler, options: SchedulerOptions, now: number): ReadonlyMap<number, Settlement> {
  const settled = new Map<number, Settlement>();
  const { fleet, room } = scheduler;
  scheduler.lookAgainMs = Infinity;
  if (room.waiting.size === 0) return settled;
  endWithheld(fleet, now);
  for (const waiting of overdue(room, now)) end(waiting, refuse(scheduler, { kind: "timed_out" }));
  if (scheduler.settlingUntilMs <= now) {
    scheduler.settlingUntilMs = 0;
    scheduler.lookAgainMs = bindWaiting(fleet, room, options.affinityWait, now, (waiting, choice) => {
      const reason = choice.reason === "hint_match" ? "hint_wait" : choice.reason;
      end(waiting, grant(scheduler, waiting.id, waiting, choice, reason, now));
    });
  }
  if (hopeUntilMs(fleet) <= now)
    for (const waiting of room.waiting.values()) end(waiting, refuse(scheduler, noReplicas(options)));
  for (const waiting of room.avoiding.values()) {
    if (triedAll(fleet, waiting)) end(waiting, refuse(scheduler, { kind: "no_other_replica" }));
  }
  return settled;

  function end(waiting: Waiting, settlement: Settlement): void {
    leave(room, waiting.id);
    settled.set(waiting.id, settlement);
  }
}

/**
 * When something happens by itself next, or a little before: an expiry, a deadline, an end of settling or of hope, another look at a slot
 * kept idle. Infinity: nothing. O(suspects + departed).
 */
export function nextEventMs(scheduler: Scheduler): number {
  const { fleet, room } = scheduler;
  let next = fleet.nextExpiryMs;
  for (const lostAtMs of fleet.orphaning.values()) next = Math.min(next, lostAtMs);
  if (room.waiting.size === 0) return next;
  next = Math.min(next, room.nextDeadlineMs, scheduler.lookAgainMs);
  next = Math.min(next, nextTrustMs(fleet));
  for (const { withheldUntilMs } of fleet.withholding) next = Math.min(next, withheldUntilMs);
  if (scheduler.settlingUntilMs > 0) next = Math.min(next, scheduler.settlingUntilMs);
  return Math.min(next, hopeUntilMs(fleet));
}

function grant(
  scheduler: Scheduler,
  id: number,
  { claimedMs, avoid, countedAt }: Pick<Waiting, "claimedMs" | "avoid" | "countedAt">,
  choice: Choice,
  reason: Exclude<Reason, "snapshot_hash">,
  now: number,
): Settlement {
  scheduler.counters.granted[reason]++;
  const { warm, replica, hint } = choice;
  const loads = warmthOf(replica, hint, warm) === "cold";
  if (loads) scheduler.counters.cold++;
  const eviction = loads ? adviseEviction(scheduler.fleet, replica) : null;
  const taken = takeSlot(scheduler.fleet, id, { ...choice, eviction, claimedMs, failures: avoid.length, countedAt }, now);
  return { kind: "granted", grant: taken, reason, warm: choice.warm };
}

/** Also after the time is up, until those who waited for it have been served: a newcomer does not overtake them. */
function isSettling({ settlingUntilMs, room }: Scheduler, now: number): boolean {
  return settlingUntilMs > now || (settlingUntilMs > 0 && room.waiting.size > 0);
}

function refuse(scheduler: Scheduler, refusal: Refusal): Settlement {
  scheduler.counters.refused[refusal.kind]++;
  return { kind: "refused", refusal };
}
