// Who waits, as tests look at them.
import type { Queue, Waiting } from "../../../src/routing/ledger/queue.ts";

/** Everybody who waits, in order of arrival. */
export function inOrder(queue: Queue): readonly Waiting[] {
  return [...queue.waiting.values()].sort((a, b) => a.arrivedAtMs - b.arrivedAtMs || a.id - b.id);
}
