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

/** A request ended well: one that was sent after the last ejection ends it, whatever it was for. */
export function trustEnd(fleet: Fleet, { replica, grantedAtMs }: Grant): void {
  replica.failuresInARow = 0;
  if (grantedAtMs > replica.ejectedAtMs) readmit(fleet, replica);
}

/** Ejections that are over become probations. O(suspects). */
export function endEjections(fleet: Fleet, now: number): void {
  for (const replica of fleet.suspects) if (replica.ejectedUntilMs <= now) replica.ejectedUntilMs = 0;
}

/** Whether the replica is passed over: ejected, or on probation with the one request it may have. */
export function isPassedOver(replica: Replica, now: number): boolean {
  return replica.ejectedUntilMs > now || replica.probe !== null;
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
