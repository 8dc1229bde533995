// The router itself: the scheduler of src/routing with one of its policies, called as the Fleet object calls it. Nothing is decided here.
import { applyHeartbeat, sweepOrphaning } from "../../../src/routing/ledger/membership.ts";
import type { Arrival } from "../../../src/routing/ledger/queue.ts";
import { answered, failed, finish } from "../../../src/routing/lifecycle.ts";
import type { Policy } from "../../../src/routing/policy/policy.ts";
import * as scheduling from "../../../src/routing/scheduler.ts";
import type { Answer, MakeRouter } from "../router.ts";
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
  return (actions, { timeToLiveMs, random }) => {
    const scheduler = scheduling.createScheduler(policy(), options.coldStartMs);
    const { fleet } = scheduler;
    const edge = directly && new Edge(scheduler, directly, random);
    const arrivals = new Map<number, Arrival>();
    const failedAt = new Map<number, string[]>();

    const pass = (id: number, outcome: scheduling.Outcome, now: number): void => {
      if (outcome.kind === "granted") return actions.send(id, Number(outcome.grant.replica.id));
      const why = outcome.refusal.kind;
      // Its client sends it again.
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

    return {
      report(report, now) {
        const { replica, incarnation, sequence, hints, hintSlots, concurrency, inFlight } = report;
        const id = String(replica);
        const said = { incarnation, sequence, hints, hintSlots, concurrency, inFlight, status: "ready" } as const;
        applyHeartbeat(fleet, { app: "simulated", replica: id, origin: `http://${id}`, ...said }, timeToLiveMs, now);
        dispatch(now);
      },
      arrive({ id, hint, costMs }, now) {
        const deadlineMs = now + queueTimeoutMs;
        arrivals.set(id, {
          hints: [hint],
          avoid: [],
          arrivedAtMs: now,
          deadlineMs,
          queueLengthMax: null,
          declaredMs: costMs,
          priority: "normal",
        });
        const replica = edge?.send(id, hint, now) ?? null;
        if (replica === null) enqueue(id, [], now);
        else actions.send(id, Number(replica), true);
        if (edge !== null) dispatch(now);
      },
      answered(id, answer, now) {
        if (edge?.answered(id, answer, now) === true) return;
        tellAnswer(scheduler, id, answer, now);
        dispatch(now);
      },
      finished(id, now) {
        arrivals.delete(id);
        failedAt.delete(id);
        if (edge?.finished(id, now) === true) return;
        finish(scheduler, id, now);
        dispatch(now);
      },
      brokeOff(id, now) {
        arrivals.delete(id);
        failedAt.delete(id);
        if ((edge?.failed(id, { kind: "broken" }, now) ?? null) !== null) return;
        failed(scheduler, id, { kind: "broken" }, null, now);
        finish(scheduler, id, now);
        dispatch(now);
      },
      failed(id, now) {
        const replica = fleet.grants.get(id)?.replica.id ?? edge?.failed(id, { kind: "unreachable" }, now) ?? undefined;
        failed(scheduler, id, { kind: "unreachable" }, null, now);
        finish(scheduler, id, now);
        const avoid = [...(failedAt.get(id) ?? []), ...(replica === undefined ? [] : [replica])];
        failedAt.set(id, avoid);
        enqueue(id, avoid, now);
        dispatch(now);
      },
      tick(now) {
        edge?.tick(now);
        scheduling.expire(scheduler, timeToLiveMs, now);
        // Its clients know by themselves that a process is gone.
        sweepOrphaning(fleet, now);
        dispatch(now);
      },
      nextEventMs: () => Math.min(edge?.nextEventMs() ?? Infinity, scheduling.nextEventMs(scheduler)),
    };
  };
}

/** As the edge tells of an answer: an error is a failure of the replica. */
function tellAnswer(scheduler: scheduling.Scheduler, id: number, { status, hints }: Answer, now: number): void {
  if (status === 200) answered(scheduler, id, { kind: "success", hints }, now);
  else failed(scheduler, id, { kind: "error" }, hints, now);
}
