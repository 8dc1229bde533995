// The last view of each fleet this isolate has seen, for the time when its object can't be reached. Plain data, never a promise:
// a promise shared between requests dies with the request that made it.
import { hashName, type Weighted } from "../routing/rendezvous.ts";
import { LIMITS } from "../routing/limits.ts";
import type { SnapshotReplica } from "../routing/snapshot.ts";
import { fleetOf } from "./fleet-stub.ts";
import { LruMap } from "./lru.ts";
import type { Settings } from "../settings/settings.ts";

export type EdgeReplica = SnapshotReplica & Weighted;

interface Held {
  readonly version: string | null;
  readonly replicas: readonly EdgeReplica[];
  /** When it was last asked for: also the lock that lets one request alone refresh it. */
  readonly askedAtMs: number;
}

const SHARE = Math.floor(LIMITS.snapshotReplicas / LIMITS.snapshotApps);
/** Every app costs at least one share, which bounds their number too. */
const held = new LruMap<Held>(LIMITS.snapshotReplicas, (entry) => Math.max(SHARE, entry.replicas.length));

export function lastSnapshot(app: string): readonly EdgeReplica[] {
  return held.get(app)?.replicas ?? [];
}

/** Fetches the fleet's view if the one here is older than 10 s and no other request is at it. For `waitUntil`; never fails. */
export async function refreshSnapshot(env: Cloudflare.Env, settings: Settings, app: string, now: number): Promise<void> {
  const before = held.get(app);
  if (before !== undefined && now - before.askedAtMs < LIMITS.snapshotAgeMs) return;
  const { version, replicas } = before ?? { version: null, replicas: [] };
  held.set(app, { version, replicas, askedAtMs: now });
  try {
    const fresh = await fleetOf(env, settings, app).snapshot(version);
    if (fresh === null) return;
    held.set(app, { version: fresh.version, replicas: fresh.replicas.map(toEdge), askedAtMs: now });
  } catch (error) {
    console.warn(JSON.stringify({ message: "no new snapshot", app, error: String(error) }));
  }
}

function toEdge({ id, origin, concurrency }: SnapshotReplica): EdgeReplica {
  return { id, origin, concurrency, hash: hashName(id), weight: concurrency };
}
