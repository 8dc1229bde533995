// Taking and giving back a replica's slots. To release a grant a second time does nothing. What a request teaches, and what its outcome says of the
// replica, is decided in lifecycle.ts.
import { endProbe } from "../health/ejection.ts";
import { LIMITS } from "../limits.ts";
import type { Fleet } from "./fleet.ts";
import { holdsHint, isReady, loadOf, type Grant, type Replica, type Warmth } from "./replica.ts";
import { noteUse, reindexSlots, startLoading, stopLoading } from "./residency.ts";

/** A running request that the object granted before it restarted. Times are by the object's clock. */
export interface Adoption extends Readonly<Pick<Grant, "hint" | "answered">> {
  readonly replica: string;
  readonly incarnation: number;
  readonly startedAtMs: number;
}

/** What is granted; see `Grant`. */
export interface Taking
  extends
    Pick<Grant, "replica" | "hint">,
    Partial<Pick<Grant, "declaredMs" | "failures" | "countedAt" | "expectedMs" | "reason" | "loads" | "evicts">> {
  /** Whether the replica serves the hint without a load. */
  readonly warm: boolean;
  /** How long the replica counts at most as loading the hint. */
  readonly loadMostMs?: number;
}

/** What holds of a grant unless something else is said. */
export const UNSAID: Omit<Grant, "id" | "replica" | "hint" | "warmth" | "grantedAtMs"> = {
  ...{ declaredMs: null, failures: 0, countedAt: null, expectedMs: 0 },
  ...{ answered: false, succeeded: false, streams: false, failed: false, proves: false, evicts: null },
  ...{ reason: "unknown", loads: null, counted: false, untoldSinceMs: Infinity },
};

/** Takes a slot. A cold grant makes its replica count as warm for the hint at once, for at most `loadMostMs`. O(hints). */
export function takeSlot(fleet: Fleet, id: number, taking: Taking, now: number): Grant {
  const { replica, hint, warm, loadMostMs = 0 } = taking;
  if (!isReady(replica) || loadOf(replica) >= replica.concurrency) throw new Error(`no free slot on ${replica.id}`);
  replica.served++;
  // Written out: this is on the path of each request, and a spread object takes longer.
  const {
    declaredMs = null,
    failures = 0,
    countedAt = null,
    expectedMs = 0,
    reason = "unknown",
    loads = null,
    evicts = null,
  } = taking;
  const grant = hold(fleet, {
    id,
    replica,
    hint,
    warmth: warmthOf(replica, hint, warm),
    declaredMs,
    expectedMs,
    grantedAtMs: now,
    countedAt,
    failures,
    proves: replica.ejectedFor === "broken",
    evicts,
    answered: false,
    succeeded: false,
    streams: false,
    failed: false,
    reason,
    loads,
    counted: false,
    untoldSinceMs: Infinity,
  });
  if (hint !== null && !warm) startLoading(fleet, grant, hint, now + loadMostMs);
  return grant;
}

/** Counts a running request again after a restart, above the concurrency if need be. Null: its replica is gone, or has a new incarnation. */
export function adoptSlot(fleet: Fleet, id: number, adoption: Adoption, expectedMs: number): Grant | null {
  const departed = fleet.tombstones.get(adoption.replica);
  const replica = fleet.replicas.get(adoption.replica) ?? departed?.record ?? null;
  if (replica === null || replica.incarnation !== adoption.incarnation) return null;
  replica.unadopted = Math.max(0, replica.unadopted - 1);
  const { hint, startedAtMs, answered } = adoption;
  // When its process left, this request was not known to wait for an answer.
  if (departed !== undefined && !answered && !replica.lost) fleet.orphaning.set(replica, departed.untilMs);
  return hold(fleet, {
    ...UNSAID,
    // Whether the request had to load is no longer known, so it teaches nothing.
    ...{ id, replica, hint, warmth: "unknown", expectedMs, grantedAtMs: startedAtMs },
    ...{ answered, succeeded: answered, streams: answered },
  });
}

/** Requests that the replica has not begun to answer, with those whose slots were taken back. */
export function* unanswered(replica: Replica): Generator<Grant> {
  for (const grants of [replica.grants, replica.reclaimed]) {
    for (const grant of grants.values()) if (!grant.answered) yield grant;
  }
}

