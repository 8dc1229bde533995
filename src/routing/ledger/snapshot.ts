// An immutable, versioned view of a fleet: all that an edge needs to route by hash while it can't reach the object.
import { type Fleet } from "./fleet.ts";
import { isReady, type Replica } from "./replica.ts";

export type SnapshotReplica = Readonly<Pick<Replica, "id" | "origin" | "concurrency">>;

/** The ready replicas. O(replicas). */
export function takeSnapshot(fleet: Fleet): { readonly version: number; readonly replicas: readonly SnapshotReplica[] } {
  const replicas: SnapshotReplica[] = [];
  for (const replica of fleet.replicas.values()) {
    const { id, origin, concurrency } = replica;
    if (isReady(replica)) replicas.push({ id, origin, concurrency });
  }
  return { version: fleet.version, replicas };
}
