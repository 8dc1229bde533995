// The last hour by minute: what the counters were when each minute began. A minute's own figures are the differences of two such marks. No minute is
// marked in which nothing happens, and no timer runs for it: whoever drives the scheduler calls `note` before anything is counted.
import { LIMITS } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import type { LoadKind } from "./labels.ts";

/** What is kept of the counters. All of these only grow. */
export interface Counts {
  readonly granted: Scheduler["counters"]["granted"];
  /** Of these, the ones that made a replica load. */
  readonly cold: number;
  readonly refused: number;
  readonly failed: number;
  readonly ejections: number;
  readonly retries: number;
  readonly loads: Readonly<Record<LoadKind, number>>;
  readonly loadSeconds: number;
  /** The buckets of the histograms of waits and of service times. */
  readonly waits: readonly number[];
  readonly services: readonly number[];
}

/** The counters as they were when the minute began, and at its end; the running minute's end is now. */
export interface Minute {
  readonly startMs: number;
  readonly before: Counts;
  readonly after: Counts;
}

const MINUTE_MS = 60_000;

export class History {
  readonly #scheduler: Scheduler;
  /** Oldest first; the last is of the minute in which something happened last. */
  readonly #marks: { readonly startMs: number; readonly counts: Counts }[] = [];
  /** When the running minute ends. */
  #nextMs: number;

  /** The counters are taken to be as they were when the minute of that time began. */
  constructor(scheduler: Scheduler, now: number) {
    this.#scheduler = scheduler;
    this.#nextMs = now;
    this.note(now);
  }

  /** Called before something is counted at that time. One comparison, unless a minute has begun since the last call. */
  note(now: number): void {
    if (now < this.#nextMs) return;
    const startMs = minuteOf(now);
    this.#nextMs = startMs + MINUTE_MS;
    this.#marks.push({ startMs, counts: countsOf(this.#scheduler) });
    if (this.#marks.length > LIMITS.historyMinutes + 1) this.#marks.shift();
  }

  /** The minutes of the last hour since the counting began, oldest first, and last the running one: at most `historyMinutes` and one. O(minutes). */
  minutes(now: number): Minute[] {
    this.note(now);
    const endMs = this.#nextMs;
    const firstMs = endMs - (LIMITS.historyMinutes + 1) * MINUTE_MS;
    const minutes: Minute[] = [];
    for (const [place, { startMs, counts: before }] of this.#marks.entries()) {
      const next = this.#marks[place + 1] ?? { startMs: endMs, counts: countsOf(this.#scheduler) };
      const after = next.counts;
      if (startMs >= firstMs) minutes.push({ startMs, before, after });
      // Nothing happened from then until the next mark.
      const quietMs = Math.max(startMs + MINUTE_MS, firstMs);
      for (let atMs = quietMs; atMs < next.startMs; atMs += MINUTE_MS) minutes.push({ startMs: atMs, before: after, after });
    }
    return minutes;
  }
}

function minuteOf(now: number): number {
  return Math.floor(now / MINUTE_MS) * MINUTE_MS;
}

function countsOf({ counters, metrics }: Scheduler): Counts {
  return {
    granted: { ...counters.granted },
    cold: counters.cold,
    refused: sum(counters.refused),
    failed: sum(counters.failed),
    ejections: counters.ejected,
    retries: metrics.retries,
    loads: { ...metrics.loads },
    loadSeconds: sum(metrics.loadSeconds),
    waits: [...metrics.queueWait.counts],
    services: [...metrics.service.counts],
  };
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}
