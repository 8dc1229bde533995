// What is remembered of replicas that have left, by id, oldest first; at most `tombstonesPerApp`.
import { LIMITS } from "../limits.ts";
import { setNewest } from "./maps.ts";
import { earlier, PriorityQueue } from "./priority-queue.ts";
import type { Replica } from "./replica.ts";

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

export class Tombstones extends Map<string, Tombstone> {
  /** By when to look whether a tombstone is still needed. One that outlives its time is not looked at again before something changes. */
  readonly #due = new PriorityQueue<string, number>(earlier);

  override set(id: string, tombstone: Tombstone): this {
    this.#due.set(id, tombstone.untilMs);
    return super.set(id, tombstone);
  }

  override delete(id: string): boolean {
    this.#due.delete(id);
    return super.delete(id);
  }

  /** A replica leaves. */
  add(id: string, tombstone: Tombstone): void {
    setNewest(this, id, tombstone, LIMITS.tombstonesPerApp);
  }

  /** Requests of the replica have ended, so its record may not be needed any more. */
  lookAgain(id: string): void {
    const its = this.get(id);
    if (its !== undefined) this.#due.set(id, its.untilMs);
  }

  /** Forgets what is not needed any more. O(log n) for each tombstone whose time is over. */
  forget(now: number): void {
    for (const id of this.#due.takeUntil(now)) {
      const its = this.get(id);
      if (its !== undefined && !isStillOwed(its)) this.delete(id);
    }
  }
}

/** Whether the record is still needed: requests of the replica run, or it is drained, which must hold if it returns in the same incarnation. */
function isStillOwed({ record }: Tombstone): boolean {
  return record !== null && (record.grants.size > 0 || record.drained);
}
