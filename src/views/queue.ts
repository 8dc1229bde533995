// Which requests wait, and why each of them does. Changes nothing, but that slots which were withheld for long enough are free again.
import { classOf, type Priority, type RequestClass, type Waiting } from "../routing/ledger/queue.ts";
import { endWithheld } from "../routing/ledger/residency.ts";
import { LIMITS } from "../routing/limits.ts";
import { byArrival } from "../routing/policy/order.ts";
import type { Scheduler } from "../routing/scheduler.ts";
import { round } from "./round.ts";

export interface WaitingView {
  readonly hints: readonly string[];
  readonly priority: Priority;
  readonly waited_ms: number;
  readonly deadline_in_ms: number;
  /**
   * `full`: no slot is free that it may have. `hold`: one is, and a warm replica is worth waiting for. `recovering`: the object has just started.
   * `no_replicas`: none is ready. `next`: the next decision may send it.
   */
  readonly why: "full" | "hold" | "recovering" | "no_replicas" | "next";
  /** With `hold`, of the first that waits for the same: when a warm replica is expected to take it, and the longest wait that is better than a load. */
  readonly expected_wait_s: number | null;
  readonly worth_waiting_s: number | null;
}

export interface QueueView {
  /** Oldest first, at most 100. */
  readonly waiting: readonly WaitingView[];
  readonly total: number;
  readonly by_priority: Readonly<Record<Priority, number>>;
}

type Cause = Pick<WaitingView, "why" | "expected_wait_s" | "worth_waiting_s">;

/** The policy is asked once for each class of those shown. O(n log n) in waiting requests. */
export function viewQueue(scheduler: Scheduler, now: number): QueueView {
  const { fleet, queue } = scheduler;
  endWithheld(fleet, now);
  const causes = new Map<RequestClass | undefined, Cause>();
  const shown = [...queue.waiting.values()].sort(byArrival).slice(0, LIMITS.waitingShown);
  return {
    waiting: shown.map((request) => ({
      hints: request.hints,
      priority: request.priority,
      waited_ms: Math.max(0, now - request.arrivedAtMs),
      deadline_in_ms: Math.max(0, request.deadlineMs - now),
      ...causeOf(request),
    })),
    total: queue.waiting.size,
    by_priority: { ...queue.count },
  };

  function causeOf(request: Waiting): Cause {
    const its = classOf(queue, request);
    let cause = causes.get(its);
    if (cause === undefined) causes.set(its, (cause = why(scheduler, its, now)));
    return cause;
  }
}

function why(scheduler: Scheduler, its: RequestClass | undefined, now: number): Cause {
  const { fleet, policy, recoveringUntilMs } = scheduler;
  const none = { expected_wait_s: null, worth_waiting_s: null };
  if (recoveringUntilMs > 0) return { why: "recovering", ...none };
  if (fleet.free.size + fleet.busy.size === 0) return { why: "no_replicas", ...none };
  const pick = fleet.free.size === 0 || its === undefined ? null : policy.pick(scheduler, [its], now);
  if (pick === null) return { why: "full", ...none };
  if (pick.kind === "send") return { why: "next", ...none };
  return { why: "hold", expected_wait_s: round(pick.expectedMs / 1000), worth_waiting_s: round(pick.worthMs / 1000) };
}
