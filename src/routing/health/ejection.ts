// Outlier ejection: replicas that fail requests are passed over for a while, each time for longer, then tried with one request at a time
// until one shows that what they were ejected for is over. Where most of the fleet looks bad the looks are likely deceiving, and no request
// waits because of them (Envoy's outlier detection and panic threshold,
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier).
import { type Fleet } from "../ledger/fleet.ts";
import { isReady, type Grant, type Replica } from "../ledger/replica.ts";
import { endWithheld, stopLoading, withholdSlot } from "../ledger/residency.ts";
import { LIMITS } from "../limits.ts";
import { addSample, clamp, emptyMean, valueOf, type Mean } from "../model/mean.ts";
import type { Failure } from "./outcome.ts";

/** How many failures in a row eject a replica, by the kind of the last of them. Answers 503 are counted by themselves. */
const FAILURES_TO_EJECT: Readonly<Record<Exclude<Failure["kind"], "declined" | "unavailable">, number>> = {
  unreachable: 1,
  disconnected: LIMITS.failuresToEject,
  timed_out: LIMITS.failuresToEject,
  broken: LIMITS.failuresToEject,
  error: LIMITS.errorsToEject,
};

/**
 * The replica failed the request, which may still hold its slot, or had it taken back. Says whether that ejected it: not where it is ejected
 * or was after the request was sent, since what fails together is one fault, nor where it has left meanwhile. O(1); O(replicas) where many of
 * the replica's last answers were errors.
 */
export function failGrant(fleet: Fleet, grant: Grant, failure: Failure, now: number): boolean {
  stopLoading(fleet, grant, null);
  grant.failed = true;
  const { replica } = grant;
  replica.lastError = { kind: failure.kind, detail: failure.detail ?? "", atMs: now };
  if (fleet.replicas.get(replica.id) !== replica) return false;
  if (failure.kind === "error") addSample(replica.errors, 1, LIMITS.errorMemory);
  if (failure.kind === "unavailable" || failure.kind === "declined") withhold(fleet, replica, failure.retryAfterMs, now);
  if (grant.grantedAtMs <= replica.ejectedAtMs || replica.ejectedUntilMs > now) return false;
  if (!countsEnough(fleet, grant, failure, now)) return false;
  eject(fleet, replica, failure, now);
  return true;
}

/** Counts the failure. Says whether it is one too many. */
function countsEnough(fleet: Fleet, { replica, grantedAtMs, failures }: Grant, { kind }: Failure, now: number): boolean {
  if (kind === "declined") return false;
  const few = failures < LIMITS.ejectionsPerRequest ? 1 : LIMITS.failuresToEject;
  if (kind === "unavailable") {
    // Those of requests that were sent before the replica was known to refuse any are one.
    const together = grantedAtMs <= replica.refusedAtMs && !isOnProbation(replica);
    replica.refusedAtMs = now;
    if (!together) replica.refusalsInARow++;
    return !together && replica.refusalsInARow >= Math.max(few, isOnProbation(replica) ? 1 : LIMITS.refusalsToEject);
  }
  replica.refusalsInARow = 0;
  replica.failuresInARow++;
  const enough = Math.max(few, isOnProbation(replica) ? 1 : FAILURES_TO_EJECT[kind]);
  if (kind !== "error" || isOnProbation(replica)) return replica.failuresInARow >= enough;
  return (replica.failuresInARow >= enough && !othersFailToo(fleet, replica)) || failsOften(fleet, replica);
}

/** "Not me, not now": a slot of the replica counts as taken for a moment, for as long as its Retry-After asks within bounds. */
function withhold(fleet: Fleet, replica: Replica, retryAfterMs: number | null, now: number): void {
  endWithheld(fleet, now);
  withholdSlot(fleet, replica, now + clamp(retryAfterMs ?? LIMITS.refusedSlotMs, LIMITS.refusedSlotMs, LIMITS.refusedSlotMostMs));
}

/** Whether errors are much of the replica's last answers, and the others are known to fail much less. O(replicas). */
function failsOften(fleet: Fleet, replica: Replica): boolean {
  const { errors } = replica;
  if (errors.weight < LIMITS.errorSamples || valueOf(errors, 0) < LIMITS.errorShare) return false;
  const others = errorsOfOthers(fleet, replica);
  return others.weight >= LIMITS.errorSamples && !isMuch(others, replica);
}

/** Whether the others are known to fail about as often: a request that fails wherever it is sent says nothing of one replica. O(replicas). */
function othersFailToo(fleet: Fleet, replica: Replica): boolean {
  const others = errorsOfOthers(fleet, replica);
  return others.weight >= LIMITS.errorSamples && isMuch(others, replica);
}

function isMuch(others: Mean, { errors }: Replica): boolean {
  return valueOf(others, 0) > LIMITS.errorShareOfOthers * valueOf(errors, 0);
}

function errorsOfOthers({ replicas }: Fleet, replica: Replica): Mean {
  const others = emptyMean();
  for (const { errors } of replicas.values()) {
    if (errors === replica.errors) continue;
    others.sum += errors.sum;
    others.weight += errors.weight;
  }
  return others;
}

