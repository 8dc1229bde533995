// The order in which ready replicas get requests without hints: the least loaded for its concurrency first, of equals the fastest, then the one with
// the fewest requests so far, then the first by name. A full replica comes after every free one.
import { paceOf } from "../model/pace.ts";
import { loadOf, type Replica } from "./replica.ts";

export interface Rank {
  /** The load for the concurrency. */
  readonly load: number;
  readonly pace: number;
  readonly served: number;
  readonly id: string;
}

export function rankOf(replica: Replica): Rank {
  return { load: loadOf(replica) / replica.concurrency, pace: paceOf(replica), served: replica.served, id: replica.id };
}

export function compareRanks(one: Rank, other: Rank): number {
  return one.load - other.load || one.pace - other.pace || one.served - other.served || compareNames(one.id, other.id);
}

function compareNames(one: string, other: string): number {
  if (one === other) return 0;
  return one < other ? -1 : 1;
}
