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
}

export type Window = ReturnType<typeof windowOf>;
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
    const span = { at_s: Math.round(nowMs - this.#startMs) / 1000, lastedMs: nowMs - this.#openedMs };
    const window = windowOf(span, this.ended, this.controls, reading);
    this.closed.push(window);
    this.#openedMs = nowMs;
    [this.ended, this.controls] = [[], []];
    return window;
  }
}

/** `at_s`: its end, from the start of the run. Times are in ms; null: nothing ended in it that says. */
function windowOf(
  { at_s, lastedMs }: { at_s: number; lastedMs: number },
  ended: readonly Ended[],
  direct: readonly number[],
  reading: Reading,
) {
  const inSystem = sorted(ended.map(({ inSystemMs }) => inSystemMs));
  const queued = sorted(ended.map(({ queuedMs }) => queuedMs));
  const router = sorted(ended.map(({ routerMs }) => routerMs));
  const controls = sorted(direct);
  return {
    ...{ at_s, requests: ended.length, outcomes: counted(ended.map(({ outcome }) => outcome)), ...reading },
    cpu_ms_per_request: ended.length === 0 ? null : short((reading.cpu_share * lastedMs) / ended.length),
    ...{ in_system_p50_ms: at(inSystem, 0.5), in_system_p95_ms: at(inSystem, 0.95), queue_p95_ms: at(queued, 0.95) },
    ...{ router_p50_ms: at(router, 0.5), router_p95_ms: at(router, 0.95) },
    /** Requests that go straight to a replica: what the machine alone makes of it. */
    ...{ control_p50_ms: at(controls, 0.5), control_p95_ms: at(controls, 0.95) },
  };
}
