// Which replicas may take a request: the questions that every policy asks before its own. Health decides here, and hints; cost does not.
import { isIneligible, isPanicking } from "../health/ejection.ts";
import type { Fleet } from "../ledger/fleet.ts";
import type { Wanted } from "../ledger/queue.ts";
import { rankOf } from "../ledger/rank.ts";
import { heldHints, hintsOf, isReady, isWarm, loadOf, type Replica } from "../ledger/replica.ts";
import { paceOf } from "../model/pace.ts";
import { hashName, ownerOf, type Weighted } from "../rendezvous.ts";

export type Eligible = (replica: Replica) => boolean;

const ANY: Eligible = () => true;

/**
 * The replicas that the request has not failed on and that are healthy. Unhealthy ones are eligible if every other ready replica is unhealthy too; in
 * a panic, if no healthy one is free. O(unhealthy) and O(replicas that are ineligible).
 */
export function eligibleFor(fleet: Fleet, { avoid }: Wanted, now: number): Eligible {
  const open: Eligible = avoid.length === 0 ? ANY : (replica) => !avoid.includes(replica.id);
  if (fleet.unhealthy.size === 0) return open;
  const healthy: Eligible = (replica) => open(replica) && !isIneligible(replica, now);
  for (const replica of isPanicking(fleet) ? fleet.free : readyIn(fleet)) if (healthy(replica)) return healthy;
  return open;
}

/** What the free replicas hold or load; null: more than so many hints, or as many free replicas. O(most). */
export function freeHints({ free }: Fleet, most: number): ReadonlySet<string> | null {
  if (free.size > most) return null;
  const hints = new Set<string>();
  for (const replica of free) {
    if (hints.size + heldHints(replica) > most) return null;
    for (const hint of hintsOf(replica)) hints.add(hint);
  }
  return hints;
}

/** Whether the replica holds the hint or is loading it, and has not lately failed it too often. */
export function isServing({ hintFailures }: Fleet, replica: Replica, hint: string, now: number): boolean {
  return isWarm(replica, hint, now) && hintFailures.barredUntilMs(replica, hint, now) === 0;
}

/**
 * Of the eligible replicas those that have not lately failed the hint too often, or all if every one has. O(1) if none has failed it, else
 * O(replicas that have).
 */
export function eligibleToLoad(fleet: Fleet, hint: string, eligible: Eligible, now: number): Eligible {
  const { hintFailures } = fleet;
  if (!hintFailures.knows(hint)) return eligible;
  const able: Eligible = (replica) => eligible(replica) && hintFailures.barredUntilMs(replica, hint, now) === 0;
  for (const replica of readyIn(fleet)) if (able(replica)) return able;
  return eligible;
}

/** A replica for a request, and the hint that decided: the replica holds or will load it. Null: the request has none. */
export interface Place {
  readonly replica: Replica;
  readonly hint: string | null;
  /** Whether no free replica is before it in the hint's hash order; not given: not known. */
  readonly isFirstFree?: boolean;
}

/**
 * The first hint with a free warm replica wins, and there the least loaded for its concurrency. A request without hints finds every replica as good
 * as warm. Ties go in hash order, or without hints by fewest requests so far. Null: there is none. O(free replicas that hold the hint), of many cheaply;
 * without hints O(ineligible).
 */
export function warmPlace(fleet: Fleet, wanted: Wanted, eligible: Eligible, now: number): Place | null {
  if (wanted.hints.length === 0) {
    const replica = fleet.ready.first(eligible);
    return replica !== null && fleet.free.has(replica) ? { replica, hint: null } : null;
  }
  for (const hint of wanted.hints) {
    if (!fleet.holders.hasFree(hint)) continue;
    const serves: Eligible = (replica) => isServing(fleet, replica, hint, now) && eligible(replica);
    const isCommon = fleet.holders.count(hint) > Math.max(COMMON, fleet.free.size / 4);
    const replica = isCommon
      ? leastLoadedOfMost(fleet, hint, serves)
      : inHashOrder(leastLoaded(fleet.holders.freeOf(hint), serves), hint);
    if (replica !== null) return { replica, hint };
  }
  return null;
}

/** A hint that more replicas hold is not looked for among its holders, if most free replicas hold it. */
const COMMON = 64;

/** As among the free holders, where most free replicas hold the hint: by the order of all replicas, and then by the columns of the free ones. */
function leastLoadedOfMost({ ready, free }: Fleet, hint: string, serves: Eligible): Replica | null {
  const least = ready.first((replica) => replica.isFree && serves(replica));
  if (least === null) return null;
  const { load, pace } = rankOf(least);
  const isAsGood: Eligible = (replica) =>
    loadOf(replica) / replica.concurrency === load && paceOf(replica) === pace && serves(replica);
  return free.first(hashName(hint), 1, isAsGood)[0] ?? null;
}

/**
 * Where a request goes that takes no slot, such as `OPTIONS`: as `warmPlace`, but full replicas count; else to the hash owner. O(holders) if a replica
 * holds a hint, else O(replicas).
 */
export function placeIgnoringLoad(fleet: Fleet, wanted: Wanted, now: number): Place | null {
  const eligible = eligibleFor(fleet, wanted, now);
  for (const hint of wanted.hints) {
    const equals = leastLoaded(
      fleet.holders.of(hint),
      (its) => isReady(its) && isServing(fleet, its, hint, now) && eligible(its),
    );
    const replica = inHashOrder(equals, hint);
    if (replica !== null) return { replica, hint };
  }
  const [hint = null] = wanted.hints;
  const replica = hint === null ? fleet.ready.first(eligible) : firstInHashOrder(fleet, hint, eligible);
  return replica && { replica, hint };
}

/** The first eligible ready replica in the hint's hash order. O(replicas). */
function firstInHashOrder({ free, busy }: Fleet, hint: string, eligible: Eligible): Replica | null {
  const hash = hashName(hint);
  return ownerOf(hash, [...free.first(hash, 1, eligible), ...busy.first(hash, 1, eligible)]);
}

/**
 * Whether no other ready replica is before this one in the hint's hash order. `isFirstFree`: whether no free one is; not given: not known. O(replicas)
 * at worst; the more replicas are before this one, the sooner one of them is found.
 */
export function isOwner({ free, busy }: Fleet, replica: Replica, hint: string, isFirstFree?: boolean): boolean {
  if (isFirstFree === false) return false;
  const hash = hashName(hint);
  return !busy.hasBefore(hash, replica) && (isFirstFree === true || !free.hasBefore(hash, replica));
}

function* readyIn({ free, busy }: Fleet): Generator<Replica> {
  yield* free;
  yield* busy;
}

/** Of the eligible ones those that are the least loaded for their concurrency, and of these the fastest. */
function leastLoaded(replicas: Iterable<Replica>, eligible: Eligible): Replica[] {
  let [leastLoad, leastPace] = [Infinity, Infinity];
  let equals: Replica[] = [];
  for (const replica of replicas) {
    const load = loadOf(replica) / replica.concurrency;
    if (load > leastLoad || !eligible(replica)) continue;
    const pace = paceOf(replica);
    if (load === leastLoad && pace > leastPace) continue;
    if (load < leastLoad || pace < leastPace) equals = [];
    [leastLoad, leastPace] = [load, pace];
    equals.push(replica);
  }
  return equals;
}

export function inHashOrder<R extends Weighted>(replicas: readonly R[], hint: string): R | null {
  return ownerOf(hashName(hint), replicas);
}