/** The kinds of failures that an answer's headers disprove. An error had headers too, and a broken answer had good ones. */
const DISPROVED_BY_HEADERS: ReadonlySet<Failure["kind"]> = new Set(["unreachable", "disconnected", "unavailable", "timed_out"]);

/**
 * The replica sent response headers, other than a 5xx's: it can be reached. `succeeded`: they were those of a success, which disproves
 * errors too. Neither ends an ejection for a broken answer.
 */
export function trustAnswer(fleet: Fleet, replica: Replica, succeeded: boolean): void {
  replica.refusalsInARow = 0;
  if (succeeded) addSample(replica.errors, 0, LIMITS.errorMemory);
  const { ejectedFor } = replica;
  if (ejectedFor === null) return;
  if (DISPROVED_BY_HEADERS.has(ejectedFor) || (ejectedFor === "error" && succeeded)) readmit(fleet, replica);
}

/** An answer came whole: one that was sent after the last ejection ends it, whatever it was for. */
export function trustWhole(fleet: Fleet, { replica, grantedAtMs }: Grant): void {
  if (replica.ejectedFor !== null && grantedAtMs > replica.ejectedAtMs) readmit(fleet, replica);
}

/** The request is the one that its replica may have on probation, where there is none. */
export function beginProbe({ id, replica }: Grant, now: number): void {
  if (isOnProbation(replica) && !isProbing(replica, now)) replica.probe = { id, untilMs: now + LIMITS.probeUnansweredMs };
}

/** It is answered. One that then goes on for long, such as a stream, does not keep others away for as long as that. */
export function answerProbe({ id, replica }: Grant, now: number): void {
  const { probe } = replica;
  if (probe?.id === id) probe.untilMs = Math.min(probe.untilMs, now + LIMITS.probeAnsweredMs);
}

/** It is over. */
export function endProbe({ id, replica }: Grant): void {
  if (replica.probe?.id === id) replica.probe = null;
}

/** Ejections that are over become probations, and probes that go on for too long keep nobody away. O(unhealthy). */
export function endEjections(fleet: Fleet, now: number): void {
  for (const replica of fleet.unhealthy) {
    if (replica.ejectedUntilMs <= now) replica.ejectedUntilMs = 0;
    if (!isProbing(replica, now)) replica.probe = null;
  }
}

/** When an ejection or a probe ends by itself next; Infinity: none does. O(unhealthy). */
export function nextTrustMs({ unhealthy }: Fleet): number {
  let next = Infinity;
  for (const { ejectedUntilMs, probe } of unhealthy) {
    if (ejectedUntilMs > 0) next = Math.min(next, ejectedUntilMs);
    if (probe !== null) next = Math.min(next, probe.untilMs);
  }
  return next;
}

/** Whether the replica is passed over: ejected, or on probation with the one request it may have. */
export function isIneligible(replica: Replica, now: number): boolean {
  return replica.ejectedUntilMs > now || isProbing(replica, now);
}

/** Whether the replica was ejected since it was last trusted. */
export function isOnProbation({ ejectedFor }: Replica): boolean {
  return ejectedFor !== null;
}

function isProbing({ probe }: Replica, now: number): boolean {
  return probe !== null && probe.untilMs > now;
}

/** Whether so many ready replicas look bad that looks do not count. O(unhealthy). */
export function isPanicking({ unhealthy, free, busy }: Fleet): boolean {
  let ready = 0;
  for (const replica of unhealthy) if (isReady(replica)) ready++;
  return ready > LIMITS.panicThreshold * (free.size + busy.size);
}

/** One that still fails often keeps the count of its ejections: its next one is longer. */
function readmit(fleet: Fleet, replica: Replica): void {
  if (replica.ejectedFor !== "error" || !failsOften(fleet, replica)) replica.ejections = 0;
  replica.ejectedUntilMs = 0;
  replica.ejectedFor = null;
  replica.probe = null;
  fleet.unhealthy.delete(replica);
}

function eject(fleet: Fleet, replica: Replica, failure: Failure, now: number): void {
  const askedMs = failure.kind === "unavailable" ? failure.retryAfterMs : null;
  const grownMs = Math.min(LIMITS.ejectionMostMs, LIMITS.ejectionMs * 2 ** Math.min(replica.ejections, 30));
  // A time that the replica asks for can only make it shorter: whoever makes a replica answer 503 could ask for any. Where it does, the next
  // one is no longer for that.
  if (askedMs === null || askedMs > grownMs) replica.ejections++;
  replica.ejectedAtMs = now;
  replica.ejectedUntilMs = now + Math.max(LIMITS.ejectionLeastMs, Math.min(askedMs ?? grownMs, grownMs));
  replica.ejectedFor = failure.kind;
  replica.probe = null;
  replica.failuresInARow = 0;
  replica.refusalsInARow = 0;
  fleet.unhealthy.add(replica);
}
