// What the fleet will do next, as far as estimates tell: when the replicas that hold a hint will be free.
import { isServing } from "./decide.ts";
import { serviceMs } from "../model/estimates.ts";
import { hintsOf, isReady, loadOf, type Fleet, type Grant, type Replica } from "../ledger/fleet.ts";
import { LIMITS } from "../limits.ts";
import { clamp } from "../model/mean.ts";
import { copiesOf } from "./placement.ts";
import { TUNING } from "./tuning.ts";

/** The slots of the replicas that hold a hint, as they are expected to become free. */
export interface Foresight {
  /** Times from now; at most `slotsForeseen`. */
  readonly ends: number[];
  /** How many more such slots there are for each one foreseen, at least 1. */
  readonly more: number;
  readonly serviceMs: number;
}

/** How many wait for each hint before all others. */
export type WaitingFor = ReadonlyMap<string, number>;

/** What is to be expected of the holders of the first of these hints that has any; null: none has. O(slots and hints there), bounded. */
export function foresee(
  fleet: Fleet,
  waitingFor: WaitingFor,
  hints: readonly string[],
  usable: (replica: Replica) => boolean,
  now: number,
): Foresight | null {
  for (const hint of hints) {
    const { ends, more } = endsOf(
      fleet,
      waitingFor,
      hint,
      (replica) => isServing(fleet, replica, hint, now) && usable(replica),
      now,
    );
    if (ends.length > 0) return { ends, more, serviceMs: serviceMs(fleet.estimates, hint) };
  }
  return null;
}

/**
 * Whether so many requests in line would all start sooner than that, by a look at no more slots than it takes to know. What is true here
 * `foresee` and `nextStartMs` say too: each goes to the slot that is free first. O(slots and hints there), bounded.
 */
export function startSooner(
  fleet: Fleet,
  waitingFor: WaitingFor,
  hints: readonly string[],
  usable: (replica: Replica) => boolean,
  now: number,
  inLine: number,
  thanMs: number,
): boolean {
  let [looked, sooner] = [0, 0];
  for (const hint of hints) {
    for (const holder of fleet.holders.get(hint) ?? []) {
      if (looked >= LIMITS.slotsForeseen) return false;
      if (!isReady(holder) || !isServing(fleet, holder, hint, now) || !usable(holder)) continue;
      // Of before a restart: of those nobody knows, and they count as the slots they are.
      looked += holder.unclaimed;
      let othersMs: number | null = null;
      for (const grant of holder.grants.values()) {
        if (++looked > LIMITS.slotsForeseen) return false;
        const startMs = remainingMs(grant, now);
        if (startMs >= thanMs) continue;
        othersMs ??= contentionMs(fleet, waitingFor, holder, hint);
        if (startMs + othersMs < thanMs && ++sooner >= inLine) return true;
      }
    }
    if (looked > 0) return false;
  }
  return false;
}

/**
 * When the next request for the hint would start, from now; the one after it is dealt out behind it. Called once for each request in
 * line, it is list scheduling: each goes to the slot that is free first.
 */
export function nextStartMs({ ends, more, serviceMs }: Foresight): number {
  let first = 0;
  for (let slot = 1; slot < ends.length; slot++) if ((ends[slot] ?? 0) < (ends[first] ?? 0)) first = slot;
  const start = ends[first] ?? 0;
  ends[first] = start + serviceMs / more;
  return start;
}

/**
 * When a full replica is expected to have a free slot, from now, by the oldest of its requests; 0 where nothing is known to run there. O(grants),
 * bounded.
 */
export function freeInMs(replica: Replica, now: number): number {
  let least = Infinity;
  let looked = 0;
  for (const grant of replica.grants.values()) {
    if (++looked > LIMITS.slotsForeseen) break;
    least = Math.min(least, remainingMs(grant, now));
  }
  return least === Infinity ? 0 : least;
}

/**
 * When a slot other than one of that replica's, or another one there, is expected to be free for a request with these hints that finds one of
 * them warm; from now. Infinity: none is. O(slots), bounded.
 */
export function elsewhereMs(
  fleet: Fleet,
  hints: readonly string[],
  but: Replica,
  usable: (replica: Replica) => boolean,
  now: number,
): number {
  if (loadOf(but) + 1 < but.concurrency) return 0;
  let least = Infinity;
  let looked = 0;
  for (const hint of hints) {
    for (const holder of fleet.holders.get(hint) ?? []) {
      if (least === 0 || looked >= LIMITS.slotsForeseen) return least;
      looked += Math.max(1, loadOf(holder));
      if (holder === but || !isReady(holder)) continue;
      const inMs = loadOf(holder) < holder.concurrency ? 0 : freeInMs(holder, now);
      if (inMs < least && isServing(fleet, holder, hint, now) && usable(holder)) least = inMs;
    }
  }
  return least;
}

/**
 * When, from now on, the request is expected to be over. One that has outlived what was expected runs a part of that longer, and the more times it
 * has outlived that, the larger a part of the time that it ran, up to as long again: what has lasted for very long has a heavy tail.
 */
export function remainingMs({ expectedMs, grantedAtMs }: Grant, now: number): number {
  const ranMs = now - grantedAtMs;
  const times = clamp(ranMs / Math.max(1, expectedMs), 1, 1 / TUNING.overrun);
  return Math.max(expectedMs - ranMs, TUNING.overrun * times * Math.max(expectedMs, ranMs));
}

/**
 * Those who wait for something else that the replica holds may be served there before: a part of what they would take of it, for not all of them
 * will; they share its slots, and are shared by all who hold that. O(hints), bounded, or O(1) where nobody waits.
 */
function contentionMs(fleet: Fleet, waitingFor: WaitingFor, replica: Replica, hint: string): number {
  if (waitingFor.size === 0) return 0;
  let othersMs = 0;
  let looked = 0;
  for (const other of hintsOf(replica)) {
    if (++looked > LIMITS.hintsContended) break;
    const waiting = other === hint ? undefined : waitingFor.get(other);
    if (waiting === undefined) continue;
    const here = Math.min(TUNING.contendersAtMost, waiting / Math.max(1, copiesOf(fleet, other)));
    othersMs += here * serviceMs(fleet.estimates, other);
  }
  return (TUNING.contention * othersMs) / replica.concurrency;
}

/** Times from now at which slots of the hint's holders become free; of many, those of some, and how many there are for each of those. */
function endsOf(
  fleet: Fleet,
  waitingFor: WaitingFor,
  hint: string,
  holds: (replica: Replica) => boolean,
  now: number,
): { readonly ends: number[]; readonly more: number } {
  const ends: number[] = [];
  const holders = fleet.holders.get(hint) ?? new Set();
  let [seen, slots] = [0, 0];
  for (const replica of holders) {
    if (ends.length >= LIMITS.slotsForeseen) break;
    seen++;
    if (!isReady(replica) || !holds(replica)) continue;
    slots += loadOf(replica);
    const othersMs = contentionMs(fleet, waitingFor, replica, hint);
    // Of before a restart; when they began is not known.
    for (let request = 0; request < replica.unclaimed && ends.length < LIMITS.slotsForeseen; request++) {
      ends.push(serviceMs(fleet.estimates, hint));
    }
    for (const grant of replica.grants.values()) {
      if (ends.length >= LIMITS.slotsForeseen) break;
      ends.push(remainingMs(grant, now) + othersMs);
    }
  }
  return { ends, more: ends.length === 0 ? 1 : ((slots / ends.length) * holders.size) / seen };
}
