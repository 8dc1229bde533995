// How many heartbeats a fleet takes in a second.
import type { Metrics } from "../src/routing/metrics/metrics.ts";

export class HeartbeatRate {
  readonly #limit: number;
  readonly #metrics: Metrics;
  #second = 0;
  #count = 0;

  constructor(limit: number, metrics: Metrics) {
    this.#limit = limit;
    this.#metrics = metrics;
  }

  /** One more has come. Gives the limit if that is one too many in this second; null: it is not. */
  exceeded(now: number): number | null {
    const second = Math.floor(now / 1000);
    if (second !== this.#second) [this.#second, this.#count] = [second, 0];
    if (++this.#count <= this.#limit) return null;
    this.#metrics.heartbeats.rate_limited++;
    return this.#limit;
  }
}
