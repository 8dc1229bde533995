// What a fleet was asked for of late, in steps of some seconds for about an hour: how many requests ran, and how much work waited. An autoscaler is answered
// by it (scale.ts). No decision of the router depends on it.
import { meanJobMs, meanServiceMs } from "../routing/model/model.ts";
import type { View } from "../routing/policy/policy.ts";
import { LIMITS } from "../routing/limits.ts";

/** One step, as it is told. */
export interface DemandStep {
  /** When it ended; the present moment for the last one. */
  readonly untilMs: number;
  /** The mean number of requests that ran, over `demandMeanMs` and at most a step more up to its end. */
  readonly running: number;
  /** The most work that waited at one moment of it, ms of one slot, and the ready slots of that moment. */
  readonly waitingMs: number;
  readonly slots: number;
}

interface Step {
  readonly number: number;
  /** For how long it was watched, and the sum over that time of the requests that ran. */
  watchedMs: number;
  runningMs: number;
  waitingMs: number;
  slots: number;
}

export class DemandHistory {
  /** Since when the fleet is watched; Infinity: it is not. */
  sinceMs = Infinity;
  /** When the last request came, whatever became of it; -Infinity: none did. */
  lastRequestMs = -Infinity;
  /** Oldest first, without gaps; at most `demandSteps`. */
  readonly #steps: Step[] = [];
  #atMs = 0;
  #arrivals = 0;
  #now = { running: 0, waitingMs: 0, slots: 0 };

  /** Notes how things are after a change, and that they were as before until now. O(1), after a long pause O(steps). */
  note(view: View, now: number): void {
    const { fleet, model } = view;
    if (this.sinceMs === Infinity) this.sinceMs = this.#atMs = now;
    this.#passUntil(now);
    // A fleet of which this is the first note may have had requests before the object began; the model has not.
    if (model.arrivals > this.#arrivals) this.requested(now);
    this.#arrivals = model.arrivals;
    this.#now = { running: fleet.running, waitingMs: waitingWorkMs(view), slots: fleet.slots };
    this.#see(this.#stepAt(now));
  }

  /** A request came. Only those that the model does not count need be told. */
  requested(now: number): void {
    this.lastRequestMs = now;
  }

  /** The steps of the time from so long ago on, oldest first. The last one is of this moment. Call `note` before. O(steps). */
  *stepsOf(windowMs: number, now: number): Generator<DemandStep> {
    // The last step has just begun, or is nearly over.
    const length = LIMITS.demandMeanMs / LIMITS.demandStepMs + 1;
    const sum = { watchedMs: 0, runningMs: 0 };
    for (const [place, step] of this.#steps.entries()) {
      const oldest = this.#steps[place - length];
      sum.watchedMs += step.watchedMs - (oldest?.watchedMs ?? 0);
      sum.runningMs += step.runningMs - (oldest?.runningMs ?? 0);
      const untilMs = Math.min(now, (step.number + 1) * LIMITS.demandStepMs);
      if (untilMs <= now - windowMs) continue;
      const running = sum.watchedMs > 0 ? sum.runningMs / sum.watchedMs : this.#now.running;
      yield { untilMs, running, waitingMs: step.waitingMs, slots: step.slots };
    }
  }

  /** Nothing has changed from the last note on until now. */
  #passUntil(now: number): void {
    const { demandStepMs, demandSteps } = LIMITS;
    let atMs = Math.max(this.#atMs, now - demandSteps * demandStepMs);
    while (atMs < now) {
      const step = this.#stepAt(atMs);
      const untilMs = Math.min(now, (step.number + 1) * demandStepMs);
      step.watchedMs += untilMs - atMs;
      step.runningMs += this.#now.running * (untilMs - atMs);
      this.#see(step);
      atMs = untilMs;
    }
    this.#atMs = Math.max(this.#atMs, now);
  }

  #stepAt(atMs: number): Step {
    const number = Math.floor(atMs / LIMITS.demandStepMs);
    const last = this.#steps.at(-1);
    // The clock may have been set back.
    if (last !== undefined && last.number >= number) return last;
    const step = { number, watchedMs: 0, runningMs: 0, waitingMs: -1, slots: 0 };
    this.#steps.push(step);
    if (this.#steps.length > LIMITS.demandSteps) this.#steps.shift();
    return step;
  }

  #see(step: Step): void {
    const { waitingMs, slots } = this.#now;
    // Of equal moments the last one counts, because slots come and go.
    if (waitingMs >= step.waitingMs) Object.assign(step, { waitingMs, slots });
  }
}

/** How long one slot would take for all that waits, if it is warm. Until a warm request has been served each counts as one job. O(1). */
export function waitingWorkMs({ queue, model }: View): number {
  if (queue.waiting.size === 0) return 0;
  return meanServiceMs(model) === 0 ? queue.waiting.size * meanJobMs(model) : queue.workMs + queue.lowWorkMs;
}
