// The router itself: the scheduler of src/routing with one of its policies, called as the Fleet object calls it. Nothing is decided here.
import { sweepOrphaning } from "../../../src/routing/ledger/membership.ts";
import type { Arrival } from "../../../src/routing/ledger/queue.ts";
import { answered, failed, finish } from "../../../src/routing/lifecycle.ts";
import type { Policy } from "../../../src/routing/policy/policy.ts";
import { adviceFor, announce } from "../../../src/routing/prewarm.ts";
import { expire, hear } from "../../../src/routing/registry.ts";
import * as scheduling from "../../../src/routing/scheduler.ts";
import type { MakeRouter } from "../router.ts";
import { Edge, type Dispatch } from "./isolates.ts";

export interface WarmpathOptions {
  /** Infinity: requests wait for ever. */
  readonly queueTimeoutMs: number;
  readonly queueLengthMax: number;
  readonly coldStartMs: number;
}

/** `policy`: makes a new one, which has seen nothing. `directly`: isolates that send by themselves; null: the object is asked for every request. */
export function warmpath(
  { queueTimeoutMs, ...options }: WarmpathOptions,
  policy: () => Policy,
  directly: Dispatch | null = null,
): MakeRouter {
  return (actions, { timeToLiveMs, heartbeatMs, random }) => {
    const scheduler = scheduling.createScheduler(policy(), options.coldStartMs);
    const { fleet } = scheduler;
    const edge = directly && new Edge(scheduler, directly, random);
    const arrivals = new Map<number, Arrival>();

    const pass = (id: number, outcome: scheduling.Outcome, now: number): void => {
      if (outcome.kind === "granted") return actions.send(id, Number(outcome.grant.replica.id));
      const why = outcome.refusal.kind;
      // The client sends the request again, to any replica.
      if (why === "no_other_replica" || why === "no_retry_left") return enqueue(id, [], now);
      arrivals.delete(id);
      actions.refuse(id, why === "timed_out" ? "timed_out" : "queue_full");
    };
    const dispatch = (now: number) => {
      for (const [id, outcome] of scheduling.dispatch(scheduler, options, now)) pass(id, outcome, now);
    };
    function enqueue(id: number, avoid: readonly string[], now: number): void {
      const arrival = arrivals.get(id);
      if (arrival === undefined) return;
      const result = scheduling.enqueue(scheduler, options, id, { ...arrival, avoid }, now);
      if (result.kind !== "waiting") pass(id, result, now);
      if (result.kind === "granted") dispatch(now);
    }
    const over = (id: number, now: number) => {
      arrivals.delete(id);
      if (edge?.finished(id, now) === true) return;
      finish(scheduler, id, now);
      dispatch(now);
    };

    return {
      report({ replica, ...said }, now) {
        const id = String(replica);
        const its = { app: "simulated", replica: id, origin: `http://${id}`, status: "ready" } as const;
        hear(scheduler, { ...its, ...said }, timeToLiveMs, now);
        dispatch(now);
        const known = fleet.replicas.get(id);
        return known === undefined ? null : adviceFor(scheduler, known, heartbeatMs, now);
      },
      announce: (hint, now) => announce(scheduler, [hint], now),
      arrive({ id, hint, costMs }, now) {
        arrivals.set(id, {
          ...{ hints: [hint], avoid: [], arrivedAtMs: now, deadlineMs: now + queueTimeoutMs },
          ...{ queueLengthMax: null, declaredMs: costMs, priority: "normal" },
        });
        const replica = edge?.send(id, hint, now) ?? null;
        if (replica === null) enqueue(id, [], now);
        else actions.send(id, Number(replica), true);
        if (edge !== null) dispatch(now);
      },
      answered(id, { status, hints }, now) {
        if (edge?.answered(id, { status, hints }, now) === true) return;
        if (status === 200) answered(scheduler, id, { kind: "success", hints }, now);
        else failed(scheduler, id, { kind: "error" }, hints, now);
        dispatch(now);
      },
      finished: over,
      brokeOff(id, now) {
        edge?.failed(id, { kind: "broken" }, now);
        failed(scheduler, id, { kind: "broken" }, null, now);
        over(id, now);
      },
      failed(id, now) {
        const replica = fleet.grants.get(id)?.replica.id ?? edge?.failed(id, { kind: "unreachable" }, now) ?? undefined;
        const arrival = arrivals.get(id);
        failed(scheduler, id, { kind: "unreachable" }, null, now);
        finish(scheduler, id, now);
        const avoid = [...(arrival?.avoid ?? []), ...(replica === undefined ? [] : [replica])];
        if (arrival !== undefined) arrivals.set(id, { ...arrival, avoid });
        enqueue(id, avoid, now);
        dispatch(now);
      },
      tick(now) {
        edge?.tick(now);
        expire(scheduler, timeToLiveMs, now);
        // The world has told of each request whose process is gone.
        sweepOrphaning(fleet, now);
        dispatch(now);
      },
      nextEventMs: () => Math.min(edge?.nextEventMs() ?? Infinity, scheduling.nextEventMs(scheduler)),
    };
  };
}
