// What happens to a request after its grant, from its response headers to its end: what this says of the replica (health), what it teaches (model),
// and when the slot is free again (ledger).
import { answerProbe, failGrant, trustAnswer, trustWhole } from "./health/ejection.ts";
import type { AnswerKind, Failure } from "./health/outcome.ts";
import type { Fleet } from "./ledger/fleet.ts";
import type { Grant, Replica } from "./ledger/replica.ts";
import { setNewest } from "./ledger/maps.ts";
import { noteUse, rerank, stopLoading } from "./ledger/residency.ts";
import { leave } from "./ledger/queue.ts";
import { grantOf, releaseSlot } from "./ledger/slots.ts";
import { LIMITS } from "./limits.ts";
import { observeMs } from "./metrics/histogram.ts";
import { countAnswer, countOutcome } from "./metrics/metrics.ts";
import { learnAnswer, learnHeld, uncountArrival } from "./model/model.ts";
import { hearInBand } from "./registry.ts";
import type { Scheduler } from "./scheduler.ts";

/** What the edge tells of response headers. */
export interface Answer {
  readonly kind: AnswerKind;
  /** The hints that the replica says it holds; null: it does not say. */
  readonly hints: readonly string[] | null;
  /** Whether the body is still to come. Then the request has ended well only if `ended` says that the body came whole. */
  readonly streams?: boolean;
  /** Time from the grant to the headers, ms; not given: they came just now. */
  readonly afterMs?: number;
}

/** A request was a success from its first byte to its last, as its edge tells once it is over. Times are from the grant on, by the edge's clock. */
export interface Success {
  readonly id: number;
  /** Until the response headers, and until the end, ms. */
  readonly answeredAfterMs: number;
  readonly heldMs: number;
}

/**
 * The replica sent response headers that are no failure. Only a success shows that the hint is loaded, and how long the load took. Gives the replica
 * if something has changed that a restart must know, else null.
 */
export function answered(scheduler: Scheduler, id: number, answer: Answer, now: number): Replica | null {
  const { fleet, metrics } = scheduler;
  const { kind, hints, streams = false } = answer;
  const its = grantOf(fleet, id);
  if (its === undefined) return null;
  const { hint, replica } = its;
  const { afterMs = now - its.grantedAtMs } = answer;
  const succeeded = kind === "success";
  its.streams = streams;
  if (!its.answered) {
    if (succeeded) learnSuccess(scheduler, its, afterMs, now);
    else forgetDemand(scheduler, its);
    if (!succeeded) countOutcome(metrics, its, kind);
    if (succeeded && hint !== null) fleet.hintFailures.served(replica, hint);
    if (kind === "excused" || (kind === "unsupported" && lacksHint(fleet, its))) failHint(scheduler, its, now);
  }
  its.answered = true;
  its.succeeded = succeeded;
  stopLoading(fleet, its, succeeded ? now : null);
  if (kind !== "excused") recordTrust(scheduler, replica, trustAnswer(fleet, replica, succeeded), now);
  answerProbe(its, now);
  return hints !== null && hearInBand(scheduler, replica, hints, now) ? replica : null;
}

/**
 * A request went well and is over. Its edge may tell that after the slot was given back, with a later request: then the news teaches, but ends no
 * ejection that began after the answer. Idempotent. O(1).
 */
export function succeeded(scheduler: Scheduler, { id, answeredAfterMs, heldMs }: Success, now: number): void {
  const { fleet, model, metrics } = scheduler;
  if (grantOf(fleet, id) !== undefined) {
    answered(scheduler, id, { kind: "success", hints: null, afterMs: answeredAfterMs }, now);
    ended(scheduler, id, true, now);
    return finish(scheduler, id, now);
  }
  const its = fleet.unjudged.get(id);
  if (its === undefined) return;
  fleet.unjudged.delete(id);
  const { hint, replica } = its;
  learnSuccess(scheduler, its, answeredAfterMs, now);
  learnHeld(model, its, heldMs);
  observeMs(metrics.service, heldMs);
  countOutcome(metrics, its, "success");
  rerank(fleet, replica);
  if (its.grantedAtMs + answeredAfterMs > replica.ejectedAtMs)
    recordTrust(scheduler, replica, trustAnswer(fleet, replica, true), now);
  if (hint !== null && !fleet.hintFailures.knows(hint)) fleet.hintFailures.served(replica, hint);
}

