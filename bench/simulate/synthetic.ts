// A workload that needs no trace: popularity has a long tail and drifts, users send several requests in a row, some hours are far busier than
// others, and each hint has a mean service time of its own.
import { normal, seeded, type Random } from "./random.ts";
import type { Request } from "./workload.ts";

/**
 * Fitted to figures of GenTD26, requests for image models with adapters on a production fleet over 23 days (SoCC'25, alibaba/clusterdata,
 * `cluster-trace-v2026-GenAI`): 26,793 requests, 687 hints, Zipf exponent 1.36 by maximum likelihood, top hint 31 % and top ten 74 %
 * of requests, same hint as the request before 23 % (12 % if independent), busiest hour 9 times the mean one, service time (their time to complete scaled by 0.63)
 * p50 14.5 s, p90 33.4 s, mean 18.1 s, of which a hint's own level explains more than half. No row of it is here.
 */
export const GENTD26_LIKE = {
  requests: 26_800,
  spanMs: 552.6 * 3_600_000,
  /** Hints at one time. 750 more come later. Some of all these are never asked for: some 690 are. */
  hints: 250,
  /** Ranks follow Zipf's law. */
  zipfExponent: 1.36,
  /** Share of requests before which a hint never seen takes the place of another, the likelier the lower that one's rank. */
  newHintShare: 0.028,
  /** Share of requests before which a hint and the next in rank change places. */
  swapShare: 0.02,
  /** Share of requests that repeat the hint of the request before: (0.228 − 0.123) / (1 − 0.123) is what independent requests do not explain. */
  repeatShare: 0.12,
  /** Mean time from a request to its repetition. */
  repeatGapMs: 60_000,
  /** Of the logarithms of the rates of hours: standard deviation, and correlation from one hour to the next. */
  ...{ hourSigma: 1.5, hourCorrelation: 0.8 },
  /** Standard deviations of logarithms: of the hints' levels around the median, and of requests around their hint's level. */
  ...{ serviceMedianMs: 15_000, serviceSigmaOfHints: 0.44, serviceSigmaOfRequests: 0.37 },
};

export type SyntheticOptions = typeof GENTD26_LIKE;

const HOUR_MS = 3_600_000;

/** The same options and seed give the same workload. In order of time, ending at `spanMs`. */
export function synthetic(options: SyntheticOptions, seed: number): Request[] {
  const random = seeded(seed);
  const popularity = driftingPopularity(options, random);
  const clock = burstyClock(options, random);
  const levels = new Map<string, number>();
  const requests: Request[] = [];
  let hint = "";
  let atMs = 0;
  while (requests.length < options.requests) {
    const fresh = popularity();
    const repeats = hint !== "" && random() < options.repeatShare;
    hint = repeats ? hint : fresh;
    atMs = repeats ? atMs - options.repeatGapMs * Math.log(1 - random()) : clock(atMs);
    const level = levels.get(hint) ?? options.serviceSigmaOfHints * normal(random);
    levels.set(hint, level);
    const serviceMs = options.serviceMedianMs * Math.exp(level + options.serviceSigmaOfRequests * normal(random));
    requests.push({ atMs, hint, serviceMs });
  }
  // A few busy or quiet hours move the end by half, so times are scaled until the workload ends at `spanMs`.
  return requests.map((request) => ({ ...request, atMs: (request.atMs / atMs) * options.spanMs }));
}

/** Draws hints. O(hints) each. */
function driftingPopularity({ hints, zipfExponent, newHintShare, swapShare }: SyntheticOptions, random: Random): () => string {
  const ranking = Array.from({ length: hints }, (_, index) => `hint-${index}`);
  const cumulative: number[] = [];
  let total = 0;
  for (let rank = 1; rank <= hints; rank++) cumulative.push((total += rank ** -zipfExponent));
  let named = hints;
  return () => {
    // The square root puts most new hints far down: fashions change, but not the whole top every week.
    if (random() < newHintShare) ranking[Math.floor(Math.sqrt(random()) * hints)] = `hint-${named++}`;
    if (random() < swapShare) {
      const place = Math.floor(random() * (hints - 1));
      ranking.splice(place, 2, ...ranking.slice(place, place + 2).reverse());
    }
    const drawn = random() * total;
    return ranking[cumulative.findIndex((sum) => sum > drawn)] ?? "";
  };
}

/** Gives the time of the next request of another user: a Poisson process whose rate is drawn anew every hour. */
function burstyClock(options: SyntheticOptions, random: Random): (atMs: number) => number {
  const { requests, spanMs, repeatShare, hourSigma, hourCorrelation } = options;
  const meanRate = (requests * (1 - repeatShare)) / spanMs;
  let hour = -1;
  let logarithm = hourSigma * normal(random);
  let rate = 0;
  return (atMs) => {
    let now = atMs;
    let wanted = -Math.log(1 - random());
    for (;;) {
      for (; hour < Math.floor(now / HOUR_MS); hour++) {
        logarithm = hourCorrelation * logarithm + Math.sqrt(1 - hourCorrelation ** 2) * hourSigma * normal(random);
        rate = meanRate * Math.exp(logarithm - hourSigma ** 2 / 2);
      }
      const left = (hour + 1) * HOUR_MS - now;
      if (rate * left >= wanted) return now + wanted / rate;
      wanted -= rate * left;
      now = (hour + 1) * HOUR_MS;
    }
  };
}
