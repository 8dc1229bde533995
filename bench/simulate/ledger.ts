// The books of a simulated run: what became of each request, what was loaded and why, how busy the slots were.

/** What became of one request. Times are from its arrival; 0 where it never came so far. */
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
  readonly busyMs: number;
  readonly endMs: number;
}

export class Ledger {
  readonly #outcomes: readonly Outcome[];
  readonly #counts = { loads: 0, firstLoads: 0, duplicateLoads: 0, busyMs: 0 };
  readonly #loadingNow = new Map<string, number>();
  /** Slots serving or loading, as of when. */
  #busy = 0;
  #busySinceMs = 0;

  constructor(requests: number) {
    const blank = { waitedMs: 0, inSystemMs: 0, cold: "warm", served: false, failed: false, refused: null } as const;
    this.#outcomes = Array.from({ length: requests }, () => ({ ...blank }));
  }

  of(id: number): Outcome {
    const outcome = this.#outcomes[id];
    if (outcome === undefined) throw new Error(`there is no request ${id}`);
    return outcome;
  }

  loadStarts(hint: string): void {
    const others = this.#loadingNow.get(hint);
    this.#counts.loads++;
    if (others === undefined) this.#counts.firstLoads++;
    else if (others > 0) this.#counts.duplicateLoads++;
    this.#loadingNow.set(hint, (others ?? 0) + 1);
  }

  loadEnds(hint: string): void {
    this.#loadingNow.set(hint, (this.#loadingNow.get(hint) ?? 1) - 1);
  }

  /** So many slots more are busy from now on. */
  countBusy(change: number, nowMs: number): void {
    this.#counts.busyMs += this.#busy * (nowMs - this.#busySinceMs);
    this.#busySinceMs = nowMs;
    this.#busy += change;
  }

  close(endMs: number): Run {
    return { outcomes: this.#outcomes, ...this.#counts, endMs };
  }
}
