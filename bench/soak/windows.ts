// A soak's course in windows of equal length: what ended in each, how long it took, and what the machine said at its end. Of a request
// nothing but its times is kept, and only until its window closes.
import { queuedMsOf, type Came, type Run } from "../live/records.ts";
import { at, counted, short, sorted } from "../report.ts";

export type Window = ReturnType<typeof windowOf>;
export type Key = Exclude<keyof Window, "outcomes">;

/** What has ended since the last window. `controls`: how long requests took that go straight to a replica. */
export interface Open {
  ended: ReturnType<typeof endedOf>[];
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

/**
 * A request that has ended, with its runs at replicas. Times are in ms. `routerMs`: neither in the queue, by the router's clock, nor at the
 * replica, so the router's own share, with the way there and back. Null: the request says nothing of that.
 */
export function endedOf(outcome: string, came: Came, [run, ...others]: readonly Run[]) {
  const queuedMs = queuedMsOf(came);
  const heldMs = heldMsOf(run);
  if (outcome !== "200" || others.length > 0 || queuedMs === null || heldMs === null) {
    return { outcome, inSystemMs: null, queuedMs: null, routerMs: null };
  }
  const inSystemMs = came.endedMs - came.sentMs;
  return { outcome, inSystemMs, queuedMs, routerMs: Math.max(0, inSystemMs - queuedMs - heldMs) };
}

export function heldMsOf(run: Run | undefined): number | null {
  return run === undefined || run.endedMs === null ? null : run.endedMs - run.beganMs;
}
