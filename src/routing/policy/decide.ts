// Who gets a request, and why. Used alike by the Fleet object (exact state) and, in its hash-only form, by an edge that can't reach it.
import { leadersOf } from "../ledger/replica-index.ts";
import { isPassedOver, looksDeceive } from "../health/ejection.ts";
import { isReady, isWarm, loadOf, type Fleet, type Replica } from "../ledger/fleet.ts";
import { LIMITS } from "../limits.ts";
import { placeHint, Regrets, sparingMs, worthBesidesMs, type Placement } from "./placement.ts";
import { hashName, ownerOf, score, type NameHash, type Weighted } from "../rendezvous.ts";

/** The closed set of reasons; the value of `x-warmpath-reason`. */
export type Reason =
  /** A warm replica was free. */
  | "hint_match"
  /** Waited, and a warm replica became free. */
  | "hint_wait"
  /** None warm and free: the first replica in the hint's hash order. */
  | "hash_owner"
  /** None warm and free, and the owner is busy or has no room for a hint where another has: further down the order. */
  | "hash_spill"
  /** No hint asked for. */
  | "least_loaded"
  /** The object could not be reached: hash order over the last snapshot, within what the edge knows itself. */
  | "snapshot_hash";

/** What a decision needs to know of a request. */
export interface Wanted {
  /** Most preferred first. */
  readonly hints: readonly string[];
  /** Replicas that already failed this request. */
  readonly avoid: readonly string[];
}

export interface Choice {
  readonly replica: Replica;
  /** The hint that decided; null where the request has none. */
  readonly hint: string | null;
  /** Whether the replica holds (or loads) that hint; true where there is no hint. */
  readonly warm: boolean;
  readonly reason: Exclude<Reason, "hint_wait" | "snapshot_hash">;
}

/** The replica with a free slot that should take the request if it must not wait, or null when none may. */
export function decide(fleet: Fleet, wanted: Wanted, now: number): Choice | null {
  const usable = usableIn(fleet, wanted, now);
  return decideWarm(fleet, wanted, usable, now) ?? decideCold(fleet, wanted, usable, now);
}

/**
 * The first hint with a free warm replica wins: there the least loaded for its concurrency; among equals the one where that costs least, by
 * what else it holds (`bestHolder`); ties in hash order. Without hints every replica is as good as warm: least loaded, then fewest requests
 * so far. O(free replicas that hold the hint).
 */
export function decideWarm(fleet: Fleet, wanted: Wanted, usable: (replica: Replica) => boolean, now: number): Choice | null {
  if (wanted.hints.length === 0) {
    const replica = leastLoaded(fleet.free, usable, null);
    return replica && { replica, hint: null, warm: true, reason: "least_loaded" };
  }
  for (const hint of wanted.hints) {
    const holders = fleet.freeHolders.get(hint);
    if (holders === undefined) continue;
    const replica = bestHolder(fleet, holders, (holder) => isServing(fleet, holder, hint, now) && usable(holder), hint);
    if (replica !== null) return { replica, hint, warm: true, reason: "hint_match" };
  }
  return null;
}

/** Where nobody is warm and free the first hint is loaded, where that hurts least (placement.ts). */
export function decideCold(fleet: Fleet, wanted: Wanted, usable: (replica: Replica) => boolean, now: number): Choice | null {
  const [hint] = wanted.hints;
  const placement = hint === undefined ? null : placeHint(fleet, hint, loadableIn(fleet, hint, usable, now), new Regrets(fleet));
  return hint === undefined || placement === null ? null : coldChoice(fleet, hint, placement);
}

/** A placement, with the reason: whether the hint's owner takes it. O(replicas). */
export function coldChoice(fleet: Fleet, hint: string, { replica, first }: Placement): Choice {
  const hash = hashName(hint);
  const reason = first && !fleet.busy.hasAbove(hash, score(hash, replica)) ? "hash_owner" : "hash_spill";
  return { replica, hint, warm: false, reason };
}

/** As `decide`, but for a request that takes no slot (`OPTIONS`): full replicas count, nothing is held. */
export function decideIgnoringLoad(fleet: Fleet, wanted: Wanted, now: number): Choice | null {
  const usable = usableIn(fleet, wanted, now);
  const ready = [...readyIn(fleet)].filter(usable);
  for (const hint of wanted.hints) {
    const replica = leastLoaded(ready, (candidate) => isServing(fleet, candidate, hint, now), hint);
    if (replica !== null) return { replica, hint, warm: true, reason: "hint_match" };
  }
  const [hint] = wanted.hints;
  const replica = hint === undefined ? leastLoaded(ready, () => true, null) : ownerOf(hashName(hint), ready);
  if (replica === null) return null;
  const reason = hint === undefined ? "least_loaded" : "hash_owner";
  return { replica, hint: hint ?? null, warm: hint === undefined, reason };
}

