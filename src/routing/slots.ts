// Taking and giving back a replica's slots. A grant is released exactly once; releasing one that is gone does nothing.
import { isReady, loadOf, reindexSlots, startLoading, stopLoading, type Fleet, type Grant, type Replica } from "./fleet.ts";
import { LIMITS } from "./limits.ts";

/** A request that says it runs already: granted by this object before it restarted. */
export interface Claim {
  readonly replica: string;
  readonly incarnation: number;
  readonly hint: string | null;
  readonly startedAtMs: number;
}

/** Takes a slot. A cold grant makes its replica count as warm for the hint at once, for at most `loadMs` times 10. */
export function takeSlot(
  fleet: Fleet,
  id: number,
  choice: { readonly replica: Replica; readonly hint: string | null; readonly warm: boolean },
  loadMs: number,
  now: number,
): Grant {
  const { replica, hint } = choice;
  if (!isReady(replica) || loadOf(replica) >= replica.concurrency) throw new Error(`no free slot on ${replica.id}`);
  const grant = hold(fleet, { id, replica, hint, grantedAtMs: now, answeredAtMs: null });
  replica.served++;
  if (hint !== null && !choice.warm) startLoading(fleet, grant, hint, now + LIMITS.loadTimesBelieved * loadMs);
  return grant;
}

/** Counts a running request again after a restart, over the concurrency if need be. Null: its replica or incarnation is gone. */
export function adoptSlot(fleet: Fleet, id: number, claim: Claim): Grant | null {
  const replica = fleet.replicas.get(claim.replica) ?? fleet.departed.get(claim.replica)?.record ?? null;
  if (replica === null || replica.incarnation !== claim.incarnation) return null;
  replica.unclaimed = Math.max(0, replica.unclaimed - 1);
  return hold(fleet, { id, replica, hint: claim.hint, grantedAtMs: claim.startedAtMs, answeredAtMs: null });
}

/** The response headers came: the load, if it was one, is over, and the replica is reachable. */
export function answerGrant(fleet: Fleet, grant: Grant, now: number): void {
  grant.answeredAtMs ??= now;
  stopLoading(fleet, grant);
  grant.replica.ejectedUntilMs = 0;
  fleet.ejected.delete(grant.replica);
}

/** The replica could not be reached: it is passed over for a while, where others are ready. */
export function ejectReplica(fleet: Fleet, grant: Grant, now: number): void {
  stopLoading(fleet, grant);
  if (fleet.replicas.get(grant.replica.id) !== grant.replica) return;
  grant.replica.ejectedUntilMs = now + LIMITS.ejectionMs;
  fleet.ejected.add(grant.replica);
}

/** Gives the slot back. */
export function releaseSlot(fleet: Fleet, grant: Grant): void {
  if (!fleet.grants.delete(grant.id)) return;
  grant.replica.grants.delete(grant.id);
  stopLoading(fleet, grant);
  reindexSlots(fleet, grant.replica);
}

/** Gives back the oldest slots granted before a time, at most `count`. Says how many. O(g log g) in the replica's grants. */
export function releaseOldest(fleet: Fleet, replica: Replica, count: number, grantedBeforeMs: number): number {
  const surplus = [...replica.grants.values()]
    .filter((grant) => grant.grantedAtMs < grantedBeforeMs)
    .sort((a, b) => a.grantedAtMs - b.grantedAtMs)
    .slice(0, count);
  for (const grant of surplus) releaseSlot(fleet, grant);
  return surplus.length;
}

function hold(fleet: Fleet, grant: Grant): Grant {
  fleet.grants.set(grant.id, grant);
  grant.replica.grants.set(grant.id, grant);
  reindexSlots(fleet, grant.replica);
  return grant;
}
