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
  /** Until then late heartbeats of the replica are refused, and waiting requests hope for its return. */
  readonly untilMs: number;
  /** Whether the replica was deleted: then this incarnation may not return before `untilMs`. */
  readonly forbidden: boolean;
  /** The replica's record, so that its running requests count again if it returns; null after a restart of the object. */
  readonly record: Replica | null;
}

export class Fleet {
  readonly replicas = new Map<string, Replica>();
  /** By origin: the replica that was last heard of there. */
  readonly byOrigin = new Map<string, Replica>();
  readonly tombstones = new Map<string, Tombstone>();
  /** Processes that are no longer in the fleet and have requests that they did not begin to answer; and when these requests are lost. */
  readonly orphaning = new Map<Replica, number>();
  readonly grants = new Map<number, Grant>();
  /** Grants of running requests whose slots were taken back, oldest first. */
  readonly reclaimed = new Map<number, Grant>();
  /** Grants of requests that gave their slots back before it was known how they went, oldest first. An edge may tell that later. */
  readonly unjudged = new Map<number, Grant>();
  /** By hint: the replicas that hold or load it. Some loads among these were believed for too long; `purgeLoading` drops such loads. */
  readonly holders = new Map<string, Set<Replica>>();
  /** By hint: the holders that have a free slot. */
  readonly freeHolders = new Map<string, Set<Replica>>();
  /** Ready replicas that have a free slot. */
  readonly free = new ReplicaIndex<Replica>();
  /** Ready replicas that have no free slot. */
  readonly busy = new ReplicaIndex<Replica>();
  /** Replicas that are ejected or on probation. */
  readonly unhealthy = new Set<Replica>();
  /** Replicas of which a slot counts as taken for a moment. */
  readonly withholding = new Set<Replica>();
  /** Which replicas have failed which hints. */
  readonly hintFailures = new HintFailures();
  /** Slots of all ready replicas. */
  slots = 0;
  /** No replica expires before that; a lower bound. */
  nextExpiryMs = Infinity;
  /** The number of hints that all replicas advertise, and their characters: what the limits of one fleet are about. */
  advertisedHints = 0;
  advertisedText = 0;
}
