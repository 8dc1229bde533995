// Lanes by the priority of their heads: a binary heap (Williams, "Heapsort", CACM 7(6), 1964), built all at once when it is first asked
// (Floyd, "Treesort 3", CACM 7(12), 1964). Its columns are arrays of their own, so that a round over a thousand lanes makes no thousand objects.
import type { Lane } from "../ledger/request-classes.ts";

/** A lane and how urgent it is to serve its head. */
export interface Turn {
  readonly lane: Lane;
  readonly priority: number;
}

/** The highest first; among equals whose head came first. */
export class Turns {
  readonly #lanes: Lane[] = [];
  readonly #priorities: number[] = [];
  #built = false;

  highest(): number {
    this.#build();
    return this.#priorities[0] ?? -Infinity;
  }

  push(lane: Lane, priority: number): void {
    if (this.#built) this.#rise(this.#lanes.length, lane, priority);
    else this.#put(this.#lanes.length, lane, priority);
  }

  pop(): Turn | null {
    const priority = this.highest();
    const lane = this.#lanes[0];
    const last = this.#lanes.pop();
    const lastPriority = this.#priorities.pop() ?? 0;
    if (lane === undefined || last === undefined) return null;
    if (this.#lanes.length > 0) this.#sink(0, last, lastPriority);
    return { lane, priority };
  }

  /** Leaves out all others. Says whether there were any. O(n). */
  keep(which: (lane: Lane) => boolean): boolean {
    const lanes = this.#lanes.splice(0);
    const priorities = this.#priorities.splice(0);
    this.#built = false;
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

  #build(): void {
    if (this.#built) return;
    this.#built = true;
    for (let place = (this.#lanes.length >> 1) - 1; place >= 0; place--) {
      const lane = this.#lanes[place];
      if (lane !== undefined) this.#sink(place, lane, this.#priorities[place] ?? 0);
    }
  }

  #sink(from: number, lane: Lane, priority: number): void {
    const { length } = this.#lanes;
    let place = from;
    for (let child = 2 * place + 1; child < length; child = 2 * place + 1) {
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
