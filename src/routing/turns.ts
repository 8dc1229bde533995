// Lanes by the priority of their heads: a binary heap (Williams, "Heapsort", CACM 7(6), 1964).
import type { Lane } from "./waiting-room.ts";

/** A lane and how urgent it is to serve its head. */
export interface Turn {
  readonly lane: Lane;
  readonly priority: number;
  /** Which came first, among equals. */
  readonly order: number;
}

/** The highest first; among equals whoever came first. */
export class Turns {
  readonly #heap: Turn[] = [];
  #pushed = 0;

  highest(): number {
    return this.#heap[0]?.priority ?? -Infinity;
  }

  push(lane: Lane, priority: number): void {
    const heap = this.#heap;
    const entry = { lane, priority, order: this.#pushed++ };
    let place = heap.length;
    heap.push(entry);
    while (place > 0) {
      const parent = (place - 1) >> 1;
      const above = heap[parent];
      if (above === undefined || isBefore(above, entry)) break;
      heap[place] = above;
      place = parent;
    }
    heap[place] = entry;
  }

  /** Leaves out all others. Says whether there were any. O(n log n). */
  keep(which: (lane: Lane) => boolean): boolean {
    const all = this.#heap.splice(0);
    for (const { lane, priority } of all) if (which(lane)) this.push(lane, priority);
    return this.#heap.length < all.length;
  }

  pop(): Turn | null {
    const heap = this.#heap;
    const [top] = heap;
    const last = heap.pop();
    if (top === undefined || last === undefined || heap.length === 0) return top ?? null;
    let place = 0;
    for (;;) {
      let child = 2 * place + 1;
      const [left, right] = [heap[child], heap[child + 1]];
      if (left === undefined) break;
      const better = right !== undefined && isBefore(right, left) ? right : left;
      if (better === right) child++;
      if (isBefore(last, better)) break;
      heap[place] = better;
      place = child;
    }
    heap[place] = last;
    return top;
  }
}

function isBefore(one: Turn, other: Turn): boolean {
  return one.priority > other.priority || (one.priority === other.priority && one.order < other.order);
}
