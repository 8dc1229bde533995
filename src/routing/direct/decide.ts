// Where an isolate sends a request by its own copy of the fleet; only if a replica that holds the hint warm clearly has room. Everything else is for
// the object, which knows every slot.
import { LIMITS } from "../limits.ts";
import type { DirectReplica, FleetCopy } from "./copy.ts";

/** When a replica clearly has room. docs/scale.md says what each number is worth. */
export interface DirectRule {
  /** Of its slots so many must be free beside the one that is taken, as a part of them. */
  readonly spareShare: number;
  /** Replicas of fewer slots are left to the object. */
  readonly concurrencyLeast: number;
}

export const DIRECT_RULE: DirectRule = { spareShare: 0.25, concurrencyLeast: 4 };

export interface DirectChoice {
  readonly replica: DirectReplica;
  /** The hint that decided; null: the request has none. */
  readonly hint: string | null;
}

/**
 * The first hint with replicas that clearly have room wins, and among them chance in proportion to room: isolates that have the same copy do not all send
 * to one. A request without hints finds every replica as good as warm. Null: ask the object. `usable`: has not failed this isolate of late, and is not to
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
  const ageMs = now - copy.atMs;
  if (ageMs > LIMITS.directAgeMs) return null;
  if (hints.length === 0) {
    const replica = byRoom(copy.replicas, usable, ageMs, random, rule);
    return replica && { replica, hint: null };
  }
  for (const hint of hints) {
    const replica = byRoom(copy.holding(hint), usable, ageMs, random, rule);
    if (replica !== null) return { replica, hint };
  }
  return null;
}

/** Each is drawn with its share of the room seen so far, which gives each its share of all. */
function byRoom(
  replicas: Iterable<DirectReplica>,
  usable: (replica: DirectReplica) => boolean,
  ageMs: number,
  random: () => number,
  { spareShare, concurrencyLeast }: DirectRule,
): DirectReplica | null {
  let drawn: DirectReplica | null = null;
  let total = 0;
  for (const replica of replicas) {
    const { concurrency, open } = replica;
    if (!open || concurrency < concurrencyLeast) continue;
    const room = roomOf(replica, ageMs);
    if (room < Math.max(1, spareShare * concurrency) || !usable(replica)) continue;
    total += room;
    if (random() * total < room) drawn = replica;
  }
  return drawn;
}

/** Free slots, as far as the isolate can tell: what has grown is taken to grow on. */
export function roomOf({ concurrency, load, growthPerMs, unfinished, included }: DirectReplica, ageMs: number): number {
  return concurrency - load - (unfinished - included) - growthPerMs * ageMs;
}
