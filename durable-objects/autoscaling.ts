// The Fleet object's side of autoscaling: what it remembers of the demand, and what an autoscaler is told.
import { BOUNDS } from "../src/limits.ts";
import type { Scheduler } from "../src/routing/scheduler.ts";
import { DemandHistory } from "../src/views/demand.ts";
import { scaleOf, type Scale, type ScaleOptions } from "../src/views/scale.ts";
import type { EarliestTimer } from "./earliest-timer.ts";

export class Autoscaling {
  readonly #scheduler: Scheduler;
  readonly #timer: EarliestTimer;
  readonly #history = new DemandHistory();
  /** Until when the object stays awake for what it remembers. */
  #keptUntilMs = 0;

  constructor(scheduler: Scheduler, timer: EarliestTimer) {
    this.#scheduler = scheduler;
    this.#timer = timer;
  }

  /** Something has changed: a request came or is over, replicas report. O(1). */
  note(now: number): void {
    this.#history.note(this.#scheduler, now);
    if (this.#scheduler.fleet.replicas.size === 0) this.#keep(this.#history.lastRequestMs, now);
  }

  /** A request came that takes no slot, and found no replica. */
  requested(now: number): void {
    this.#history.requested(now);
    this.note(now);
  }

  /** How many replicas the app should have. O(replicas). */
  scale(options: ScaleOptions, now: number): Scale {
    this.#history.note(this.#scheduler, now);
    const isIdle = this.#scheduler.fleet.replicas.size === 0 && now - this.#history.lastRequestMs >= options.windowMs;
    if (!isIdle) this.#keep(now, now);
    return scaleOf(this.#scheduler, this.#history, options, now);
  }

  /** Whether the object must stay awake. If so the timer is set. */
  isWatched(now: number): boolean {
    this.#keep(-Infinity, now);
    return this.#keptUntilMs > now;
  }

  /** An autoscaler may ask within a while from then on, and must be told the truth. */
  #keep(fromMs: number, now: number): void {
    this.#keptUntilMs = Math.max(this.#keptUntilMs, fromMs + BOUNDS.demandKeptMs);
    if (this.#keptUntilMs > now) this.#timer.wakeAt(this.#keptUntilMs);
  }
}
