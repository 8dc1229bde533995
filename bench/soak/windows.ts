// A soak's course in windows of equal length: what ended in each, how long it took, and what the machine said at its end. Keeps of a request
// nothing but its times, and of those only until the window closes.
import { at, counted, short, sorted } from "../report.ts";

/** A request that has ended, in ms; null: it says nothing of that. */
export interface Ended {
  readonly outcome: string;
  readonly inSystemMs: number | null;
  /** In the router's queue, by its own clock. */
  readonly queuedMs: number | null;
  /** Neither in the queue nor at the replica: the router's own share, with the way there and back. */
  readonly routerMs: number | null;
}

/** At the end of a window. */
export interface Reading {
  readonly resident_mb: number;
  /** CPU time of the router in the window, of one core's. */
  readonly cpu_share: number;
  /** For how much of the time that it wanted a processor others had them; null: the system does not say. */
  readonly starved_share: number | null;
  readonly waiting: number;
  readonly in_flight: number;
}

/** Times are in ms; null: nothing ended in the window that says. */
export interface Window extends Reading {
  /** The end of the window, from the start of the run. */
  readonly at_s: number;
  readonly requests: number;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly cpu_ms_per_request: number | null;
  readonly in_system_p50_ms: number | null;
  readonly in_system_p95_ms: number | null;
  readonly queue_p95_ms: number | null;
  readonly router_p50_ms: number | null;
  readonly router_p95_ms: number | null;
  /** Requests that go straight to a replica: what the machine alone makes of it. */
  readonly control_p50_ms: number | null;
  readonly control_p95_ms: number | null;
}

export type Key = Exclude<keyof Window, "outcomes">;

export class Windows {
  readonly #startMs: number;
  #openedMs: number;
  ended: Ended[] = [];
  controls: number[] = [];
  readonly closed: Window[] = [];

  constructor(startMs: number) {
    this.#startMs = startMs;
    this.#openedMs = startMs;
  }

  close(nowMs: number, reading: Reading): Window {
    const inSystem = sorted(this.ended.map(({ inSystemMs }) => inSystemMs));
    const router = sorted(this.ended.map(({ routerMs }) => routerMs));
    const controls = sorted(this.controls);
    const requests = this.ended.length;
    const cpuMs = reading.cpu_share * (nowMs - this.#openedMs);
    const window = {
      ...{
        at_s: Math.round(nowMs - this.#startMs) / 1000,
        requests,
        outcomes: counted(this.ended.map(({ outcome }) => outcome)),
      },
      ...reading,
      cpu_ms_per_request: requests === 0 ? null : short(cpuMs / requests),
      ...{ in_system_p50_ms: at(inSystem, 0.5), in_system_p95_ms: at(inSystem, 0.95) },
      queue_p95_ms: at(sorted(this.ended.map(({ queuedMs }) => queuedMs)), 0.95),
      ...{ router_p50_ms: at(router, 0.5), router_p95_ms: at(router, 0.95) },
      ...{ control_p50_ms: at(controls, 0.5), control_p95_ms: at(controls, 0.95) },
    };
    this.closed.push(window);
    this.#openedMs = nowMs;
    [this.ended, this.controls] = [[], []];
    return window;
  }
}
