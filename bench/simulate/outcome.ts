// What became of each request of a simulated run.

/** Times are from the request's arrival. */
export interface Outcome {
  /** Until it had a slot, or was given up. Waiting for its load, or for room to load, does not count. */
  waitedMs: number;
  inSystemMs: number;
  /** From when it was sent, the part of `waitedMs` that it waited in the replica; and whether it found every slot there taken. */
  queuedMs: number;
  foundFull: boolean;
  /** An isolate sent it by itself. */
  direct: boolean;
  cold: "warm" | "load" | "joined";
  /** How long its load took, and how many replicas, up or not, are before its own in the hint's hash order. Both 0 without a load. */
  loadMs: number;
  home: number;
  served: boolean;
  /** Its replica answered 500, or its answer was cut off. */
  failed: boolean;
  refused: "timed_out" | "queue_full" | null;
}

export interface Run {
  readonly outcomes: readonly Outcome[];
  readonly endMs: number;
}

export function blank(): Outcome {
  const sent = { queuedMs: 0, foundFull: false, direct: false };
  return { waitedMs: 0, inSystemMs: 0, ...sent, cold: "warm", loadMs: 0, home: 0, served: false, failed: false, refused: null };
}
