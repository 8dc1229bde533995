// What became of each request of a simulated run.

export type Outcome = ReturnType<typeof blank>;

export interface Run {
  readonly outcomes: readonly Outcome[];
  readonly endMs: number;
  /** How long each load took that a replica made by advice, without a request. */
  readonly advisedLoadsMs: readonly number[];
}

/** Times are from the request's arrival. */
export function blank() {
  return {
    /** Until it had a slot, or was given up. Waiting for its load, or for room to load, does not count. */
    waitedMs: 0,
    inSystemMs: 0,
    /** The part of `waitedMs` that it waited in the replica, and whether it found every slot there taken. */
    ...{ queuedMs: 0, foundFull: false },
    /** An isolate sent it by itself. */
    direct: false,
    cold: "warm" as "warm" | "load" | "joined",
    /** How long its load took, and how many replicas, up or not, are before its own in the hint's hash order. Both 0 without a load. */
    ...{ loadMs: 0, home: 0 },
    served: false,
    /** Its replica answered 500, or its answer was cut off. */
    failed: false,
    refused: null as "timed_out" | "queue_full" | null,
  };
}
