// What becomes of a granted request, from its response headers to its end: what that says of the replica (health), what it teaches (model), and when the
// slot is free again (ledger).
import { answerProbe, failGrant, trustAnswer, trustWhole } from "./health/ejection.ts";
import type { AnswerKind, Failure } from "./health/outcome.ts";
import { applyInBandHints } from "./ledger/membership.ts";
import type { Fleet } from "./ledger/fleet.ts";
import type { Grant, Replica } from "./ledger/replica.ts";
import { noteUse, stopLoading } from "./ledger/residency.ts";
import { leave } from "./ledger/queue.ts";
import { grantOf, releaseSlot } from "./ledger/slots.ts";
import { LIMITS } from "./limits.ts";
import { learnAnswer, learnHeld, uncountArrival } from "./model/model.ts";
import type { Scheduler } from "./scheduler.ts";

/** Response headers, as the edge tells of them. */
export interface Answer {
  readonly kind: AnswerKind;
  /** What the replica holds, if it says so; null: it does not. */
  readonly hints: readonly string[] | null;
  /** Its body goes on: only with the word that the body came whole (`ended`) is the request known to have ended well. */
  readonly streams?: boolean;
}

/**
 * The replica sent response headers that are no failure, and is reachable. Only a success shows that the hint is loaded, and how long that took.
 * Gives the replica if what a restart must know has changed.
 */
export function answered(scheduler: Scheduler, id: number, answer: Answer, now: number): Replica | null {
  const { fleet, model } = scheduler;
  const { kind, hints, streams = false } = answer;
  const its = grantOf(fleet, id);
  if (its === undefined) return null;
  const { hint, replica } = its;
  const succeeded = kind === "success";
  its.streams = streams;
  if (its.answeredAtMs === null) {
    if (succeeded) learnAnswer(model, its, now - its.grantedAtMs);
    else forgetDemand(scheduler, its);
    if (succeeded && hint !== null) fleet.hintFailures.served(replica, hint);
    if (kind === "excused" || (kind === "unsupported" && lacksHint(fleet, its))) failHint(fleet, its, now);
  }
  its.answeredAtMs ??= now;
  its.succeeded = succeeded;
  stopLoading(fleet, its, succeeded ? now : null);
  if (kind !== "excused") trustAnswer(fleet, replica, succeeded);
  answerProbe(its, now);
  return hints !== null && applyInBandHints(fleet, replica, hints, now) ? replica : null;
}

/** Failures that may be the hint's doing, and after which the request is not sent elsewhere by the router's own choice. */
const HINT_FAILURES: ReadonlySet<Failure["kind"]> = new Set(["error", "timed_out", "disconnected"]);

/**
 * The replica failed the request; with what the replica holds if its answer said so (null: it did not). Gives the replica if that changed what a
 * restart must know.
 */
export function failed(
  scheduler: Scheduler,
  id: number,
  failure: Failure,
  inBandHints: readonly string[] | null,
  now: number,
): Replica | null {
  const its = grantOf(scheduler.fleet, id);
  return its === undefined ? null : failedBy(scheduler, its, failure, inBandHints, now);
}

/** The same of a request that may hold no slot of the object: an isolate has sent it by itself. */
export function failedBy(
  scheduler: Scheduler,
  its: Grant,
  failure: Failure,
  inBandHints: readonly string[] | null,
  now: number,
): Replica | null {
  const { fleet, counters } = scheduler;
  counters.failed[failure.kind]++;
  if (failGrant(fleet, its, failure, now)) counters.ejected++;
  if (HINT_FAILURES.has(failure.kind) || (failure.kind === "declined" && failure.forHint)) failHint(fleet, its, now);
  if (failure.kind === "error") forgetDemand(scheduler, its);
  return inBandHints !== null && applyInBandHints(fleet, its.replica, inBandHints, now) ? its.replica : null;
}

/**
 * The answer came whole; or it broke off, and whose doing that was is not known: then the answer counts neither for nor against the replica. Of an
 * answer that neither streams nor proves anything the first need not be said.
 */
export function ended({ fleet }: Scheduler, id: number, whole: boolean): void {
  const its = grantOf(fleet, id);
  if (its === undefined) return;
  if (whole) its.streams = false;
  if (!whole) its.failed = true;
  else if (wentWell(its)) trustWhole(fleet, its);
}

/**
 * The request is over or its client has gone: the request leaves the queue or gives its slot back. How long the slot was held is learned if the request
 * went well; of a slot that was taken back before, it is not known how long the slot was needed. Idempotent.
 */
export function finish(scheduler: Scheduler, id: number, now: number): void {
  const { fleet, model, queue, counters } = scheduler;
  if (leave(queue, id)) counters.left++;
  const its = grantOf(fleet, id);
  if (its === undefined) return;
  const { hint, replica } = its;
  if (wentWell(its)) {
    replica.failuresInARow = 0;
    if (hint !== null) noteUse(replica, hint, now);
    if (fleet.grants.has(id)) learnHeld(model, its, now - its.grantedAtMs);
  }
  releaseSlot(fleet, its);
}

/** Whether the request was answered with a success that came whole. */
function wentWell({ succeeded, streams, failed: hasFailed }: Grant): boolean {
  return succeeded && !streams && !hasFailed;
}

/** A request that its replica did not serve is no demand for copies of its hint. */
function forgetDemand({ model }: Scheduler, { hint, countedAt }: Grant): void {
  if (countedAt !== null) uncountArrival(model, hint ?? "", countedAt);
}

/** Whether that a replica does not find what was asked for may mean the hint: the replica did not hold the hint, and another was the last to serve it. */
function lacksHint({ hintFailures }: Fleet, { replica, hint, warmth }: Grant): boolean {
  return hint !== null && warmth !== "warm" && hintFailures.isServedElsewhere(replica, hint);
}

/** The replica did not serve the hint, which may be the hint's doing. */
export function failHint(fleet: Fleet, { replica, hint, warmth, grantedAtMs }: Grant, now: number): void {
  if (hint === null) return;
  const failuresToBar = warmth === "warm" ? LIMITS.errorsToEject : LIMITS.hintFailuresToBar;
  fleet.hintFailures.failed(replica, hint, failuresToBar, grantedAtMs, now);
}
