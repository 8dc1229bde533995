// What one run comes to, in figures that can be averaged over several. Times are of requests that were served; those given up have a
// share of their own beside them.
import { max, mean, quantileSorted, sampleStandardDeviation } from "simple-statistics";
import { staysBounded } from "./bounded.ts";
import type { Workload } from "./workload.ts";
import type { Outcome, Run } from "./ledger.ts";

/** Every figure, in the order in which it is reported. `_s` are seconds; the others shares and ratios. */
export const FIGURE_NAMES = [
  /** Time in system: from arrival to the end of the answer. */
  "mean_s",
  "p50_s",
  "p95_s",
  "p99_s",
  "max_s",
  /** Longest time from arrival to a slot, or to being given up. */
  "longest_wait_s",
  /** Over the same of the ideal queue on the same path. */
  "ratio_mean",
  "ratio_p95",
  /** Of served requests, those that did not find their hint loaded. */
  "miss",
  /** Loads per request: of a hint for the first time, while another replica was loading it, and the rest. */
  "loads",
  "first_touch",
  "duplicate",
  "avoidable",
  /** GPU time spent loading, seconds a request. */
  "load_s",
  /** Of the loads, those on the first replica of the hint's hash order, and on the second. */
  "first_home",
  "second_home",
  /** Of the requests of the least popular hints, see `leastPopularTenth`. */
  "tail_mean_s",
  "tail_p95_s",
  "tail_longest_wait_s",
  /** Time that slots served or loaded, over replicas x concurrency x the time until the last request was over. */
  "utilisation",
  /** Of all requests, those that waited until their deadline, and those refused at once. */
  "timed_out",
  "queue_full",
  /** Of all requests, those that their replica failed. Reported where replicas can. */
  "failed",
] as const;

export type FigureName = (typeof FIGURE_NAMES)[number];
export type Figures = Readonly<Record<FigureName, number>>;

export interface Measured {
  readonly figures: Figures;
  /** Whether the queue stays bounded. */
  readonly bounded: boolean;
}

/** What a path's runs are compared with. */
export interface Yardstick {
  readonly meanS: number;
  readonly p95S: number;
  readonly tail: ReadonlySet<string>;
}

const TAIL_SHARE = 0.1;

/**
 * Hints are put in order of their number of requests, fewest first (ties by name), and taken as long as together they have at most a
 * tenth of all REQUESTS; the least popular is always among them.
 */
export function leastPopularTenth(workload: Workload): ReadonlySet<string> {
  const counts = new Map<string, number>();
  for (const { hint } of workload) counts.set(hint, (counts.get(hint) ?? 0) + 1);
  const rising = [...counts].sort(([a, one], [b, other]) => one - other || (a < b ? -1 : 1));
  const tail = new Set<string>();
  let requests = 0;
  for (const [hint, count] of rising) {
    requests += count;
    if (tail.size > 0 && requests > workload.length * TAIL_SHARE) break;
    tail.add(hint);
  }
  return tail;
}

/** From the run of the ideal queue. */
export function yardstick(workload: Workload, ideal: Run): Yardstick {
  const times = timesOf(ideal.outcomes);
  return { meanS: times.mean_s, p95S: times.p95_s, tail: leastPopularTenth(workload) };
}

/** O(n log n). A figure with nothing to be made from is NaN. `slots` is replicas x concurrency. */
export function measure(workload: Workload, run: Run, slots: number, { meanS, p95S, tail }: Yardstick): Measured {
  const { outcomes, loads, firstLoads, duplicateLoads, loadMs, firstHomeLoads, secondHomeLoads, busyMs, endMs } = run;
  const served = outcomes.filter((outcome) => outcome.served);
  const times = timesOf(outcomes);
  const tails = timesOf(outcomes.filter((_, index) => tail.has(workload[index]?.hint ?? "")));
  const perRequest = (count: number) => count / outcomes.length;
  const figures: Figures = {
    ...times,
    ratio_mean: times.mean_s / meanS,
    ratio_p95: times.p95_s / p95S,
    miss: served.filter(({ cold }) => cold !== "warm").length / served.length,
    loads: perRequest(loads),
    first_touch: perRequest(firstLoads),
    duplicate: perRequest(duplicateLoads),
    avoidable: perRequest(loads - firstLoads - duplicateLoads),
    load_s: perRequest(loadMs) / 1000,
    first_home: firstHomeLoads / loads,
    second_home: secondHomeLoads / loads,
    tail_mean_s: tails.mean_s,
    tail_p95_s: tails.p95_s,
    tail_longest_wait_s: tails.longest_wait_s,
    utilisation: busyMs / (slots * endMs),
    timed_out: perRequest(outcomes.filter(({ refused }) => refused === "timed_out").length),
    queue_full: perRequest(outcomes.filter(({ refused }) => refused === "queue_full").length),
    failed: perRequest(outcomes.filter((outcome) => outcome.failed).length),
  };
  return { figures, bounded: staysBounded(outcomes.map(({ inSystemMs }) => inSystemMs)) };
}

/** Of the served requests; the longest wait also of the others. */
export function timesOf(outcomes: readonly Outcome[]) {
  const times: number[] = [];
  for (const { served, inSystemMs } of outcomes) if (served) times.push(inSystemMs / 1000);
  times.sort((a, b) => a - b);
  const at = (share: number) => (times.length === 0 ? NaN : quantileSorted(times, share));
  return {
    mean_s: times.length === 0 ? NaN : mean(times),
    p50_s: at(0.5),
    p95_s: at(0.95),
    p99_s: at(0.99),
    max_s: at(1),
    longest_wait_s: outcomes.length === 0 ? NaN : max(outcomes.map(({ waitedMs }) => waitedMs / 1000)),
  };
}

/** Each figure's mean over paths. */
export function averaged(paths: readonly Figures[]): Figures {
  return combined(paths, mean);
}

/** Each figure's sample standard deviation over paths; of a single path there is none: NaN. */
export function deviations(paths: readonly Figures[]): Figures {
  return combined(paths, (values) => (values.length < 2 ? NaN : sampleStandardDeviation(values)));
}

function combined(paths: readonly Figures[], combine: (values: number[]) => number): Figures {
  const entries = FIGURE_NAMES.map((name) => [name, combine(paths.map((figures) => figures[name]))] as const);
  return Object.fromEntries(entries) as Figures;
}
