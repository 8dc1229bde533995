// Whether a queue stays bounded, judged from one finite run, and the highest load at which it does.

const WINDOWS = 100;
const WINDOW_MIN_REQUESTS = 20;
const GROWTH_MAX = 3;

/**
 * A queue that stays bounded comes to rest again and again; one that does not never does, however quiet the hour. So: the calmest
 * hundredth of the requests in the last third of the run must see a mean time in system of at most three times that of the
 * calmest hundredth in the first third. Comparing the means of thirds instead would miss the plain case: with a queue that grows
 * evenly they are as 1 : 3 : 5, which one busy day can bring about as well. A queue that outgrows the fleet by 1 % of a
 * run of 26,800 requests on 8 replicas ends its second third some 600 s long, where rest is 20 s; what outgrows it by less than
 * the run can show counts as bounded. Requests given up count with the time after which they were. `timesMs` in order of arrival.
 */
export function staysBounded(timesMs: readonly number[]): boolean {
  const size = Math.max(WINDOW_MIN_REQUESTS, Math.ceil(timesMs.length / WINDOWS));
  const means: number[] = [];
  for (let start = 0; start + size <= timesMs.length; start += size) {
    let sum = 0;
    for (let index = start; index < start + size; index++) sum += timesMs[index] ?? 0;
    means.push(sum / size);
  }
  const third = Math.floor(means.length / 3);
  if (third === 0) return true;
  const calmest = (windows: readonly number[]) => windows.reduce((least, its) => Math.min(least, its), Infinity);
  return calmest(means.slice(-third)) <= GROWTH_MAX * Math.max(1, calmest(means.slice(0, third)));
}

/** Steps of the bisection: 2⁻⁶ is the distance at which a limit is known. */
export const LIMIT_STEPS = 6;

/** The highest load found bounded between 0 and 1, which the queue of no fleet outlives; 0 where none was. */
export function findLimit(boundedAt: (load: number) => boolean): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < LIMIT_STEPS; step++) {
    const middle = (low + high) / 2;
    if (boundedAt(middle)) low = middle;
    else high = middle;
  }
  return low;
}

/** The highest of the loads with all up to it bounded; null: not even the lowest is. */
export function highestBounded(points: readonly { readonly load: number; readonly bounded: boolean }[]): number | null {
  let highest: number | null = null;
  for (const { load, bounded } of [...points].sort((a, b) => a.load - b.load)) {
    if (!bounded) break;
    highest = load;
  }
  return highest;
}
