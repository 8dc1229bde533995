// What a fleet is: replicas, the slots taken on them, and the indexes that make a decision cheap. Plain data. Transitions are in membership.ts,
// residency.ts and slots.ts.
//
// A fleet is changed in place: at 10,000 replicas a copy for each heartbeat would cost more than everything else together.
import { HintFailures } from "../health/hint-failures.ts";
import type { Grant, Replica } from "./replica.ts";
import { ReplicaIndex } from "./replica-index.ts";

/** What is remembered of a replica that stopped, was deleted or expired. */
export interface Tombstone {
  readonly incarnation: number;
  readonly sequence: number | null;
  /** Until then its late heartbeats are refused and its return is hoped for. */
  readonly untilMs: number;
  /** Deleted: this incarnation may not return before `untilMs`. */
  readonly forbidden: boolean;
  /** Its record, so that requests it still runs count again if it returns; null after a restart of the object. */
  readonly record: Replica | null;
}

export interface Fleet {
  readonly replicas: Map<string, Replica>;
  /** The replica that was last heard of at each origin. */
  readonly byOrigin: Map<string, Replica>;
  readonly tombstones: Map<string, Tombstone>;
  /** Processes that have left, were replaced or deleted and have requests that they did not begin to answer; and when those are lost. */
  readonly orphaning: Map<Replica, number>;
  readonly grants: Map<number, Grant>;
  /** Those whose slots were taken back while their requests go on, oldest first. */
  readonly reclaimed: Map<number, Grant>;
  /** Hint to the replicas that advertise or load it. A superset: loads that went on too long are purged later. */
  readonly holders: Map<string, Set<Replica>>;
  /** Those of them that have a free slot. */
  readonly freeHolders: Map<string, Set<Replica>>;
  /** Ready replicas, by whether they have a free slot. */
  readonly free: ReplicaIndex<Replica>;
  readonly busy: ReplicaIndex<Replica>;
  /** Ejected, or on probation after it. */
  readonly unhealthy: Set<Replica>;
  /** Those of which a slot counts as taken for a moment. */
  readonly withholding: Set<Replica>;
  /** What replicas have failed to serve. */
  readonly hintFailures: HintFailures;
  /** Slots of all ready replicas. */
  slots: number;
  /** No replica expires before; a lower bound. */
  nextExpiryMs: number;
  /** Totals over `advertised`, held under the limits of one fleet. */
  advertisedHints: number;
  advertisedText: number;
  /** Grows with every change of who may be chosen and where it is reached. */
  version: number;
}

export function createFleet(): Fleet {
  return {
    replicas: new Map(),
    byOrigin: new Map(),
    tombstones: new Map(),
    orphaning: new Map(),
    grants: new Map(),
    reclaimed: new Map(),
    holders: new Map(),
    freeHolders: new Map(),
    free: new ReplicaIndex(),
    busy: new ReplicaIndex(),
    unhealthy: new Set(),
    withholding: new Set(),
    hintFailures: new HintFailures(),
    slots: 0,
    nextExpiryMs: Infinity,
    advertisedHints: 0,
    advertisedText: 0,
    version: 0,
  };
}
