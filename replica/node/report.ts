// A heartbeat as the router reads it, made from the options. The type is that of the router's own schema.
import type { HeartbeatJson } from "../../src/wire/heartbeat.ts";
import { sendable } from "./hints.ts";
import type { FleetOptions } from "./options.ts";

export type Status = NonNullable<HeartbeatJson["status"]>;

/** What changes from one heartbeat to the next and is not the replica's to say. */
export interface Numbering {
  readonly incarnation: number;
  readonly sequence: number;
  readonly status: Status;
  /** Null: not said. */
  readonly inFlight: number | null;
  /** Null: the replica does not specialise. */
  readonly hints: readonly string[] | null;
}

/** The whole of it each time: whichever report arrives last is the truth. */
export function reportOf(options: FleetOptions, numbering: Numbering): HeartbeatJson {
  const { app, replica, origin, hintSlots, concurrency } = options;
  return {
    ...{ app, replica, origin },
    incarnation: numbering.incarnation,
    sequence: numbering.sequence,
    hints: numbering.hints === null ? null : [...numbering.hints],
    hint_slots: (typeof hintSlots === "function" ? hintSlots() : hintSlots) ?? null,
    concurrency: (typeof concurrency === "function" ? concurrency() : concurrency) ?? 1,
    in_flight: numbering.inFlight,
    status: numbering.status,
  };
}

/** The present hints, and what is wrong with those that can't be sent. Throws what the option's function throws. */
export function presentHints({ hints }: FleetOptions): {
  readonly hints: readonly string[] | null;
  readonly faults: readonly string[];
} {
  const list = typeof hints === "function" ? hints() : (hints ?? null);
  return list === null ? { hints: null, faults: [] } : sendable(list);
}
