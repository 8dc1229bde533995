// Which of the waiting requests is next, and whether one should wait for a warm replica while another is free. All costs are times.
//
// The order is that of an index, as in weighted shortest processing time with setups: a request goes by what it costs the fleet; its
// load, and what that evicts, counts several times, and is shared by those that will be warm after it. A request that others can serve
// soon counts for more than it takes, so that a slot goes to those that have no other. Short requests overtake long ones,
// but not for ever: beyond a tolerance age soon outweighs everything, so that no newcomer goes before one that has waited `overtakenUntil`
// tolerances, and of two that are old only one that is nearly as late goes before a dearer one. The tolerance follows the longest backlog
// of late, not the one of the moment: in a peak somebody must wait as long as the peak is deep, and while it drains those who have waited
// that long are not late. Until then serving in order of arrival would only add the loads of rare hints to everybody's wait.
import { loadMs, meanServiceMs, turnOf } from "../model/estimates.ts";
import type { Fleet } from "../ledger/fleet.ts";
import { chanceNeeded, copiesOf } from "./placement.ts";
import { TUNING } from "./tuning.ts";

/** How urgent its client says that a request is. */
export type Priority = "high" | "normal" | "low";

/** What the order needs to know of a request. */
export interface Queued {
  readonly arrivedAtMs: number;
  readonly deadlineMs: number;
}

/** What the order of one moment is made from. */
export interface Order {
  /** Time by which costs are measured: a request's serving and a load, on average. */
  readonly turnMs: number;
  /** How long the fleet can make a request wait before its age begins to outweigh its cost. */
  readonly toleranceMs: number;
  /** How much more a load weighs than the time that it takes. */
  readonly loadWeight: number;
}

/** What grows with the share of slots that are busy: base + busy / (1 - share), at most `most`. */
interface UnderLoad {
  readonly base: number;
  readonly busy: number;
  readonly most: number;
}

/** Each unit of work delays all that is behind it, which in queueing theory is 1 / (1 - share) times as much. O(1). */
export function underLoad({ base, busy, most }: UnderLoad, busyShare: number): number {
  return Math.min(most, base + busy / Math.max(0.01, 1 - busyShare));
}

/** O(1). */
export function orderOf({ estimates }: Fleet): Order {
  const { busyShare, backlogMs } = estimates.pressure;
  const turnMs = turnOf(estimates);
  const { tolerance, tolerancePerBacklog, loadWeight } = TUNING;
  return {
    turnMs,
    toleranceMs: tolerance * turnMs + underLoad(tolerancePerBacklog, busyShare) * backlogMs,
    loadWeight: underLoad(loadWeight, busyShare),
  };
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
  // The eighth power: up to about the tolerance cost alone decides, and soon after age alone.
  const square = late * late;
  const fourth = square * square;
  return (1 + fourth * fourth) / turns;
}

/**
 * How many times sooner a request of high priority is than it would be: twice as much as costs can differ, because age has doubled the priority of
 * one at the end of its tolerance. So it is before every normal one that is within its own. One that has waited `overtakenUntil` is before it,
 * whatever the two cost.
 */
export function urgencyOf(priority: Priority): number {
  return priority === "high" ? 2 * TUNING.costRange ** 2 : 1;
}

/** Until then a request of low priority waits behind all others: a part of its time, so that it does not starve. */
export function deferredUntilMs({ arrivedAtMs, deadlineMs }: Queued): number {
  return arrivedAtMs + TUNING.deferredUntil * (deadlineMs - arrivedAtMs);
}

/**
 * The wait, in tolerances, after which a request is before every newcomer of that priority, whatever the two cost: costs differ by `costRange`
 * twice.
 */
export function overtakenUntil(priority: Priority = "normal"): number {
  return (urgencyOf(priority) * TUNING.costRange ** 2 - 1) ** (1 / 8);
}

/** The cost by which a request that must load is ordered. `sharedBy`: requests that will find its load done. */
export function coldCostMs(
  servingMs: number,
  loadingMs: number,
  regretMs: number,
  sharedBy: number,
  { loadWeight }: Order,
): number {
  return servingMs + (loadWeight * (loadingMs + regretMs)) / Math.max(1, Math.min(TUNING.sharing, sharedBy));
}

/** Of the requests for a hint, of which so many wait, those for one more copy. O(1), and of the one that most hints have without a look. */
export function sharersOf(fleet: Fleet, hint: string, waiting: number): number {
  return waiting === 1 ? 1 : waiting / (1 + copiesOf(fleet, hint));
}

/**
 * The cost by which a request that finds its hint warm is ordered: the dearer, the sooner another replica could take it, because the slot is
 * worth more to those that nobody else can serve. `elsewhereMs`: when that is, if nobody else waited. O(1).
 */
export function warmCostMs(servingMs: number, elsewhereMs: number, fleet: Fleet, waiting: number): number {
  const meanMs = meanServiceMs(fleet.estimates);
  if (meanMs === 0) return servingMs;
  const services = elsewhereMs / meanMs + TUNING.elsewherePerWaiting * perSlot(fleet, waiting);
  return servingMs / Math.min(1, Math.max(TUNING.elsewhereSoonest, services)) ** TUNING.elsewhere;
}

/** What counts beside the fleet's state for a request that waits already. */
export interface InLine {
  /** Others in its lane, who would find the load done. */
  readonly behind: number;
  /** The load would take the last free slot, while others wait. */
  readonly takesLast: boolean;
}

const NEWCOMER: InLine = { behind: 0, takesLast: false };

/**
 * The longest wait for a warm replica that is better than a load on a free one, for the request and for those behind it. The new copy that a
 * load makes is worth something too, where it will be asked for; and the last free slot, to those who come.
 */
export function worthWaitingMs(fleet: Fleet, hint: string, regretMs: number, waiting: number, inLine = NEWCOMER): number {
  const { estimates } = fleet;
  const loadingMs = loadMs(estimates, hint);
  const copy = TUNING.waitShareCopy * chanceNeeded(fleet, hint, 1 + copiesOf(fleet, hint));
  const behind = TUNING.waitShareBehind * Math.min(TUNING.behindAtMost, inLine.behind);
  const last = inLine.takesLast ? TUNING.waitShareLast : 0;
  const share = underLoad(TUNING.waitShare, estimates.pressure.busyShare) - copy - behind + last;
  const queue = Math.min(TUNING.waitingPerSlotAtMost, perSlot(fleet, waiting));
  return Math.max(0, share) * (loadingMs + regretMs) + TUNING.waitSharePerWaiting * queue * loadingMs;
}

function perSlot({ slots }: Fleet, waiting: number): number {
  return waiting / Math.max(1, slots);
}

/** From when on it takes any slot, warm or not: a little before its tolerance is over. */
export function insistsAtMs(queued: Queued, order: Order): number {
  return queued.arrivedAtMs + TUNING.insists * patienceMs(queued, order);
}
