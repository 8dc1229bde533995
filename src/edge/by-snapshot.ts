// The way of a request while its app's object is out of reach: to the first replica in hash order that has room and has not failed, as far as
// this isolate knows by its own requests; else it waits here, until there is room or the object is back.
import { decideBySnapshot } from "../routing/policy/by-snapshot.ts";
import { BOUNDS } from "../limits.ts";
import { admit, createRetryBudget } from "../routing/health/retry-budget.ts";
import type { Refusal } from "../routing/refusals.ts";
import type { Admission, Admitting } from "./admission.ts";
import { LruMap } from "./lru.ts";
import { keepAlive, Room } from "./room.ts";
import { SnapshotSlot, Standing } from "./snapshot-slot.ts";
import { lastSnapshot, type EdgeReplica } from "./snapshots.ts";

/** Of this isolate and for all apps: the objects, which keep the others, are out of reach. */
const retries = createRetryBudget();

/** Every replica that could take the request is full. */
export interface Full {
  readonly kind: "full";
}

/** `takesSlot` false: it goes to a full replica too. */
export function bySnapshot(admitting: Admitting, waitedMs: number, takesSlot: true): Admission | Full;
export function bySnapshot(admitting: Admitting, waitedMs: number, takesSlot: false): Admission;
export function bySnapshot(admitting: Admitting, waitedMs: number, takesSlot: boolean): Admission | Full {
  const { client, requestId, avoid, snapshotMaxAgeMs } = admitting;
  const now = Date.now();
  const open = lastSnapshot(client.app, snapshotMaxAgeMs, now).filter(({ id }) => !avoid.includes(id));
  if (open.length === 0) {
    return avoid.length > 0 ? { kind: "refused", refusal: { kind: "no_other_replica" } } : { kind: "unknown" };
  }
  const found = decideBySnapshot(open, client.hints[0] ?? requestId, {
    hasFailed: ({ standing }: EdgeReplica) => standing?.hasFailed(now) === true,
    hasRoom: ({ standing, concurrency }: EdgeReplica) => !takesSlot || (standing?.running(now) ?? 0) < concurrency,
  });
  if (found === null) return { kind: "full" };
  if (!admit(retries, avoid.length > 0, 0, now)) return { kind: "refused", refusal: { kind: "no_retry_left" } };
  const { id: replica, origin } = found;
  const to = { replica, origin, reason: "snapshot_hash", evict: null, waitedMs, sentAtMs: now } as const;
  return { kind: "granted", to, slot: takesSlot ? new SnapshotSlot((found.standing ??= new Standing())) : null };
}

/** When this isolate last asked each app's object in vain. */
const unreachedAtMs = new LruMap<number>(BOUNDS.snapshotApps);

/** Whether a request that waits here asks the object again: one at a time, or all that wait would keep an overloaded one from recovering. */
export function mayAskAgain(app: string, now: number): boolean {
  if (now - (unreachedAtMs.get(app) ?? -Infinity) < BOUNDS.snapshotAskMs) return false;
  unreachedAtMs.set(app, now);
  return true;
}

/** The object has answered, so that all who wait here may ask it; or it has not. */
export function noteReach(app: string, reached: boolean, now: number): void {
  if (reached) unreachedAtMs.delete(app);
  else unreachedAtMs.set(app, now);
}

/** Those that wait in this isolate, by app: of apps with a snapshot, so no more than those. */
const waiting = new LruMap<Room>(BOUNDS.snapshotApps);

/** A place among those that wait here, until it is disposed or its request is no more; or why there is none. */
export function waitHere({ client, queueLengthMax }: Admitting): Disposable | Refusal {
  const now = Date.now();
  const room = waiting.get(client.app) ?? new Room(queueLengthMax, BOUNDS.leaseMs);
  const ahead = room.taken(now);
  const share = ahead < (client.queueLengthMax ?? Infinity) ? room.take(1, now) : null;
  if (share === null)
    return { kind: "queue_full", retryAfterMs: BOUNDS.snapshotLookMostMs, detail: `${ahead} requests are waiting` };
  waiting.set(client.app, room);
  return { [Symbol.dispose]: keepAlive(room, share) };
}
