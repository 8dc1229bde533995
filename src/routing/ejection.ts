// Outlier ejection: replicas that fail requests are passed over for a while, each time for longer, then tried with one request at a time
// until one shows that what they were ejected for is over. Where most of the fleet looks bad the looks are likely deceiving, and no request
// waits because of them (Envoy's outlier detection and panic threshold,
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier).
import { isReady, type Fleet, type Grant, type Replica } from "./fleet.ts";
import { stopLoading } from "./holdings.ts";
import { LIMITS } from "./limits.ts";

/** How a replica failed a request. On probation any of them ejects at once, but for a request that has ejected enough. */
export type Failure =
  /** No response headers: refused, reset, or its tunnel's word for that. Ejects at once, as 503 does, but for a request that has ejected enough. */
  | { readonly kind: "unreachable" }
  /** It answered 503. The ejection is no longer than its Retry-After asks (null: it does not ask). */
  | { readonly kind: "unavailable"; readonly retryAfterMs: number | null }
  /** No response headers in time. Ejects with the third failure in a row. */
  | { readonly kind: "timed_out" }
  /** It broke off in the middle of a response. Ejects with the third failure in a row; headers do not end that, a request that ends well does. */
  | { readonly kind: "broken" };

/**
 * The replica failed the request, which may still hold its slot, or had it taken back. Says whether that ejected it: not where it is ejected
 * or was after the request was sent, since what fails together is one fault, nor where it has left meanwhile.
 */
export function failGrant(fleet: Fleet, grant: Grant, failure: Failure, now: number): boolean {
  stopLoading(fleet, grant, false);
  grant.failed = true;
  const { replica } = grant;
  if (fleet.replicas.get(replica.id) !== replica) return false;
  if (grant.grantedAtMs <= replica.ejectedAtMs || replica.ejectedUntilMs > now) return false;
  const decisive = failure.kind === "unreachable" || failure.kind === "unavailable" || replica.onProbation;
  if (!decisive || grant.failures >= LIMITS.ejectionsPerRequest) {
    replica.failuresInARow++;
    if (replica.failuresInARow < LIMITS.failuresToEject) return false;
  }
  eject(fleet, replica, failure, now);
  return true;
}

/** The replica sent response headers: it can be reached. That shows nothing where it was ejected for a broken answer, which had headers too. */
export function trustAnswer(fleet: Fleet, replica: Replica): void {
  if (!replica.ejectedAsBroken) readmit(fleet, replica);
}

/** An answer came whole: one that was sent after the last ejection ends it, whatever it was for. */
export function trustWhole(fleet: Fleet, { replica, grantedAtMs }: Grant): void {
  if (grantedAtMs > replica.ejectedAtMs) readmit(fleet, replica);
}

/** The request is the one that its replica may have on probation, where there is none. */
export function beginProbe({ id, replica }: Grant, now: number): void {
  if (replica.onProbation && !isProbing(replica, now)) replica.probe = { id, untilMs: now + LIMITS.probeUnansweredMs };
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

/** Ejections that are over become probations, and probes that go on for too long keep nobody away. O(suspects). */
export function endEjections(fleet: Fleet, now: number): void {
  for (const replica of fleet.suspects) {
    if (replica.ejectedUntilMs <= now) replica.ejectedUntilMs = 0;
    if (!isProbing(replica, now)) replica.probe = null;
  }
}

/** When an ejection or a probe ends by itself next; Infinity: none does. O(suspects). */
export function nextTrustMs({ suspects }: Fleet): number {
  let next = Infinity;
  for (const { ejectedUntilMs, probe } of suspects) {
    if (ejectedUntilMs > 0) next = Math.min(next, ejectedUntilMs);
    if (probe !== null) next = Math.min(next, probe.untilMs);
  }
  return next;
}

/** Whether the replica is passed over: ejected, or on probation with the one request it may have. */
export function isPassedOver(replica: Replica, now: number): boolean {
  return replica.ejectedUntilMs > now || isProbing(replica, now);
}

function isProbing({ probe }: Replica, now: number): boolean {
  return probe !== null && probe.untilMs > now;
}

/** Whether so many ready replicas look bad that looks do not count. O(suspects). */
export function looksDeceive({ suspects, free, busy }: Fleet): boolean {
  let ready = 0;
  for (const replica of suspects) if (isReady(replica)) ready++;
  return ready > LIMITS.suspectsShareMost * (free.size + busy.size);
}

function readmit(fleet: Fleet, replica: Replica): void {
  replica.ejectedUntilMs = 0;
  replica.ejections = 0;
  replica.ejectedAsBroken = false;
  replica.onProbation = false;
  replica.probe = null;
  fleet.suspects.delete(replica);
}

function eject(fleet: Fleet, replica: Replica, failure: Failure, now: number): void {
  const askedMs = failure.kind === "unavailable" ? failure.retryAfterMs : null;
  const grownMs = Math.min(LIMITS.ejectionMostMs, LIMITS.ejectionMs * 2 ** Math.min(replica.ejections, 30));
  // A time that the replica asks for can only make it shorter: whoever makes a replica answer 503 could ask for any. Where it does, the next
  // one is no longer for that.
  if (askedMs === null || askedMs > grownMs) replica.ejections++;
  replica.ejectedAtMs = now;
  replica.ejectedUntilMs = now + Math.max(LIMITS.ejectionLeastMs, Math.min(askedMs ?? grownMs, grownMs));
  replica.ejectedAsBroken = failure.kind === "broken";
  replica.onProbation = true;
  replica.probe = null;
  replica.failuresInARow = 0;
  fleet.suspects.add(replica);
}
