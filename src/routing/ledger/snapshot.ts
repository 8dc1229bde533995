// An immutable, versioned view of a fleet: all that an edge needs to route by hash when the object can't be reached.
import { type Fleet } from "./fleet.ts";
import { isReady } from "./replica.ts";

export interface SnapshotReplica {
  readonly id: string;
  readonly origin: string;
  readonly concurrency: number;
}

export interface Snapshot {
  readonly version: number;
  readonly replicas: readonly SnapshotReplica[];
}

/** The ready replicas. O(replicas). */
export function takeSnapshot(fleet: Fleet): Snapshot {
  const replicas: SnapshotReplica[] = [];
  for (const replica of fleet.replicas.values()) {
    if (isReady(replica)) replicas.push({ id: replica.id, origin: replica.origin, concurrency: replica.concurrency });
  }
  return { version: fleet.version, replicas };
}
