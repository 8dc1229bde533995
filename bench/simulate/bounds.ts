// What no router can do better than: misses that every policy has. Pure; both take a workload and give a share of its requests.
import TinyQueue from "tinyqueue";
import type { Workload } from "./workload.ts";

/** First touches: each hint has to be loaded once. O(n). */
export function compulsoryMissShare(workload: Workload): number {
  return share(new Set(workload.map(({ hint }) => hint)).size, workload);
}

/**
 * Misses of ONE cache that all replicas share and that evicts what is needed again last: Belady, "A study of replacement algorithms for a
 * virtual-storage computer", IBM Systems Journal 5(2), 1966. `slots` is replicas x hint slots, at least 1. A bound for
 * routers that serve in order of arrival; one that serves requests for the same hint together may do a little better. O(n log n).
 */
export function pooledBeladyMissShare(workload: Workload, slots: number): number {
  const nextUses = nextUsesOf(workload);
  /** The next use of each hint in the cache. */
  const cached = new Map<string, number>();
  /** Latest next use first. Entries of before a hint's latest use stay until they come up, and are then passed over. */
  const victims = new TinyQueue<{ readonly hint: string; readonly nextUse: number }>([], (a, b) =>
    a.nextUse === b.nextUse ? 0 : b.nextUse - a.nextUse,
  );
  let misses = 0;
  for (const [index, { hint }] of workload.entries()) {
    if (!cached.has(hint)) {
      misses++;
      while (cached.size >= slots) {
        const victim = victims.pop();
        if (victim === undefined) break;
        if (cached.get(victim.hint) === victim.nextUse) cached.delete(victim.hint);
      }
    }
    const nextUse = nextUses[index] ?? Infinity;
    cached.set(hint, nextUse);
    victims.push({ hint, nextUse });
  }
  return share(misses, workload);
}

/** For each request the place of the next with its hint; Infinity: none. */
function nextUsesOf(workload: Workload): number[] {
  const nextOf = new Map<string, number>();
  const nextUses = workload.map(() => Infinity);
  for (let index = workload.length - 1; index >= 0; index--) {
    const hint = workload[index]?.hint ?? "";
    nextUses[index] = nextOf.get(hint) ?? Infinity;
    nextOf.set(hint, index);
  }
  return nextUses;
}

function share(count: number, { length }: Workload): number {
  return length === 0 ? 0 : count / length;
}
