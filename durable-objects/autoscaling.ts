// The Fleet object's side of autoscaling: what it remembers of the demand, what an autoscaler is told, and whom an app without replicas asks for one.
import { BOUNDS } from "../src/limits.ts";
import type { Scheduler } from "../src/routing/scheduler.ts";
import { DemandHistory } from "../src/views/demand.ts";
import { SCALE_DEFAULTS, scaleOf, type Scale, type ScaleOptions } from "../src/views/scale.ts";
import { returnUntilMs } from "../src/routing/refusals.ts";
import type { Settings } from "../src/settings/settings.ts";
import type { EarliestTimer } from "./earliest-timer.ts";
import { ScaleWebhook } from "./scale-webhook.ts";

export class Autoscaling {
  readonly #scheduler: Scheduler;
  readonly #timer: EarliestTimer;
  readonly #history = new DemandHistory();
  readonly #app: () => string | null;
  /** Null: nobody can be asked. */
  readonly #webhook: ScaleWebhook | null;
  /** Until when the object stays awake for what it remembers. */
  #keptUntilMs = 0;

  constructor(
    app: () => string | null,
    { SCALE_WEBHOOK, SCALE_WEBHOOK_TOKEN }: Settings,
    scheduler: Scheduler,
    timer: EarliestTimer,
  ) {
    this.#app = app;
    this.#scheduler = scheduler;
    this.#timer = timer;
    this.#webhook = SCALE_WEBHOOK === null ? null : new ScaleWebhook(SCALE_WEBHOOK, SCALE_WEBHOOK_TOKEN);
    scheduler.fleet.startsOnDemand = this.#webhook !== null;
  }

  /** Something has changed: a request came or is over, replicas report. O(1). */
  note(now: number): void {
    this.#history.note(this.#scheduler, now);
    if (this.#scheduler.fleet.replicas.size === 0) this.#keep(this.#history.lastRequestMs, now);
    if (this.#webhook !== null) this.#askForReplica(this.#webhook, now);
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

  /** If a request has come just now or waits, and no replica is ready or starting. While one waits it is asked again from time to time. */
  #askForReplica(webhook: ScaleWebhook, now: number): void {
    const { queue, fleet } = this.#scheduler;
    const waiting = queue.waiting.size;
    if ((waiting === 0 && this.#history.lastRequestMs !== now) || returnUntilMs(fleet) === Infinity) return;
    webhook.call(() => {
      const { desired_replicas } = scaleOf(this.#scheduler, this.#history, SCALE_DEFAULTS, now);
      return { app: this.#app() ?? "", reason: "no_replicas", waiting, desired_replicas };
    }, now);
    if (waiting > 0) this.#timer.wakeAt(webhook.dueAtMs);
  }

  /** An autoscaler may ask within a while from then on, and must be told the truth. */
  #keep(fromMs: number, now: number): void {
    this.#keptUntilMs = Math.max(this.#keptUntilMs, fromMs + BOUNDS.demandKeptMs);
    if (this.#keptUntilMs > now) this.#timer.wakeAt(this.#keptUntilMs);
  }
}
