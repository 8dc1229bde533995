// What one run comes to, in figures that can be averaged over several runs. Times are of requests that were served.
import { max, mean, quantile, quantileSorted, sampleStandardDeviation, sum } from "simple-statistics";
import { isUnbounded } from "./backlog.ts";
import type { Outcome, Run } from "./outcome.ts";
import { hintsOf, type Workload } from "./workload.ts";

/** In the order in which they are reported. `_s` are seconds, the others shares and ratios. NaN: there is nothing to make the figure from. */
export type Figures = Readonly<ReturnType<typeof measure>>;
export type FigureName = keyof Figures;

const TAIL_SHARE = 0.1;

/**
 * Hints are put in order of their number of requests, fewest first (ties by name), and taken as long as together they have at most a
 * tenth of all REQUESTS. The least popular is always among them.
 */
export function leastPopularTenth(workload: Workload): ReadonlySet<string> {
  const rising = hintsOf(workload).sort(([a, one], [b, other]) => one - other || (a < b ? -1 : 1));
  const tail = new Set<string>();
  let requests = 0;
  for (const [hint, count] of rising) {
    requests += count;
    if (tail.size > 0 && requests > workload.length * TAIL_SHARE) break;
    tail.add(hint);
  }
  return tail;
}

/** What a path's runs are compared with: the ideal queue's times, and which hints are the tail. */
export function yardstick(workload: Workload, ideal: Run) {
  const times = timesOf(ideal.outcomes);
  return { meanS: times.mean_s, p95S: times.p95_s, tail: leastPopularTenth(workload) };
}

/** O(n log n). */
export function measure(
  workload: Workload,
  { outcomes, advisedLoadsMs }: Run,
  { meanS, p95S, tail }: ReturnType<typeof yardstick>,
) {
  const times = timesOf(outcomes);
  const share = (is: (outcome: Outcome) => boolean) => outcomes.filter(is).length / outcomes.length;
  const loads = outcomes.filter(({ cold }) => cold === "load");
  const homeShare = (place: number) => loads.filter(({ home }) => home === place).length / loads.length;
  return {
    ...times,
    /** Over the same of the ideal queue on the same path. */
    ...{ ratio_mean: times.mean_s / meanS, ratio_p95: times.p95_s / p95S },
    miss: missOf(outcomes),
    /** GPU time spent loading, seconds a request. */
    load_s: (sum(outcomes.map(({ loadMs }) => loadMs)) + sum([...advisedLoadsMs])) / outcomes.length / 1000,
    /** Loads by advice, a request. */
    advised: advisedLoadsMs.length / outcomes.length,
    /** Of the loads, those on the first replica of the hint's hash order, and on the second. */
    ...{ first_home: homeShare(0), second_home: homeShare(1) },
    /** Of the requests of the least popular hints. */
    tail_mean_s: timesOf(outcomes.filter((_, index) => tail.has(workload[index]?.hint ?? ""))).mean_s,
    /** Of all requests, those that waited until their deadline, those refused at once, and those that their replica failed. */
    timed_out: share(({ refused }) => refused === "timed_out"),
    queue_full: share(({ refused }) => refused === "queue_full"),
    failed: share(({ failed }) => failed),
    /** Those that isolates sent by themselves, and those that found their replica full; the 99th percentile of the wait in the replica. */
    direct: share(({ direct }) => direct),
    found_full: share(({ foundFull }) => foundFull),
    queued_p99_s: quantile(
      outcomes.map(({ queuedMs }) => queuedMs / 1000),
      0.99,
    ),
    /** 1: the queue grew without bound, and times say only how long the run was. 0: it did not. */
    unbounded: Number(isUnbounded(workload, outcomes)),
  };
}

/** Of served requests, those that did not find their hint loaded. */
export function missOf(outcomes: readonly Outcome[]): number {
  const served = outcomes.filter((outcome) => outcome.served);
  return served.filter(({ cold }) => cold !== "warm").length / served.length;
}

/** Time in system, from arrival to the end of the answer, of served requests; the longest wait for a slot of all. */
export function timesOf(outcomes: readonly Outcome[]) {
  const times = outcomes.filter(({ served }) => served).map(({ inSystemMs }) => inSystemMs / 1000);
  times.sort((a, b) => a - b);
  const at = (share: number) => (times.length === 0 ? NaN : quantileSorted(times, share));
  return {
    mean_s: times.length === 0 ? NaN : mean(times),
    ...{ p50_s: at(0.5), p95_s: at(0.95), p99_s: at(0.99), max_s: at(1) },
    longest_wait_s: outcomes.length === 0 ? NaN : max(outcomes.map(({ waitedMs }) => waitedMs / 1000)),
  };
}

/** Each figure's mean over paths. */
export function averaged(paths: readonly Figures[]): Figures {
  return combined(paths, mean);
}

/** Of averaged figures: on half of the paths or more the queue grew without bound, so mean times say little but how long runs were. */
export function isMostlyUnbounded({ unbounded }: Figures): boolean {
  return unbounded >= 0.5;
}

/** Each figure's sample standard deviation over paths. A single path has none. */
export function deviations(paths: readonly Figures[]): Figures {
  return combined(paths, (values) => (values.length < 2 ? NaN : sampleStandardDeviation(values)));
}

function combined(paths: readonly Figures[], combine: (values: number[]) => number): Figures {
  const names = Object.keys(paths[0] ?? {}) as FigureName[];
  return Object.fromEntries(names.map((name) => [name, combine(paths.map((figures) => figures[name]))])) as Figures;
}
