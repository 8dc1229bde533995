// The last snapshot of each fleet that this isolate has seen, for the time when the fleet's object is out of reach. Plain data, never a promise: a
// promise that requests share ends with the request that made it.
import { hashName, type Weighted } from "../routing/rendezvous.ts";
import { BOUNDS } from "../limits.ts";
import type { SnapshotReplica } from "../routing/ledger/snapshot.ts";
import type { Exchange } from "./exchange.ts";
import { fleetOf } from "./fleet-stub.ts";
import { LruMap } from "./lru.ts";
import type { LocalHealth } from "./local-health.ts";
import type { Settings } from "../settings/settings.ts";

export interface EdgeReplica extends SnapshotReplica, Weighted {
  /** Null: this isolate has sent no request there by a snapshot yet. */
  health: LocalHealth | null;
}

interface Held {
  readonly version: string;
  readonly replicas: readonly EdgeReplica[];
  /** When the object last confirmed the snapshot. */
  trueAtMs: number;
}

const SHARE = Math.floor(BOUNDS.snapshotReplicas / BOUNDS.snapshotApps);
/** Snapshots with replicas alone, so that names without replicas push none of them out. Each costs at least one share, which bounds their number too. */
const held = new LruMap<Held>(BOUNDS.snapshotReplicas, (entry) => Math.max(SHARE, entry.replicas.length));
/** When each app's snapshot was last asked for. This is the lock that lets one request alone refresh it. */
const askedAtMs = new LruMap<number>(BOUNDS.knownApps);

/** The replicas of the last snapshot. None if it is older than `maxAgeMs`: an origin in it may be somebody else's now. */
export function lastSnapshot(app: string, maxAgeMs: number, now: number): readonly EdgeReplica[] {
  const snapshot = held.get(app);
  return snapshot === undefined || now - snapshot.trueAtMs > maxAgeMs ? [] : snapshot.replicas;
}

/** Whether this isolate has ever seen replicas of the app, as far as it remembers. */
export function hasSnapshot(app: string): boolean {
  return held.get(app) !== undefined;
}

/** Has a new snapshot fetched if the last one is older than 10 s and no other request fetches it. */
export function keepSnapshot({ env, ctx, settings, client: { app }, arrivedAtMs: now }: Exchange): void {
  if (now - (askedAtMs.get(app) ?? -Infinity) < BOUNDS.snapshotAgeMs) return;
  askedAtMs.set(app, now);
  ctx.waitUntil(refresh(env, settings, app, now));
}

/** Never fails. */
async function refresh(env: Cloudflare.Env, settings: Settings, app: string, now: number): Promise<void> {
  const before = held.get(app);
  try {
    const fresh = await fleetOf(env, settings, app).snapshot(before?.version ?? null);
    if (fresh === null) {
      if (before !== undefined) before.trueAtMs = now;
    } else if (fresh.replicas.length === 0) held.delete(app);
    else held.set(app, { version: fresh.version, replicas: toEdge(fresh.replicas, before?.replicas ?? []), trueAtMs: now });
  } catch (error) {
    console.warn(JSON.stringify({ message: "no new snapshot", app, error: String(error) }));
  }
}

function toEdge(fresh: readonly SnapshotReplica[], before: readonly EdgeReplica[]): readonly EdgeReplica[] {
  const healthByOrigin = new Map(before.filter(({ health }) => health !== null).map(({ origin, health }) => [origin, health]));
  return fresh.map(({ id, origin, concurrency }) => {
    return { id, origin, concurrency, hash: hashName(id), weight: concurrency, health: healthByOrigin.get(origin) ?? null };
  });
}
