// Which replicas may take a request: the questions that every policy asks before its own. Health decides here, and hints; cost does not.
import { isIneligible, isPanicking } from "../health/ejection.ts";
import type { Fleet } from "../ledger/fleet.ts";
import type { Wanted } from "../ledger/queue.ts";
import { isReady, isWarm, loadOf, type Replica } from "../ledger/replica.ts";
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
}

/**
 * The first hint with a free warm replica wins, and there the least loaded for its concurrency. A request without hints finds every replica as good
 * as warm. Ties go in hash order, or without hints by fewest requests so far. Null: there is none. O(free replicas that hold the hint).
 */
export function warmPlace(fleet: Fleet, wanted: Wanted, eligible: Eligible, now: number): Place | null {
  if (wanted.hints.length === 0) {
    const replica = leastServed(leastLoaded(fleet.free, eligible));
    return replica && { replica, hint: null };
  }
  for (const hint of wanted.hints) {
    const holders = fleet.freeHolders.get(hint);
    if (holders === undefined) continue;
    const equals = leastLoaded(holders, (holder) => isServing(fleet, holder, hint, now) && eligible(holder));
    const replica = inHashOrder(equals, hint);
    if (replica !== null) return { replica, hint };
  }
  return null;
}

/** Where a request goes that takes no slot (`OPTIONS`): as `warmPlace`, but full replicas count; else to the hash owner. O(replicas). */
export function placeIgnoringLoad(fleet: Fleet, wanted: Wanted, now: number): Place | null {
  const eligible = eligibleFor(fleet, wanted, now);
  const ready = [...readyIn(fleet)].filter(eligible);
  for (const hint of wanted.hints) {
    const equals = leastLoaded(ready, (replica) => isServing(fleet, replica, hint, now));
    if (equals.length > 0) return { replica: inHashOrder(equals, hint) ?? equals[0]!, hint };
  }
  const [hint = null] = wanted.hints;
  const replica = hint === null ? leastServed(leastLoaded(ready, ANY)) : inHashOrder(ready, hint);
  return replica && { replica, hint };
}

/** Whether no other ready replica is before this one in the hint's hash order. O(replicas). */
export function isOwner({ free, busy }: Fleet, replica: Replica, hint: string): boolean {
  const hash = hashName(hint);
  const first = free.first(hash, 1);
  return first.length > 0 && first[0] !== replica ? false : inHashOrder([replica, ...busy.first(hash, 1)], hint) === replica;
}

function* readyIn(fleet: Fleet): Generator<Replica> {
  for (const replica of fleet.replicas.values()) if (isReady(replica)) yield replica;
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

/** The one with the fewest requests so far; of equals the first by name. */
function leastServed(replicas: readonly Replica[]): Replica | null {
  let best: Replica | null = null;
  for (const replica of replicas) {
    if (best === null || replica.served < best.served || (replica.served === best.served && replica.id < best.id)) best = replica;
  }
  return best;
}

export function inHashOrder<R extends Weighted>(replicas: readonly R[], hint: string): R | null {
  return ownerOf(hashName(hint), replicas);
}
