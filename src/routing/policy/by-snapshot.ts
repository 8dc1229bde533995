// The choice of an edge that can't reach the object.
import type { Weighted } from "../rendezvous.ts";
import { inHashOrder } from "./candidates.ts";

/** What an edge knows of replicas by its own requests. */
export interface KnownHere<R> {
  /** Whether the replica failed a short while ago. */
  readonly hasFailed: (replica: R) => boolean;
  readonly hasRoom: (replica: R) => boolean;
}

/**
 * Of the replicas that have not failed, or of all if every one has, the first in hash order that has a free slot, as far as the edge knows; null:
 * there is none. A request without hints passes a key of its own (its id), which spreads such requests by weight. O(replicas).
 */
export function decideBySnapshot<R extends Weighted>(
  replicas: readonly R[],
  key: string,
  { hasFailed, hasRoom }: KnownHere<R>,
): R | null {
  const healthy = replicas.filter((replica) => !hasFailed(replica));
  return inHashOrder((healthy.length > 0 ? healthy : replicas).filter(hasRoom), key);
}
