// Histograms with fixed buckets.

/** Upper bounds in seconds: from a quick warm answer to a wait of minutes. All histograms have these, so that their quantiles can be compared. */
export const BUCKETS_S: readonly number[] = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 80, 160, 320];

export interface Histogram {
  readonly bounds: readonly number[];
  /** Samples of each bucket alone; the last bucket has no upper bound. */
  readonly counts: number[];
  sum: number;
}

export function createHistogram(): Histogram {
  return { bounds: BUCKETS_S, counts: BUCKETS_S.map(() => 0).concat(0), sum: 0 };
}

/** So many samples of that time. A negative time, by clocks that differ, counts as none. O(buckets). */
export function observeMs(histogram: Histogram, ms: number, samples = 1): void {
  const { bounds, counts } = histogram;
  const seconds = Math.max(0, ms) / 1000;
  let bucket = 0;
  while (bucket < bounds.length && seconds > bounds[bucket]!) bucket++;
  counts[bucket]! += samples;
  histogram.sum += seconds * samples;
}
