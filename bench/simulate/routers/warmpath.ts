// The router itself: the scheduler of src/routing, called as the Fleet object calls it. Nothing is decided here.
import type { AffinityWait } from "../../../src/routing/policy/newcomer.ts";
import { applyHeartbeat, sweepOrphaning } from "../../../src/routing/ledger/membership.ts";
import * as scheduling from "../../../src/routing/scheduler.ts";
import type { Answer, MakeRouter } from "../router.ts";

export interface WarmpathOptions {
  /** Infinity: requests wait for ever. */
  readonly queueTimeoutMs: number;
  readonly queueLengthMax: number;
  readonly affinityWait: AffinityWait;
  readonly coldStartMs: number;
  /** The router tells replicas what to evict. */
  readonly evictAdvice: boolean;
}

export function warmpath({ queueTimeoutMs, evictAdvice, ...rest }: WarmpathOptions): MakeRouter {
  return (actions, { timeToLiveMs }) => {
    const options: scheduling.SchedulerOptions = rest;
    const scheduler = scheduling.createScheduler(rest.coldStartMs);
    const { fleet } = scheduler;
    const arrivals = new Map<number, scheduling.Arrival>();
    const failedAt = new Map<number, string[]>();

    const pass = (id: number, settlement: scheduling.Settlement, now: number): void => {
      if (settlement.kind === "granted") {
        const { replica, eviction } = settlement.grant;
        return actions.send(id, Number(replica.id), evictAdvice ? (eviction?.advised ?? null) : null);
      }
      const why = settlement.refusal.kind;
      // Its client sends it again.
      if (why === "no_other_replica" || why === "no_retry_left") return enqueue(id, [], now);
      arrivals.delete(id);
      actions.refuse(id, why === "timed_out" ? "timed_out" : "queue_full");
    };
    const settle = (now: number) => {
      for (const [id, settlement] of scheduling.settle(scheduler, options, now)) pass(id, settlement, now);
    };
    function enqueue(id: number, avoid: readonly string[], now: number): void {
      const arrival = arrivals.get(id);
      if (arrival === undefined) return;
      const standing = scheduling.enqueue(scheduler, options, id, { ...arrival, avoid }, now);
      if (standing.kind !== "waiting") pass(id, standing, now);
      if (standing.kind === "granted") settle(now);
    }

    return {
      report(report, now) {
        const { replica, incarnation, sequence, hints, hintSlots, concurrency, inFlight } = report;
        const id = String(replica);
        const said = { incarnation, sequence, hints, hintSlots, concurrency, inFlight, status: "ready" } as const;
        applyHeartbeat(fleet, { app: "simulated", replica: id, origin: `http://${id}`, ...said }, timeToLiveMs, now);
        settle(now);
      },
      arrive({ id, hint, costMs }, now) {
        const deadlineMs = now + queueTimeoutMs;
        arrivals.set(id, {
          hints: [hint],
          avoid: [],
          arrivedAtMs: now,
          deadlineMs,
          queueLengthMax: null,
          claimedMs: costMs,
          priority: "normal",
        });
        enqueue(id, [], now);
      },
      answered(id, answer, now) {
        tellAnswer(scheduler, id, answer, now);
        settle(now);
      },
      finished(id, now) {
        scheduling.finish(scheduler, id, now);
        arrivals.delete(id);
        failedAt.delete(id);
        settle(now);
      },
      brokeOff(id, now) {
        scheduling.failed(scheduler, id, { kind: "broken" }, null, now);
        scheduling.finish(scheduler, id, now);
        arrivals.delete(id);
        failedAt.delete(id);
        settle(now);
      },
      failed(id, now) {
        const replica = fleet.grants.get(id)?.replica.id;
        scheduling.failed(scheduler, id, { kind: "unreachable" }, null, now);
        scheduling.finish(scheduler, id, now);
        const avoid = [...(failedAt.get(id) ?? []), ...(replica === undefined ? [] : [replica])];
        failedAt.set(id, avoid);
        enqueue(id, avoid, now);
        settle(now);
      },
      tick(now) {
        scheduling.expire(scheduler, timeToLiveMs, now);
        // Its clients know by themselves that a process is gone.
        sweepOrphaning(fleet, now);
        settle(now);
      },
      nextEventMs: () => scheduling.nextEventMs(scheduler),
    };
  };
}

/** As the edge tells of an answer: an error is a failure of the replica. */
function tellAnswer(scheduler: scheduling.Scheduler, id: number, { status, hints }: Answer, now: number): void {
  if (status === 200) scheduling.answered(scheduler, id, { kind: "success", hints }, now);
  else scheduling.failed(scheduler, id, { kind: "error" }, hints, now);
}
