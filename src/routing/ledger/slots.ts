// Taking and giving back a replica's slots. A grant is released exactly once; releasing one that is gone does nothing. What a request teaches and
// what its outcome says of the replica is decided elsewhere (lifecycle.ts).
import { endProbe } from "../health/ejection.ts";
import { LIMITS } from "../limits.ts";
import type { Fleet } from "./fleet.ts";
import { holdsHint, isReady, loadOf, type Grant, type Replica, type Warmth } from "./replica.ts";
import { noteUse, reindexSlots, startLoading, stopLoading } from "./residency.ts";

/** A request that says it runs already: granted by this object before it restarted. By the object's clock. */
export interface Adoption {
  readonly replica: string;
  readonly incarnation: number;
  readonly hint: string | null;
  readonly startedAtMs: number;
  /** Its answer has begun. */
  readonly answered: boolean;
}

/** What is granted. */
export interface Taking {
  readonly replica: Replica;
  readonly hint: string | null;
  readonly warm: boolean;
  readonly declaredMs?: number | null;
  readonly failures?: number;
  readonly countedAt?: number | null;
  /** How long the request is expected to hold the slot, its load included. */
  readonly expectedMs?: number;
  /** How long the replica may at most take to load the hint. */
  readonly loadMostMs?: number;
}

/** Takes a slot. A cold grant makes its replica count as warm for the hint at once, for at most `loadMostMs`. O(hints). */
export function takeSlot(fleet: Fleet, id: number, taking: Taking, now: number): Grant {
  const { replica, hint, warm, declaredMs = null, failures = 0, countedAt = null, expectedMs = 0, loadMostMs = 0 } = taking;
  if (!isReady(replica) || loadOf(replica) >= replica.concurrency) throw new Error(`no free slot on ${replica.id}`);
  const grant = hold(fleet, {
    ...{ id, replica, hint, warmth: warmthOf(replica, hint, warm), declaredMs, failures, expectedMs },
    ...{ grantedAtMs: now, countedAt, answeredAtMs: null, succeeded: false, streams: false, failed: false },
    proves: replica.ejectedFor === "broken",
  });
  replica.served++;
  if (hint !== null && !warm) startLoading(fleet, grant, hint, now + loadMostMs);
  return grant;
}

/** Counts a running request again after a restart, over the concurrency if need be. Null: its replica or incarnation is gone. */
export function adoptSlot(fleet: Fleet, id: number, adoption: Adoption, expectedMs: number): Grant | null {
  const departed = fleet.tombstones.get(adoption.replica);
  const replica = fleet.replicas.get(adoption.replica) ?? departed?.record ?? null;
  if (replica === null || replica.incarnation !== adoption.incarnation) return null;
  replica.unadopted = Math.max(0, replica.unadopted - 1);
  const { hint, startedAtMs, answered } = adoption;
  // Its process has left meanwhile, and was not known to owe an answer.
  if (departed !== undefined && !answered && !replica.lost) fleet.orphaning.set(replica, departed.untilMs);
  return hold(fleet, {
    // Whether it had to load is not known any more, so it teaches nothing.
    ...{ id, replica, hint, warmth: "unknown", declaredMs: null, failures: 0, expectedMs },
    ...{ grantedAtMs: startedAtMs, countedAt: null, answeredAtMs: answered ? startedAtMs : null, succeeded: answered },
    ...{ streams: answered, failed: false, proves: false },
  });
}

/** Requests that the replica has not begun to answer; also those whose slots were taken back. */
export function* unanswered(replica: Replica): Generator<Grant> {
  for (const grants of [replica.grants, replica.reclaimed]) {
    for (const grant of grants.values()) if (grant.answeredAtMs === null) yield grant;
  }
}

/** Whether the request waits in vain for its answer to begin: its replica's process is gone, and has not returned. */
export function isLost({ replica, answeredAtMs }: Grant): boolean {
  return answeredAtMs === null && replica.lost;
}

/** A request's grant, also one whose slot was taken back while the request goes on. */
export function grantOf({ grants, reclaimed }: Fleet, id: number): Grant | undefined {
  return grants.get(id) ?? reclaimed.get(id);
}

/** The request is over: gives its slot back, also one that was taken back before. */
export function releaseSlot(fleet: Fleet, grant: Grant): void {
  if (fleet.reclaimed.has(grant.id)) return forgetReclaimed(fleet, grant);
  if (!fleet.grants.has(grant.id)) return;
  uncount(fleet, grant);
  endProbe(grant);
  holdAgain(fleet, grant);
}

/**
 * Takes back the oldest slots whose requests were sent before a time, at most `count`, because the replica counts fewer requests. Says how many. Whose
 * requests are really over there is not known, see `holdAgain`. O(g log g) in the replica's grants.
 */
export function reclaimOldest(fleet: Fleet, replica: Replica, count: number, sentBeforeMs: number, now: number): number {
  const surplus = [...replica.grants.values()]
    .filter((grant) => grant.grantedAtMs < sentBeforeMs)
    .sort((a, b) => a.grantedAtMs - b.grantedAtMs)
    .slice(0, count);
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
  return surplus.length;
}

/** A request is over whose slot had been taken back, or it is one too many to remember. */
function forgetReclaimed(fleet: Fleet, grant: Grant): void {
  fleet.reclaimed.delete(grant.id);
  grant.replica.reclaimed.delete(grant.id);
  endProbe(grant);
}

/**
 * Of the requests that were there when slots were taken back one is over: it may be the one that the replica had not counted, and the one
 * whose slot was taken may still run. So that one has its slot again, until it ends or reports show it surplus once more.
 */
function holdAgain(fleet: Fleet, { replica, grantedAtMs }: Grant): void {
  if (grantedAtMs < replica.reclaimedAtMs) holdReclaimed(fleet, replica, 1);
}

/** Slots that were taken back are held again, the oldest first, at most so many. */
export function holdReclaimed(fleet: Fleet, replica: Replica, most: number): void {
  for (const grant of [...replica.reclaimed.values()].slice(0, Math.max(0, most))) {
    fleet.reclaimed.delete(grant.id);
    replica.reclaimed.delete(grant.id);
    count(fleet, grant);
  }
}

/** What a request for the hint finds there, before it is given its slot. `warm`: whether the replica serves the hint without a load. */
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
}
