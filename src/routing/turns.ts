// Lanes by the priority of their heads: a binary heap (Williams, "Heapsort", CACM 7(6), 1964). Its columns are arrays of their own, so that a
// round over a thousand lanes makes no thousand objects.
import type { Lane } from "./waiting-room.ts";

/** A lane and how urgent it is to serve its head. */
export interface Turn {
  readonly lane: Lane;
  readonly priority: number;
}

/** The highest first; among equals whose head came first. */
export class Turns {
  readonly #lanes: Lane[] = [];
  readonly #priorities: number[] = [];

  highest(): number {
    return this.#priorities[0] ?? -Infinity;
  }

  push(lane: Lane, priority: number): void {
    this.#rise(this.#lanes.length, lane, priority);
  }

  pop(): Turn | null {
    const [lane] = this.#lanes;
    const priority = this.highest();
    const last = this.#lanes.pop();
    const lastPriority = this.#priorities.pop() ?? 0;
    if (lane === undefined || last === undefined) return null;
    if (this.#lanes.length > 0) this.#sink(last, lastPriority);
    return { lane, priority };
  }

  /** Leaves out all others. Says whether there were any. O(n log n). */
  keep(which: (lane: Lane) => boolean): boolean {
    const lanes = this.#lanes.splice(0);
    const priorities = this.#priorities.splice(0);
    for (const [place, lane] of lanes.entries()) if (which(lane)) this.push(lane, priorities[place] ?? 0);
    return this.#lanes.length < lanes.length;
  }

  #rise(from: number, lane: Lane, priority: number): void {
    let place = from;
    while (place > 0) {
      const parent = (place - 1) >> 1;
      if (this.#isBefore(parent, lane, priority)) break;
      this.#move(parent, place);
      place = parent;
    }
    this.#put(place, lane, priority);
  }

  #sink(lane: Lane, priority: number): void {
    const { length } = this.#lanes;
    let place = 0;
    for (let child = 1; child < length; child = 2 * place + 1) {
      const right = child + 1;
      const [left, itsPriority] = [this.#lanes[child], this.#priorities[child] ?? 0];
      if (right < length && left !== undefined && this.#isBefore(right, left, itsPriority)) child = right;
      if (!this.#isBefore(child, lane, priority)) break;
      this.#move(child, place);
      place = child;
    }
    this.#put(place, lane, priority);
  }

  #isBefore(place: number, lane: Lane, priority: number): boolean {
    const its = this.#priorities[place] ?? 0;
    return its > priority || (its === priority && cameBefore(this.#lanes[place], lane));
  }

  #move(from: number, to: number): void {
    const lane = this.#lanes[from];
    if (lane !== undefined) this.#put(to, lane, this.#priorities[from] ?? 0);
  }

  #put(place: number, lane: Lane, priority: number): void {
    this.#lanes[place] = lane;
    this.#priorities[place] = priority;
  }
}

function cameBefore(one: Lane | undefined, other: Lane): boolean {
  const [first, second] = [one?.queue[0], other.queue[0]];
  if (first === undefined || second === undefined) return first !== undefined;
  return first.arrivedAtMs < second.arrivedAtMs || (first.arrivedAtMs === second.arrivedAtMs && first.id < second.id);
}
