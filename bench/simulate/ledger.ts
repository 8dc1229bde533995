// The books of a simulated run: what became of each request.

/** Times are from its arrival; 0 where it never came so far. */
export interface Outcome {
  /** Until it had a slot, or was given up. Waiting for its load, or for room to load, is not in it. */
  waitedMs: number;
  inSystemMs: number;
  cold: "warm" | "load" | "joined";
  /** How long its load took, and how many replicas are before its own in the hint's hash order, up or not; both 0 without a load. */
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
  return { waitedMs: 0, inSystemMs: 0, cold: "warm", loadMs: 0, home: 0, served: false, failed: false, refused: null };
}
