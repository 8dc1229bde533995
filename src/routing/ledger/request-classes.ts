// The lanes of a waiting room. A round of binding looks at each of them, and most of what it would cost with a thousand lanes is fetching
// their numbers from all over memory. So these stand in columns, each an array of numbers, and a lane is a row.
import { deferredUntilMs, urgencyOf, type Priority } from "../policy/priority.ts";
import type { Waiting } from "./queue.ts";

/** Requests that want the same and may be taken in turn. */
export interface Lane {
  readonly key: string;
  readonly hints: readonly string[];
  /** Its requests may go everywhere. */
  readonly open: boolean;
  readonly priority: Priority;
  /** Oldest first; never empty while the room knows the lane. */
  readonly queue: Waiting[];
  /** Its place in the columns; another one when a lane has closed, and none (`CLOSED`) when it has itself. */
  row: number;
}

const CLOSED = -1;

export class Lanes implements Iterable<Lane> {
  readonly #byKey = new Map<string, Lane>();
  readonly rows: Lane[] = [];
  /** How many wait in it. */
  readonly waiting: number[] = [];
  /** Of its first. */
  readonly arrivedAtMs: number[] = [];
  readonly deadlineMs: number[] = [];
  readonly loadMs: number[] = [];
  /** How long its first is expected to hold a slot; NaN: to be estimated anew, because one of its hint was served or another is the first. */
  readonly servingMs: number[] = [];
  /** Until then its first waits behind all that are not low; -Infinity: it is not low. */
  readonly deferredUntilMs: number[] = [];
  /** Until then its requests would rather wait for a warm replica than load. */
  readonly patientUntilMs: number[] = [];
  /** How many times sooner it is than others. */
  readonly urgency: number[] = [];
  /** The last round in which it could have found a free warm replica when it was looked at; Infinity: it wants no hint. */
  readonly warmInRound: number[] = [];
  readonly #columns: readonly number[][];

  constructor() {
    const { waiting, arrivedAtMs, deadlineMs, loadMs, servingMs, deferredUntilMs: deferred, patientUntilMs, urgency } = this;
    this.#columns = [waiting, arrivedAtMs, deadlineMs, loadMs, servingMs, deferred, patientUntilMs, urgency, this.warmInRound];
  }

  get size(): number {
    return this.rows.length;
  }

  get(key: string): Lane | undefined {
    return this.#byKey.get(key);
  }

  [Symbol.iterator](): Iterator<Lane> {
    return this.rows.values();
  }

  /** Nobody is in it yet. */
  open(key: string, { hints, avoid, priority }: Pick<Waiting, "hints" | "avoid" | "priority">): Lane {
    const lane: Lane = { key, hints, open: avoid.length === 0, priority, queue: [], row: this.rows.length };
    this.#byKey.set(key, lane);
    this.rows.push(lane);
    for (const column of this.#columns) column.push(0);
    this.urgency[lane.row] = urgencyOf(priority);
    this.warmInRound[lane.row] = hints.length === 0 ? Infinity : 0;
    return lane;
  }

  /** The last lane takes its row. O(1). */
  close(lane: Lane): void {
    const { key, row } = lane;
    this.#byKey.delete(key);
    lane.row = CLOSED;
    const last = this.rows.pop();
    if (last !== undefined && last !== lane) {
      this.rows[row] = last;
      last.row = row;
    }
    for (const column of this.#columns) {
      const its = column.pop() ?? 0;
      if (row < column.length) column[row] = its;
    }
  }

  /** Its queue has changed; `first`: and who is the first there. */
  changed({ queue, priority, row }: Lane, first: boolean): void {
    this.waiting[row] = queue.length;
    const [head] = queue;
    if (!first || head === undefined) return;
    this.arrivedAtMs[row] = head.arrivedAtMs;
    this.deadlineMs[row] = head.deadlineMs;
    this.loadMs[row] = head.loadMs;
    this.servingMs[row] = NaN;
    this.deferredUntilMs[row] = priority === "low" ? deferredUntilMs(head) : -Infinity;
  }
}