/** What an edge knows of replicas by its own requests. */
export interface KnownHere<R> {
  /** Whether one failed a short while ago. */
  readonly hasFailed: (replica: R) => boolean;
  readonly hasRoom: (replica: R) => boolean;
}

/**
 * The choice of an edge that can't reach the object: of those that have not failed, or of all where every one has, the first in hash order that
 * has room, as far as the edge knows; null: none. A request without hints passes a key of its own (its id), which spreads them by weight.
 * O(replicas).
 */
export function decideBySnapshot<R extends Weighted>(
  replicas: readonly R[],
  key: string,
  { hasFailed, hasRoom }: KnownHere<R>,
): R | null {
  const sound = replicas.filter((replica) => !hasFailed(replica));
  return ownerOf(hashName(key), (sound.length > 0 ? sound : replicas).filter(hasRoom));
}

/**
 * Ejected replicas are passed over, unless every other ready one is too. Where so many look bad that looks are likely deceiving nobody waits
 * because of them: while no other is free, all are tried. O(suspects) and O(replicas that are passed over).
 */
export function usableIn(fleet: Fleet, wanted: Wanted, now: number): (replica: Replica) => boolean {
  const open = (replica: Replica) => !wanted.avoid.includes(replica.id);
  if (fleet.suspects.size === 0) return wanted.avoid.length === 0 ? () => true : open;
  const sound = (replica: Replica) => open(replica) && !isPassedOver(replica, now);
  for (const replica of looksDeceive(fleet) ? fleet.free : readyIn(fleet)) if (sound(replica)) return sound;
  return open;
}

/** Whether the replica holds the hint or is loading it, and is not passed over for it. */
export function isServing({ hintFailures }: Fleet, replica: Replica, hint: string, now: number): boolean {
  return isWarm(replica, hint, now) && hintFailures.barredUntilMs(replica, hint, now) === 0;
}

/**
 * Replicas that have failed the hint are passed over for it, unless every other usable one has too. O(1) where none has failed it, else
 * O(replicas that have).
 */
export function loadableIn(
  fleet: Fleet,
  hint: string,
  usable: (replica: Replica) => boolean,
  now: number,
): (replica: Replica) => boolean {
  const { hintFailures, free, busy } = fleet;
  if (!hintFailures.knows(hint)) return usable;
  const able = (replica: Replica) => usable(replica) && hintFailures.barredUntilMs(replica, hint, now) === 0;
  for (const replica of free) if (able(replica)) return able;
  for (const replica of busy) if (able(replica)) return able;
  return usable;
}

/** Free slots, but those of suspects that may not be used. O(suspects). */
export function usableSlots(fleet: Fleet, usable: (replica: Replica) => boolean): number {
  let slots = fleet.slots - fleet.taken;
  for (const replica of fleet.suspects) {
    if (isReady(replica) && !usable(replica)) slots -= Math.max(0, replica.concurrency - loadOf(replica));
  }
  return slots;
}

function* readyIn(fleet: Fleet): Generator<Replica> {
  for (const replica of fleet.replicas.values()) if (isReady(replica)) yield replica;
}

/**
 * Of the eligible holders the least loaded. Among those that equal it the one of least cost: what its other hints are worth, which are kept
 * from others meanwhile, and how much more its next load would lose once this hint was used there.
 */
function bestHolder(
  fleet: Fleet,
  holders: ReadonlySet<Replica>,
  eligible: (replica: Replica) => boolean,
  hint: string,
): Replica | null {
  let least = Infinity;
  let equals: Replica[] = [];
  for (const replica of holders) {
    if (!eligible(replica)) continue;
    const load = loadOf(replica) / replica.concurrency;
    if (load > least) continue;
    if (load < least) equals = [];
    least = load;
    equals.push(replica);
  }
  if (equals.length < 2) return equals[0] ?? null;
  let best: { replica: Replica; costMs: number } | null = null;
  for (const replica of leadersOf(equals, hashName(hint), LIMITS.placementsWeighed, () => true).first) {
    const costMs = worthBesidesMs(fleet, replica, hint) + sparingMs(fleet, replica, hint);
    if (best === null || costMs < best.costMs) best = { replica, costMs };
  }
  return best?.replica ?? null;
}

/** The least loaded for its concurrency; ties by hash order of the hint, or without one by fewest requests so far, then by name. */
function leastLoaded(replicas: Iterable<Replica>, eligible: (replica: Replica) => boolean, hint: string | null): Replica | null {
  const hash: NameHash | null = hint === null ? null : hashName(hint);
  let best: { replica: Replica; load: number; tie: number } | null = null;
  for (const replica of replicas) {
    if (!eligible(replica)) continue;
    const load = loadOf(replica) / replica.concurrency;
    if (best !== null && load > best.load) continue;
    const tie = hash === null ? -replica.served : score(hash, replica);
    if (best !== null && load === best.load && !(tie > best.tie || (tie === best.tie && replica.id < best.replica.id))) continue;
    best = { replica, load, tie };
  }
  return best?.replica ?? null;
}
