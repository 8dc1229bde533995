// The beginning of a long list in some order.

/** The first `most` of the items in that order. O(n + most log most) if most items come after those found, else O(n log most). */
export function firstOf<T>(items: Iterable<T>, most: number, compare: (one: T, other: T) => number): T[] {
  let kept: T[] = [];
  let last: T | undefined;
  for (const item of items) {
    if (last !== undefined && compare(item, last) >= 0) continue;
    kept.push(item);
    if (kept.length < 2 * most) continue;
    kept = kept.sort(compare).slice(0, most);
    last = kept.at(-1);
  }
  return kept.sort(compare).slice(0, most);
}