/** Whether the answer will never begin: it has not, and its replica's process is gone. */
export function isLost({ replica, answered }: Grant): boolean {
  return !answered && replica.lost;
}

/** The grant of a running request, even if its slot was taken back. */
export function grantOf({ grants, reclaimed }: Fleet, id: number): Grant | undefined {
  return grants.get(id) ?? reclaimed.get(id);
}

/**
 * The request is over, and gives its slot back. If slots were taken back after it was sent, the replica may have left out this very request, and a
 * request that lost its slot may still run. So the oldest of these gets its slot again, until it ends or reports show once more that the slot is not
 * in use.
 */
export function releaseSlot(fleet: Fleet, grant: Grant): void {
  if (fleet.reclaimed.has(grant.id)) return forgetReclaimed(fleet, grant);
  if (!fleet.grants.has(grant.id)) return;
  uncount(fleet, grant);
  endProbe(grant);
  if (grant.grantedAtMs < grant.replica.reclaimedAtMs) holdReclaimed(fleet, grant.replica, 1);
}

/** Takes slots back because the replica reports fewer requests. Which of its requests are over is not known; see `releaseSlot`. */
export function reclaimSlots(fleet: Fleet, replica: Replica, surplus: readonly Grant[], now: number): void {
  for (const grant of surplus) {
    uncount(fleet, grant);
    replica.reclaimed.set(grant.id, grant);
    for (const id of replica.reclaimed.keys()) {
      if (replica.reclaimed.size <= replica.concurrency) break;
      replica.reclaimed.delete(id);
    }
    fleet.reclaimed.set(grant.id, grant);
    const [oldest] = fleet.reclaimed.values();
    if (fleet.reclaimed.size > LIMITS.reclaimedPerApp && oldest !== undefined) forgetReclaimed(fleet, oldest);
  }
  if (surplus.length > 0) replica.reclaimedAtMs = now;
}

/** A request whose slot was taken back is over, or is one too many to remember. */
function forgetReclaimed(fleet: Fleet, grant: Grant): void {
  fleet.reclaimed.delete(grant.id);
  grant.replica.reclaimed.delete(grant.id);
  endProbe(grant);
}

/** Requests get their slots again that were taken back, oldest first, at most so many. */
export function holdReclaimed(fleet: Fleet, replica: Replica, most: number): void {
  for (const grant of [...replica.reclaimed.values()].slice(0, Math.max(0, most))) {
    fleet.reclaimed.delete(grant.id);
    replica.reclaimed.delete(grant.id);
    count(fleet, grant);
  }
}

/** What a request for the hint finds on the replica, before the request has its slot. `warm`: whether the replica serves the hint without a load. */
export function warmthOf(replica: Replica, hint: string | null, warm: boolean): Warmth {
  if (hint === null) return "none";
  if (replica.unreported.has(hint) || (!warm && holdsHint(replica, hint))) return "unknown";
  if (!warm) return "cold";
  return replica.loading.has(hint) && !holdsHint(replica, hint) ? "loading" : "warm";
}

/** So many more running requests use the hint there. */
export function countUsers({ users }: Replica, hint: string, more: number): void {
  const its = (users.get(hint) ?? 0) + more;
  if (its > 0) users.set(hint, its);
  else users.delete(hint);
}

function hold(fleet: Fleet, grant: Grant): Grant {
  if (grant.hint !== null) noteUse(grant.replica, grant.hint, grant.grantedAtMs);
  count(fleet, grant);
  return grant;
}

function count(fleet: Fleet, grant: Grant): void {
  const { replica, hint } = grant;
  fleet.grants.set(grant.id, grant);
  replica.grants.set(grant.id, grant);
  if (hint !== null) countUsers(replica, hint, 1);
  reindexSlots(fleet, replica);
}

function uncount(fleet: Fleet, grant: Grant): void {
  const { replica, hint } = grant;
  fleet.grants.delete(grant.id);
  replica.grants.delete(grant.id);
  if (hint !== null) countUsers(replica, hint, -1);
  stopLoading(fleet, grant, null);
  reindexSlots(fleet, replica);
  if (replica.grants.size === 0) fleet.tombstones.lookAgain(replica.id);
}
