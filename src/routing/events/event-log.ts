// The last events of a fleet, in memory. What comes and goes with traffic is kept apart from the rest, so that a fleet that loads all the
// time does not push out what happened to its replicas.
import { LIMITS } from "../limits.ts";
import type { EventKind, FleetEvent, Happening } from "./event.ts";

/** Loads, advice to load, and drops. */
const OF_TRAFFIC: ReadonlySet<EventKind> = new Set(["loaded", "advised", "dropped"]);

export function isOfTraffic({ kind }: Pick<FleetEvent, "kind">): boolean {
  return OF_TRAFFIC.has(kind);
}

export class EventLog {
  readonly #tell: (event: FleetEvent) => void;
  readonly #ofTraffic = new Ring<FleetEvent>(LIMITS.eventsKept / 2);
  readonly #others = new Ring<FleetEvent>(LIMITS.eventsKept / 2);
  #last = 0;

  /** `tell` is called with each event as it is recorded. */
  constructor(tell: (event: FleetEvent) => void = () => {}) {
    this.#tell = tell;
  }

  /** The sequence of the last event; 0: there was none. */
  get last(): number {
    return this.#last;
  }

  /** O(1). */
  record(happening: Happening, now: number): void {
    const event: FleetEvent = { ...happening, sequence: ++this.#last, atMs: now };
    (isOfTraffic(event) ? this.#ofTraffic : this.#others).add(event);
    this.#tell(event);
  }

  /** The events that are kept with a higher sequence, in their order. O(n log n) in events that are kept. */
  after(sequence: number): FleetEvent[] {
    const events = [...this.#ofTraffic, ...this.#others].filter((event) => event.sequence > sequence);
    return events.sort((one, other) => one.sequence - other.sequence);
  }
}

/** Keeps the last so many of what is added. */
class Ring<T> implements Iterable<T> {
  readonly #most: number;
  readonly #items: T[] = [];
  /** The place of the oldest, once there are as many as are kept. */
  #oldest = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(item: T): void {
    if (this.#items.length < this.#most) this.#items.push(item);
    else {
      this.#items[this.#oldest] = item;
      this.#oldest = (this.#oldest + 1) % this.#most;
    }
  }

  [Symbol.iterator](): Iterator<T> {
    return this.#items.values();
  }
}
