// Outlier ejection. A replica that fails requests is passed over for a while, each time for longer. Then it gets one request at a time, until one
// shows that the cause of the ejection is gone. If most of the fleet looks unhealthy, the signs probably mislead, and no request waits because of
// them (Envoy's outlier detection and panic threshold, https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier).
import { type Fleet } from "../ledger/fleet.ts";
import { isReady, type Grant, type Replica } from "../ledger/replica.ts";
import { stopLoading, withholdSlot } from "../ledger/residency.ts";
import { LIMITS } from "../limits.ts";
import { addSample, valueOf, type Mean } from "../model/mean.ts";
import type { Failure } from "./outcome.ts";

/** How many failures in a row eject a replica, by the kind of the last failure. Answers 503 have a count of their own. */
const FAILURES_TO_EJECT: Readonly<Record<Exclude<Failure["kind"], "declined" | "unavailable">, number>> = {
  unreachable: 1,
  disconnected: LIMITS.failuresToEject,
  timed_out: LIMITS.failuresToEject,
  broken: LIMITS.failuresToEject,
  error: LIMITS.errorsToEject,
};

/**
 * The replica failed the request. Says whether the failure ejects the replica: not if the replica has left meanwhile, or was ejected after
 * the request was sent: requests that fail together show one fault. O(1).
 */
export function failGrant(fleet: Fleet, grant: Grant, failure: Failure, now: number): boolean {
  stopLoading(fleet, grant, null);
  grant.failed = true;
  const { replica } = grant;
  replica.lastError = { kind: failure.kind, detail: failure.detail ?? "", atMs: now };
  if (fleet.replicas.get(replica.id) !== replica) return false;
  if (failure.kind === "error") noteError(fleet, replica, 1);
  if (failure.kind === "unavailable" || failure.kind === "declined") withholdSlot(fleet, replica, failure.retryAfterMs, now);
  if (grant.grantedAtMs <= replica.ejectedAtMs || replica.ejectedUntilMs > now) return false;
  if (!countsEnough(fleet, grant, failure, now)) return false;
  eject(fleet, replica, failure, now);
  return true;
}

/** Counts the failure. Says whether the replica has failed often enough to be ejected. */
function countsEnough(fleet: Fleet, { replica, grantedAtMs, failures }: Grant, { kind }: Failure, now: number): boolean {
  if (kind === "declined") return false;
  const few = failures < LIMITS.ejectionsPerRequest ? 1 : LIMITS.failuresToEject;
  if (kind === "unavailable") {
    // A refusal of a request that was sent before the last refusal came counts as one with it.
    const together = grantedAtMs <= replica.refusedAtMs && !isOnProbation(replica);
    replica.refusedAtMs = now;
    if (!together) replica.refusalsInARow++;
    return !together && replica.refusalsInARow >= Math.max(few, isOnProbation(replica) ? 1 : LIMITS.refusalsToEject);
  }
  replica.refusalsInARow = 0;
  replica.failuresInARow++;
  const enough = Math.max(few, isOnProbation(replica) ? 1 : FAILURES_TO_EJECT[kind]);
  if (kind !== "error" || isOnProbation(replica)) return replica.failuresInARow >= enough;
  return (replica.failuresInARow >= enough && othersFailToo(fleet, replica) !== true) || failsOften(fleet, replica);
}

/** Whether many of the replica's last answers were errors, and the other replicas are known to fail much less. */
function failsOften(fleet: Fleet, replica: Replica): boolean {
  const { errors } = replica;
  if (errors.weight < LIMITS.errorSamples || valueOf(errors, 0) < LIMITS.errorShare) return false;
  return othersFailToo(fleet, replica) === false;
}

/**
 * Whether the other replicas fail about as often: then requests fail wherever they are sent. Null: too little is known of the others.
 */
function othersFailToo({ errors }: Fleet, replica: Replica): boolean | null {
  const others: Mean = { sum: errors.sum - replica.errors.sum, weight: errors.weight - replica.errors.weight };
  if (others.weight < LIMITS.errorSamples) return null;
  return valueOf(others, 0) > LIMITS.errorShareOfOthers * valueOf(replica.errors, 0);
}

/** An answer of the replica was an error (1) or a success (0). */
export function noteError(fleet: Fleet, replica: Replica, error: 0 | 1): void {
  const { sum, weight } = replica.errors;
  addSample(replica.errors, error, LIMITS.errorMemory);
  if (fleet.replicas.get(replica.id) !== replica) return;
  fleet.errors.sum += replica.errors.sum - sum;
  fleet.errors.weight += replica.errors.weight - weight;
}

