// A place on a replica while the app's object is out of reach: on the first replica in hash order that is not full and has not failed. Of load and
// failures this isolate knows its own requests alone.
import { decideBySnapshot } from "../routing/policy/by-snapshot.ts";
import { admit, createRetryBudget } from "../routing/health/retry-budget.ts";
import type { Admission, Admitting } from "./grant.ts";
import { SnapshotSlot } from "./snapshot-slot.ts";
import { healthOf, snapshotOf } from "./snapshots.ts";

/** For all apps of this isolate: the apps' own budgets are in their objects, which are out of reach. */
const retries = createRetryBudget();

/** Every replica that could take the request is full. */
export interface Full {
  readonly kind: "full";
}

/** `takesSlot` false: a full replica takes the request too. */
export function bySnapshot(admitting: Admitting, takesSlot: true): Admission | Full;
export function bySnapshot(admitting: Admitting, takesSlot: false): Admission;
export function bySnapshot({ exchange, avoid, waitedMs }: Admitting, takesSlot: boolean): Admission | Full {
  const { client, requestId, settings } = exchange;
  const now = Date.now();
  const snapshot = snapshotOf(client.app, settings.SNAPSHOT_MAX_AGE_MS, now);
  const open = snapshot?.copy.replicas.filter(({ id }) => !avoid.includes(id)) ?? [];
  if (snapshot === null || open.length === 0) {
    return avoid.length > 0 ? { kind: "refused", refusal: { kind: "no_other_replica" } } : { kind: "unknown" };
  }
  const found = decideBySnapshot(open, client.hints[0] ?? requestId, {
    hasFailed: (replica) => snapshot.health.get(replica)?.hasFailed(now) === true,
    hasRoom: (replica) => !takesSlot || (snapshot.health.get(replica)?.running(now) ?? 0) < replica.concurrency,
  });
  if (found === null) return { kind: "full" };
  if (!admit(retries, avoid.length > 0, 0, now)) return { kind: "refused", refusal: { kind: "no_retry_left" } };
  const { id: replica, origin } = found;
  const to = { replica, origin, reason: "snapshot_hash", waitedMs, sentAtMs: now } as const;
  return { kind: "granted", to, slot: takesSlot ? new SnapshotSlot(healthOf(snapshot, found)) : null };
}
