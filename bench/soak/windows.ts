// A soak's course in windows of equal length: what ended in each, how long it took, and what the machine said at its end. Of a request
// nothing but its times is kept, and only until its window closes.
import { at, counted, short, sorted } from "../report.ts";

/** A request that has ended. Times are in ms; null: the request says nothing of that. */
export interface Ended {
  readonly outcome: string;
  readonly inSystemMs: number | null;
  /** In the router's queue, by the router's clock. */
  readonly queuedMs: number | null;
  /** Neither in the queue nor at the replica: the router's own share, with the way there and back. */
  readonly routerMs: number | null;
}

export type Window = ReturnType<typeof windowOf>;
export type Key = Exclude<keyof Window, "outcomes">;

/** What has ended since the last window. `controls`: how long requests took that go straight to a replica. */
export interface Open {
  ended: Ended[];
  controls: number[];
}

/** `at_s`: the end of the window, from the start of the run. `cpuMs`: CPU time of the router's process in the window. Null: nothing says. */
export function windowOf(at_s: number, lastedMs: number, { ended, controls }: Open, resident_mb: number, cpuMs: number) {
  const inSystem = sorted(ended.map(({ inSystemMs }) => inSystemMs));
  const queued = sorted(ended.map(({ queuedMs }) => queuedMs));
  const router = sorted(ended.map(({ routerMs }) => routerMs));
  const direct = sorted(controls);
  return {
    ...{ at_s: short(at_s), requests: ended.length, outcomes: counted(ended.map(({ outcome }) => outcome)), resident_mb },
    /** Of one core's time. */
    cpu_share: short(cpuMs / lastedMs),
    cpu_ms_per_request: ended.length === 0 ? null : short(cpuMs / ended.length),
    ...{ in_system_p50_ms: at(inSystem, 0.5), in_system_p95_ms: at(inSystem, 0.95), queue_p95_ms: at(queued, 0.95) },
    ...{ router_p50_ms: at(router, 0.5), router_p95_ms: at(router, 0.95) },
    /** What the machine alone costs. */
    ...{ control_p50_ms: at(direct, 0.5), control_p95_ms: at(direct, 0.95) },
  };
}