/** Failures that the hint may have caused. After these the router does not send the request elsewhere of its own accord. */
const HINT_FAILURES: ReadonlySet<Failure["kind"]> = new Set(["error", "timed_out", "disconnected"]);

/**
 * The replica failed the request, which may have given its slot back a moment before. `inBandHints`: the hints that the replica says it holds; null: it does not say. Gives the replica if something has
 * changed that a restart must know, else null.
 */
export function failed(
  scheduler: Scheduler,
  id: number,
  failure: Failure,
  inBandHints: readonly string[] | null,
  now: number,
): Replica | null {
  const { fleet } = scheduler;
  const its = grantOf(fleet, id) ?? fleet.unjudged.get(id);
  fleet.unjudged.delete(id);
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
  const { fleet, counters, metrics } = scheduler;
  counters.failed[failure.kind]++;
  countOutcome(metrics, its, failure.kind);
  if (failGrant(fleet, its, failure, now)) countEjection(scheduler, its.replica, failure, now);
  if (HINT_FAILURES.has(failure.kind) || (failure.kind === "declined" && failure.forHint)) failHint(scheduler, its, now);
  if (failure.kind === "error") forgetDemand(scheduler, its);
  return inBandHints !== null && hearInBand(scheduler, its.replica, inBandHints, now) ? its.replica : null;
}

/**
 * The answer has ended. `whole`: it came whole, which need not be told of an answer that neither streams nor proves anything. Otherwise it broke off,
 * perhaps by the client's doing, and counts neither for nor against the replica.
 */
export function ended(scheduler: Scheduler, id: number, whole: boolean, now: number): void {
  const { fleet } = scheduler;
  const its = grantOf(fleet, id);
  if (its === undefined) return;
  if (whole) its.streams = false;
  if (!whole) its.failed = true;
  else if (wentWell(its)) recordTrust(scheduler, its.replica, trustWhole(fleet, its), now);
}

/**
 * The request is over, or its client has gone. The request leaves the queue or gives its slot back. If the request went well, the model learns how
 * long the slot was held, unless the slot was taken back before. A second call does nothing.
 */
export function finish(scheduler: Scheduler, id: number, now: number): void {
  const { fleet, model, queue, counters, metrics } = scheduler;
  if (leave(queue, id)) counters.left++;
  const its = grantOf(fleet, id);
  if (its === undefined) return;
  const { hint, replica } = its;
  if (wentWell(its)) {
    replica.failuresInARow = 0;
    if (hint !== null) noteUse(replica, hint, now);
    observeMs(metrics.service, now - its.grantedAtMs);
    countOutcome(metrics, its, "success");
    if (fleet.grants.has(id)) learnHeld(model, its, now - its.grantedAtMs);
  } else if (!its.answered && !its.failed && fleet.grants.has(id)) {
    if (fleet.unjudged.size >= LIMITS.unjudgedPerApp) countUntold(scheduler, Infinity, 1);
    its.untoldSinceMs = now;
    setNewest(fleet.unjudged, id, its, LIMITS.unjudgedPerApp);
  } else countOutcome(metrics, its, its.answered || its.failed ? "incomplete" : "unknown");
  releaseSlot(fleet, its);
}

/**
 * Requests that are over since before that time and of which nobody has told how they went count as unknown, oldest first, at most so many. What is told of
 * them later teaches, but does not count. O(requests that are over and untold).
 */
