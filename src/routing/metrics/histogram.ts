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

/**
 * The time below which that share (0 to 1) of the samples is, in seconds, as Prometheus estimates it: samples are taken to be spread evenly over their
 * bucket, and those above the highest bound to be there. Null: there are no samples. O(buckets).
 */
export function quantileS(share: number, counts: readonly number[], bounds: readonly number[] = BUCKETS_S): number | null {
  const samples = counts.reduce((sum, count) => sum + count, 0);
  if (samples === 0) return null;
  const rank = share * samples;
  let below = 0;
  for (const [bucket, upper] of bounds.entries()) {
    const count = counts[bucket] ?? 0;
    if (count > 0 && below + count >= rank) {
      const lower = bounds[bucket - 1] ?? 0;
      return lower + (upper - lower) * Math.max(0, (rank - below) / count);
    }
    below += count;
  }
  return bounds.at(-1) ?? null;
}
