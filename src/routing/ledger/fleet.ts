// What a fleet is: replicas, the slots taken on them, and the indexes that make a decision cheap. Plain data. Transitions are in membership.ts,
// residency.ts and slots.ts.
//
// A fleet is changed in place: at 10,000 replicas a copy for each heartbeat would cost more than everything else together.
import { HintFailures } from "../health/hint-failures.ts";
import { emptyMean, type Mean } from "../model/mean.ts";
import { earlier, PriorityQueue } from "./priority-queue.ts";
import { compareRanks, type Rank } from "./rank.ts";
import { HolderIndex } from "./holder-index.ts";
import { LostHints } from "../metrics/lost-hints.ts";
import type { Grant, Replica } from "./replica.ts";
import { ReplicaIndex } from "./replica-index.ts";
import { Tombstones } from "./tombstones.ts";

export class Fleet {
  readonly replicas = new Map<string, Replica>();
  /** By origin: the replica that was last heard of there. */
  readonly byOrigin = new Map<string, Replica>();
  readonly tombstones = new Tombstones();
  /** By the end of their time to live. */
  readonly expiring = new PriorityQueue<Replica, number>(earlier);
  /** Processes that are no longer in the fleet and have requests that they did not begin to answer; and when these requests are lost. */
  readonly orphaning = new Map<Replica, number>();
  /** By `processKey`, oldest first: processes that have left, and when answers that they have not begun are lost. At most `tombstonesPerApp`. */
  readonly processTombstones = new Map<string, number>();
  readonly grants = new Map<number, Grant>();
  /** Grants of running requests whose slots were taken back, oldest first. */
  readonly reclaimed = new Map<number, Grant>();
  /** Grants of requests that gave their slots back before it was known how they went, oldest first. An edge may tell that later. */
  readonly unjudged = new Map<number, Grant>();
  /** Loads in progress, by the time until which they are believed; some of these replicas have left. */
  readonly loads = new PriorityQueue<Grant, number>(earlier);
  /** By hint: the replicas that hold or load it. Some loads among these were believed for too long; `purgeLoading` drops such loads, and the replica's next list those that it was advised to make. */
  readonly holders = new HolderIndex();
  /** Hints that had a holder and have none. */
  readonly lost = new LostHints();
  /** Ready replicas that have a free slot. */
  readonly free = new ReplicaIndex<Replica>();
  /** Ready replicas that have no free slot. */
  readonly busy = new ReplicaIndex<Replica>();
  /** All ready replicas, in the order in which they get requests without hints. */
  readonly ready = new PriorityQueue<Replica, Rank>(compareRanks);
  /** Replicas that are ejected or on probation. */
  readonly unhealthy = new Set<Replica>();
  /** Replicas of which a slot counts as taken for a moment. */
  readonly withholding = new Set<Replica>();
  /** Which replicas have failed which hints. */
  readonly hintFailures = new HintFailures();
  /** Whether somebody is asked to start a replica where requests find none: then they wait for it. */
  startsOnDemand = false;
  /** Slots of all ready replicas. */
  slots = 0;
  /** Requests that all replicas serve, as far as the router knows. */
  running = 0;
  /** The number of hints that all replicas advertise, and their characters: what the limits of one fleet are about. */
  advertisedHints = 0;
  advertisedText = 0;
  /** The number of `Replica.unreported` of all replicas. */
  unreportedHints = 0;
  /** The sum of what `Replica.errors` says of all replicas. */
  readonly errors: Mean = emptyMean();

  /** When the next replica expires; Infinity: there is none. */
  get nextExpiryMs(): number {
    return this.expiring.firstKey ?? Infinity;
  }
}
