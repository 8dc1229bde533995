// The books of a simulated run: what became of each request, what was loaded and why, how busy the slots were.

/** What became of one request. Times are from its arrival; null where it never came so far. */
export interface Outcome {
  /** Until it had a slot, or was given up. Waiting for its load, or for room to load, is not in it. */
  waitedMs: number;
  inSystemMs: number;
  cold: "warm" | "load" | "joined";
  served: boolean;
  /** Its replica answered 500, or its answer was cut off. */
  failed: boolean;
  refused: "timed_out" | "queue_full" | null;
}

export interface Run {
  readonly outcomes: readonly Outcome[];
  readonly loads: number;
  /** Loads of a hint that no replica had loaded before. */
  readonly firstLoads: number;
  /** Loads of a hint while another replica was loading it. */
  readonly duplicateLoads: number;
  /** Time that slots were held by loads. */
  readonly loadMs: number;
  /** Loads on the first replica of the hint's hash order, and on the second; of all replicas, up or not. */
  readonly firstHomeLoads: number;
  readonly secondHomeLoads: number;
  readonly busyMs: number;
  readonly endMs: number;
}

export class Ledger {
  readonly outcomes: readonly Outcome[];
  readonly #loadingNow = new Map<string, number>();
  readonly #everLoaded = new Set<string>();
  #loads = 0;
  #firstLoads = 0;
  #duplicateLoads = 0;
  #loadMs = 0;
  readonly #homeLoads = [0, 0];
  /** Slots serving or loading, as of when. */
  #busy = 0;
  #busySinceMs = 0;
  #busyMs = 0;

  constructor(requests: number) {
    this.outcomes = Array.from({ length: requests }, () => ({
      waitedMs: 0,
      inSystemMs: 0,
      cold: "warm",
      served: false,
      failed: false,
      refused: null,
    }));
  }

  of(id: number): Outcome {
    const outcome = this.outcomes[id];
    if (outcome === undefined) throw new Error(`there is no request ${id}`);
    return outcome;
  }

  /** `home`: how many replicas are before this one in the hint's hash order. */
  loadStarts(hint: string, takesMs: number, home: number): void {
    const others = this.#loadingNow.get(hint) ?? 0;
    this.#loads++;
    this.#loadMs += takesMs;
    this.#homeLoads[home] = (this.#homeLoads[home] ?? 0) + 1;
    if (!this.#everLoaded.has(hint)) this.#firstLoads++;
    else if (others > 0) this.#duplicateLoads++;
    this.#everLoaded.add(hint);
    this.#loadingNow.set(hint, others + 1);
  }

  loadEnds(hint: string): void {
    this.#loadingNow.set(hint, (this.#loadingNow.get(hint) ?? 1) - 1);
  }

  /** So many slots more are busy from now on. */
  countBusy(change: number, nowMs: number): void {
    this.#busyMs += this.#busy * (nowMs - this.#busySinceMs);
    this.#busySinceMs = nowMs;
    this.#busy += change;
  }

  close(endMs: number): Run {
    return {
      outcomes: this.outcomes,
      loads: this.#loads,
      firstLoads: this.#firstLoads,
      duplicateLoads: this.#duplicateLoads,
      loadMs: this.#loadMs,
      firstHomeLoads: this.#homeLoads[0] ?? 0,
      secondHomeLoads: this.#homeLoads[1] ?? 0,
      busyMs: this.#busyMs,
      endMs,
    };
  }
}