/** The kinds of failures that response headers disprove. An error has headers too, and a broken answer has good ones. */
const DISPROVED_BY_HEADERS: ReadonlySet<Failure["kind"]> = new Set(["unreachable", "disconnected", "unavailable", "timed_out"]);

/**
 * The replica sent response headers that are no 5xx, so it can be reached. `succeeded`: the headers were those of a success, which disproves errors
 * too. Headers never disprove a broken answer. Gives what the replica was ejected for if it is trusted again by this; else null.
 */
export function trustAnswer(fleet: Fleet, replica: Replica, succeeded: boolean): Failure["kind"] | null {
  replica.refusalsInARow = 0;
  if (succeeded) noteError(fleet, replica, 0);
  const { ejectedFor } = replica;
  if (ejectedFor === null) return null;
  const isDisproved = DISPROVED_BY_HEADERS.has(ejectedFor) || (ejectedFor === "error" && succeeded);
  if (!isDisproved) return null;
  readmit(fleet, replica);
  return ejectedFor;
}

/** An answer came whole. If its request was sent after the last ejection, the replica is trusted again, whatever it was ejected for. Gives that, or null. */
export function trustWhole(fleet: Fleet, { replica, grantedAtMs }: Grant): Failure["kind"] | null {
  const { ejectedFor } = replica;
  if (ejectedFor === null || grantedAtMs <= replica.ejectedAtMs) return null;
  readmit(fleet, replica);
  return ejectedFor;
}

/** If the replica is on probation and has no request, this is the one that it may have. */
export function beginProbe({ id, replica }: Grant, now: number): void {
  if (isOnProbation(replica) && !isProbing(replica, now)) replica.probe = { id, untilMs: now + LIMITS.probeUnansweredMs };
}

/** The request is answered. If it goes on for long after that, as a stream does, it no longer keeps others away. */
export function answerProbe({ id, replica }: Grant, now: number): void {
  const { probe } = replica;
  if (probe?.id === id) probe.untilMs = Math.min(probe.untilMs, now + LIMITS.probeAnsweredMs);
}

/** The request is over. */
export function endProbe({ id, replica }: Grant): void {
  if (replica.probe?.id === id) replica.probe = null;
}

/** Ejections whose time is over become probations. Probes that go on for too long no longer keep others away. O(unhealthy). */
export function endEjections(fleet: Fleet, now: number): void {
  for (const replica of fleet.unhealthy) {
    if (replica.ejectedUntilMs <= now) replica.ejectedUntilMs = 0;
    if (!isProbing(replica, now)) replica.probe = null;
  }
}

/** When the next ejection or probe ends by itself; Infinity: none does. O(unhealthy). */
export function nextTrustMs({ unhealthy }: Fleet): number {
  let next = Infinity;
  for (const { ejectedUntilMs, probe } of unhealthy) {
    if (ejectedUntilMs > 0) next = Math.min(next, ejectedUntilMs);
    if (probe !== null) next = Math.min(next, probe.untilMs);
  }
  return next;
}

/** Whether the replica is passed over: it is ejected, or is on probation and has the one request that it may have. */
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

/** Whether so many ready replicas look unhealthy that the signs probably mislead. O(unhealthy). */
export function isPanicking({ unhealthy, free, busy }: Fleet): boolean {
  let ready = 0;
  for (const replica of unhealthy) if (isReady(replica)) ready++;
  return ready > LIMITS.panicThreshold * (free.size + busy.size);
}

/** The replica is trusted again. If it still fails often, it keeps the count of its ejections, and its next ejection is longer. */
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
  // Retry-After can only shorten an ejection, because a client that makes the replica answer 503 could choose any time. A shortened ejection does not
  // make the next one longer.
  if (askedMs === null || askedMs > grownMs) replica.ejections++;
  replica.ejectedAtMs = now;
  replica.ejectedUntilMs = now + Math.max(LIMITS.ejectionLeastMs, Math.min(askedMs ?? grownMs, grownMs));
  replica.ejectedFor = failure.kind;
  replica.probe = null;
  replica.failuresInARow = 0;
  replica.refusalsInARow = 0;
  fleet.unhealthy.add(replica);
}
