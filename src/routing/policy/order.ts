// Which of the waiting requests is next, in the cost policy. The order is that of an index, as in weighted shortest processing time with setups: a
// request goes by what it costs the fleet. Its load, and what that evicts, counts several times, and is shared by the requests that will be warm
// after it. Short requests overtake long ones, but not for ever: beyond an aging threshold age soon outweighs everything. The threshold follows the
// longest backlog of late, not the one of the moment: in a peak somebody must wait as long as the peak is deep, and while it drains a request that
// has waited that long is not late. Until then serving in order of arrival would only add the loads of rare hints to everybody's wait.
import type { Priority, RequestClass, Waiting } from "../ledger/queue.ts";
import { LIMITS } from "../limits.ts";
import { meanJobMs } from "../model/model.ts";
import { TUNING } from "../tuning.ts";
import { copiesOf } from "./eviction-cost.ts";
import type { View } from "./policy.ts";

/** What the order of one moment is made from. */
export interface Order {
  /** The unit of costs: serving a request and a load, on average. */
  readonly jobMs: number;
  /** The age at which a request's age begins to outweigh its cost. */
  readonly agingMs: number;
}

type Aged = Pick<Waiting, "arrivedAtMs" | "deadlineMs">;

/** O(1). */
export function orderOf({ model }: View): Order {
  const jobMs = meanJobMs(model);
  return { jobMs, agingMs: TUNING.agingJobs * jobMs + TUNING.agingPerBacklog * model.utilisation.backlogMs };
}

/** The aging threshold of one request: a deadline makes the request less patient. */
export function agingMsOf({ arrivedAtMs, deadlineMs }: Aged, { agingMs }: Order): number {
  return Math.max(1, Math.min(agingMs, TUNING.deadlineShare * (deadlineMs - arrivedAtMs)));
}

/**
 * Higher is sooner. `costMs` is what serving the request takes of the fleet's time; it counts within a factor of `costRange` of a mean job, which is
 * what bounds how long dear requests are overtaken.
 */
export function priorityOf(request: Aged, costMs: number, order: Order, now: number): number {
  const late = Math.max(0, now - request.arrivedAtMs) / agingMsOf(request, order);
  const jobs = Math.min(LIMITS.costRange, Math.max(1 / LIMITS.costRange, costMs / order.jobMs));
  // The eighth power: up to about the threshold cost alone decides, and soon after age alone.
  const square = late * late;
  const fourth = square * square;
  return (1 + fourth * fourth) / jobs;
}

/** Puts a priority behind all others and keeps the order among its like; those of others differ by far less. */
const LAST = 2 ** -200;

/**
 * How a client's priority changes the order. High: twice as much as costs can differ, because age has doubled the priority of a request at the end of
 * its threshold; so a high request is before every normal one that is within its own threshold. Low: behind all others for a share of its time, so
 * that it does not starve.
 */
export function urgencyOf(priority: Priority, { arrivedAtMs, deadlineMs }: Aged, now: number): number {
  if (priority === "high") return 2 * LIMITS.costRange ** 2;
  return priority === "low" && now < arrivedAtMs + TUNING.deadlineShare * (deadlineMs - arrivedAtMs) ? LAST : 1;
}

/** The cost by which a request that must load is ordered: its load is shared by those of its class that wait for the same copy. */
export function coldCostMs(view: View, { hints, waiting }: RequestClass, lossMs: number): number {
  const head = waiting[0];
  if (head === undefined) return Infinity;
  const sharers = waiting.length === 1 ? 1 : Math.max(1, waiting.length / (1 + copiesOf(view, hints[0] ?? "")));
  return head.expectedMs + (TUNING.loadWeight * (head.loadMs + lossMs)) / sharers;
}

/** Who came first is first. */
export function byArrival(one: Waiting | undefined, other: Waiting | undefined): number {
  if (one === undefined || other === undefined) return 0;
  return one.arrivedAtMs - other.arrivedAtMs || one.id - other.id;
}