export function countUntold({ fleet, metrics }: Scheduler, beforeMs: number, most = Infinity): void {
  let looked = 0;
  for (const its of fleet.unjudged.values()) {
    if (its.untoldSinceMs >= beforeMs || looked++ >= most) return;
    countOutcome(metrics, its, "unknown");
  }
}

/**
 * Whether the object must hear at once how the request is answered: a load, a probe, or a replica of which a success would change what is thought. Of
 * other requests only that they went well is of use, at any time later.
 */
export function awaitsAnswer({ hintFailures }: Fleet, { replica, hint, warmth }: Grant): boolean {
  if (warmth !== "warm" && warmth !== "none") return true;
  const { ejectedFor, failuresInARow, refusalsInARow, unreported } = replica;
  return (
    ejectedFor !== null ||
    failuresInARow > 0 ||
    refusalsInARow > 0 ||
    unreported.size > 0 ||
    (hint !== null && hintFailures.knows(hint))
  );
}

/** Whether the request was answered with a success that came whole. */
function wentWell({ succeeded, streams, failed: hasFailed }: Grant): boolean {
  return succeeded && !streams && !hasFailed;
}

/** The replica did not serve the request, so the request is no demand for copies of its hint. */
function forgetDemand({ model }: Scheduler, { hint, countedAt }: Grant): void {
  if (countedAt !== null) uncountArrival(model, hint ?? "", countedAt);
}

/** Whether a 404 or 422 may mean that the replica lacks the hint: it did not hold the hint before, and another replica served the hint last. */
function lacksHint({ hintFailures }: Fleet, { replica, hint, warmth }: Grant): boolean {
  return hint !== null && warmth !== "warm" && hintFailures.isServedElsewhere(replica, hint);
}

/** The replica did not serve the request, perhaps because of the hint. */
export function failHint({ fleet, events }: Scheduler, { replica, hint, warmth, grantedAtMs }: Grant, now: number): void {
  if (hint === null) return;
  const failuresToBar = warmth === "warm" ? LIMITS.errorsToEject : LIMITS.hintFailuresToBar;
  const forMs = fleet.hintFailures.failed(replica, hint, failuresToBar, grantedAtMs, now);
  if (forMs > 0 && isMember(fleet, replica)) events.record({ kind: "hint_failed", replica: replica.id, hint, forMs }, now);
}

/** The response headers of a success came: what they teach. */
function learnSuccess({ fleet, model, metrics, events }: Scheduler, its: Grant, afterMs: number, now: number): void {
  const loadMs = learnAnswer(model, its, afterMs);
  countAnswer(metrics, its, afterMs, loadMs);
  const { replica, hint, loads, evicts } = its;
  if (loads !== null && hint !== null && isMember(fleet, replica))
    events.record({ kind: "loaded", replica: replica.id, hint, loadMs, load: loads, evicts }, now);
}

/** The failure ejects the replica. */
function countEjection({ counters, metrics, events }: Scheduler, replica: Replica, failure: Failure, now: number): void {
  counters.ejected++;
  metrics.ejections++;
  const { id, ejectedUntilMs, ejections } = replica;
  const { kind, detail = "" } = failure;
  events.record({ kind: "ejected", replica: id, failure: kind, detail, forMs: ejectedUntilMs - now, ejections }, now);
}

/** `ejectedFor`: what the replica was ejected for until now; null: it was trusted already, or is not trusted yet. */
function recordTrust({ fleet, events }: Scheduler, replica: Replica, ejectedFor: Failure["kind"] | null, now: number): void {
  if (ejectedFor !== null && isMember(fleet, replica)) events.record({ kind: "trusted", replica: replica.id, ejectedFor }, now);
}

/** Whether the process has not left. */
function isMember({ replicas }: Fleet, replica: Replica): boolean {
  return replicas.get(replica.id) === replica;
}
