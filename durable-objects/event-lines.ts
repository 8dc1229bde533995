// The log's lines of what happens to replicas: one JSON line an event, but for what comes with traffic.
import { BOUNDS } from "../src/limits.ts";
import { EventLog, isOfTraffic } from "../src/routing/events/event-log.ts";
import type { EventKind, FleetEvent } from "../src/routing/events/event.ts";
import { viewEvent } from "../src/views/events.ts";
import { PerSecond } from "./per-second.ts";

const WARNINGS: ReadonlySet<EventKind> = new Set(["ejected", "expired", "hint_failed"]);

/** A log of events that writes these lines. */
export function loggedEvents(app: () => string | null): EventLog {
  const lines = new EventLines(app);
  return new EventLog((event) => lines.write(event));
}

export class EventLines {
  readonly #app: () => string | null;
  readonly #lines = new PerSecond(BOUNDS.eventLinesPerSecond);
  #leftOut = 0;

  constructor(app: () => string | null) {
    this.#app = app;
  }

  /** Writes the event's line, if it has one and there were not too many in this second. How many were left out is in the next line. */
  write(event: FleetEvent): void {
    if (!hasLine(event)) return;
    if (this.#lines.exceeded(event.atMs)) {
      this.#leftOut++;
      return;
    }
    const { kind, replica, detail, sequence } = viewEvent(event);
    const leftOut = this.#leftOut === 0 ? {} : { leftOut: this.#leftOut };
    this.#leftOut = 0;
    const line = JSON.stringify({ message: "event", kind, app: this.#app(), replica, detail, sequence, ...leftOut });
    if (WARNINGS.has(kind)) console.warn(line);
    else console.log(line);
  }
}

/** An object that starts without replicas, or wakes from hibernation, has lost nothing. */
function hasLine(event: FleetEvent): boolean {
  if (event.kind === "object_started") return event.restored > 0 && !event.hibernated;
  return !isOfTraffic(event);
}
