// Outlier ejection: replicas that fail requests are passed over for a while, each time for longer, then tried with one request at a time
// until one succeeds. Where most of the fleet looks bad the looks are likely deceiving, and no request waits because of them (Envoy's
// outlier detection and panic threshold, https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier).
import { isReady, type Fleet, type Grant, type Replica } from "./fleet.ts";
import { stopLoading } from "./holdings.ts";
import { LIMITS } from "./limits.ts";

/** How a replica failed a request. */
export type Failure =
  /** No response headers: refused, reset, or its tunnel's word for that. Ejects at once, as 503 does, but for a request that has ejected enough. */
  | { readonly kind: "unreachable" }
  /** It answered 503. The ejection is as long as its Retry-After asks (null: it does not ask). */
  | { readonly kind: "unavailable"; readonly retryAfterMs: number | null }
  /** No response headers in time. Ejects with the third failure in a row. */
  | { readonly kind: "timed_out" }
  /** It broke off in the middle of a response. Ejects with the third failure in a row. */
  | { readonly kind: "broken" };

/**
 * The replica failed the request, which may still hold its slot. Says whether that ejected it: not where it is ejected or was after the
 * request was sent, since what fails together is one fault, nor where it has left meanwhile.
 */
export function failGrant(fleet: Fleet, grant: Grant, failure: Failure, now: number): boolean {
  stopLoading(fleet, grant, false);
  grant.failed = true;
  const { replica } = grant;
  if (fleet.replicas.get(replica.id) !== replica) return false;
  if (grant.grantedAtMs <= replica.ejectedAtMs || replica.ejectedUntilMs > now) return false;
  const decisive = failure.kind === "unreachable" || failure.kind === "unavailable";
  if (decisive && grant.failures < LIMITS.ejectionsPerRequest) {
    eject(fleet, replica, failure.kind === "unavailable" ? failure.retryAfterMs : null, now);
    return true;
  }
  replica.failuresInARow++;
  if (replica.failuresInARow < LIMITS.failuresToEject) return false;
  eject(fleet, replica, null, now);
  return true;
}

/** The replica sent response headers: it can be reached. */
export function readmit(fleet: Fleet, replica: Replica): void {
  replica.ejectedUntilMs = 0;
  replica.ejections = 0;
  replica.onProbation = false;
  replica.probe = null;
  fleet.suspects.delete(replica);
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

function eject(fleet: Fleet, replica: Replica, askedMs: number | null, now: number): void {
  const before = replica.ejections;
  // A time that the replica itself asks for neither grows nor makes the next one grow.
  replica.ejections = before + (askedMs === null ? 1 : 0);
  const forMs = askedMs ?? LIMITS.ejectionMs * 2 ** Math.min(before, 30);
  replica.ejectedAtMs = now;
  replica.ejectedUntilMs = now + Math.min(LIMITS.ejectionMostMs, Math.max(LIMITS.ejectionLeastMs, forMs));
  replica.onProbation = true;
  replica.probe = null;
  replica.failuresInARow = 0;
  fleet.suspects.add(replica);
}
