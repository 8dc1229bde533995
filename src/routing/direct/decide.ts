// Where an isolate sends a request by its own copy of the fleet; only if a replica that holds the hint warm clearly has room. Everything else is for
// the object, which knows every slot.
import { LIMITS } from "../limits.ts";
import type { DirectReplica, FleetCopy } from "./copy.ts";

/** When a replica clearly has room. docs/scale.md says what each number is worth. */
export interface DirectRule {
  /** So many standard deviations of what its load may be by now must be free, */
  readonly deviations: number;
  /** and this part of its slots, as far as the requests that the snapshot shows have ended since. */
  readonly spareShare: number;
  /** Replicas of fewer slots are left to the object. */
  readonly concurrencyLeast: number;
}

export const DIRECT_RULE: DirectRule = { deviations: 2, spareShare: 0.5, concurrencyLeast: 16 };

export interface DirectChoice {
  readonly replica: DirectReplica;
  /** The hint that decided; null: the request has none. */
  readonly hint: string | null;
}

/**
 * The first hint wins of which a replica is drawn that clearly has room: by chance in proportion to room, so that isolates that have the same copy do not
 * all send to one. A request without hints finds every replica as good as warm. Null: ask the object. `usable`: has not failed this isolate of late, and is not to
 * be avoided. O(replicas that hold the hints).
 */
export function decideDirect(
  copy: FleetCopy,
  hints: readonly string[],
  usable: (replica: DirectReplica) => boolean,
  now: number,
  random: () => number,
  rule = DIRECT_RULE,
): DirectChoice | null {
  const ageMs = Math.max(0, now - copy.atMs);
  if (ageMs > LIMITS.directAgeMs || copy.serviceMs === 0) return null;
  const left = Math.exp(-ageMs / copy.serviceMs);
  for (const hint of hints.length === 0 ? [null] : hints) {
    const replica = byRoom(hint === null ? copy.replicas : copy.holding(hint), usable, left, random, rule);
    if (replica !== null) return replica.open ? { replica, hint } : null;
  }
  return null;
}

/**
 * One of them is drawn; it is given the request if it is open and clearly has room. No other is tried: if isolates sent what one replica has no room for to the
 * next, all of it would come to the few that their copies show with room. A replica that is not open is drawn as if one slot of it were free. What it is drawn
 * for is the object's, which alone tries a replica again that was ejected.
 *
 * Of the requests that a snapshot shows the part `left` is still running, and as many have come as have ended (Little's law). So the load is expected to
 * be as it was, with the variance of a binomial and a Poisson number: load left (1 - left) + load (1 - left). The spare share is for what the
 * snapshot does not know: the object hears late of what other isolates have sent.
 */
function byRoom(
  replicas: Iterable<DirectReplica>,
  usable: (replica: DirectReplica) => boolean,
  left: number,
  random: () => number,
  { deviations, spareShare, concurrencyLeast }: DirectRule,
): DirectReplica | null {
  let drawn: DirectReplica | null = null;
  let free = 0;
  for (const replica of replicas) {
    if (!usable(replica)) continue;
    const its = replica.open ? freeOf(replica, left) : 1;
    free += its;
    // Each is drawn with its share of what was seen so far, which gives each its share of all.
    if (random() * free < its) drawn = replica;
  }
  if (drawn?.open === false) return drawn;
  if (drawn === null || drawn.concurrency < concurrencyLeast) return null;
  const { concurrency, load, unfinished, included } = drawn;
  // Of those that have come, the isolate's own are known.
  const come = Math.max(load * (1 - left), unfinished - included);
  const room = concurrency - load * left - come;
  const spare = deviations * Math.sqrt(load * (1 - left * left)) + spareShare * (1 - left) * concurrency;
  return room >= 1 + spare ? drawn : null;
}

/** Slots that requests of the snapshot do not hold any more. */
function freeOf({ concurrency, load }: DirectReplica, left: number): number {
  return Math.max(0, concurrency - load * left);
}
