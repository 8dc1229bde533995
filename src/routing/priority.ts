// Which of the waiting requests is next, and whether one should wait for a warm replica while another is free. All costs are times.
//
// The order is that of an index, as in weighted shortest processing time with setups: a request's age over what it costs the fleet; its
// load, and what that evicts, counts several times, and is shared by those that will be warm after it. Short requests overtake long ones,
// but not for ever: beyond a tolerance age counts by its fourth power, so that nobody who has waited `overtakenUntil` tolerances is
// overtaken by a newcomer. The tolerance grows with the queue: where all must wait long, serving in order of arrival would only add
// the loads of rare hints to everybody's wait.
import { loadMs, turnOf } from "./estimates.ts";
import type { Fleet } from "./fleet.ts";
import { TUNING } from "./tuning.ts";
import type { WaitingRoom } from "./waiting-room.ts";

/** What the order needs to know of a request. */
export interface Queued {
  readonly arrivedAtMs: number;
  readonly deadlineMs: number;
}

/** What the order of one moment is made from. */
export interface Order {
  /** Time by which ages are measured: a request's serving and a load, on average. */
  readonly turnMs: number;
  /** How long the fleet can make a request wait before its age begins to outweigh its cost. */
  readonly toleranceMs: number;
}

/** O(1). */
export function orderOf({ estimates, slots }: Fleet, { workMs }: WaitingRoom): Order {
  const turnMs = turnOf(estimates);
  const queueMs = workMs / Math.max(1, slots);
  return { turnMs, toleranceMs: TUNING.tolerance * turnMs + TUNING.tolerancePerQueue * queueMs };
}

/** The tolerance of one request: a deadline makes it less patient. */
export function patienceMs({ arrivedAtMs, deadlineMs }: Queued, { toleranceMs }: Order): number {
  return Math.max(1, Math.min(toleranceMs, TUNING.patience * (deadlineMs - arrivedAtMs)));
}

/**
 * Higher is sooner. `costMs` is what serving it takes of the fleet's time; it counts within a factor of `costRange` of a turn, which is
 * what makes `overtakenUntil` a bound.
 */
export function priorityOf(queued: Queued, costMs: number, order: Order, now: number): number {
  const ageMs = Math.max(0, now - queued.arrivedAtMs);
  const late = ageMs / patienceMs(queued, order);
  const turns = Math.min(TUNING.costRange, Math.max(1 / TUNING.costRange, costMs / order.turnMs));
  return ((1 + late * late * late * late) * (TUNING.headStart + ageMs / order.turnMs)) / turns;
}

/** Whether a request of low priority still waits behind all others: until a part of its time is over, so that it does not starve. */
export function isDeferred({ arrivedAtMs, deadlineMs }: Queued, now: number): boolean {
  return now < arrivedAtMs + TUNING.deferredUntil * (deadlineMs - arrivedAtMs);
}

/** The wait, in tolerances, after which a request is before every newcomer, whatever the two cost: costs differ by `costRange` twice. */
export function overtakenUntil(): number {
  return (TUNING.costRange ** 2 - 1) ** (1 / 4);
}

/** The cost by which a request is ordered. `sharedBy`: requests that will find its load done. */
export function costMs(servingMs: number, loadingMs: number, regretMs: number, sharedBy: number): number {
  return servingMs + (TUNING.loadWeight * (loadingMs + regretMs)) / Math.max(1, Math.min(TUNING.sharing, sharedBy));
}

/** The longest wait for a warm replica that is better than a load on a free one, for the request and for those behind it. */
export function worthWaitingMs(fleet: Fleet, hint: string, regretMs: number, waiting: number): number {
  const loadingMs = loadMs(fleet.estimates, hint);
  const perSlot = Math.min(TUNING.waitingPerSlotAtMost, waiting / Math.max(1, fleet.slots));
  const busy = Math.min(
    TUNING.waitShareMost,
    TUNING.waitShare + TUNING.waitShareBusy / Math.max(0.01, 1 - fleet.estimates.busyShare),
  );
  return busy * (loadingMs + regretMs) + TUNING.waitSharePerWaiting * perSlot * loadingMs;
}

/** From when on it has waited so long, or is so near its deadline, that it takes any slot, warm or not. */
export function insistsAtMs(queued: Queued, order: Order): number {
  const { arrivedAtMs, deadlineMs } = queued;
  return arrivedAtMs + Math.min(TUNING.lastCall * (deadlineMs - arrivedAtMs), TUNING.insists * patienceMs(queued, order));
}
