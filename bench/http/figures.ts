// What the rounds of a paired run come to. A round measures each worker once, so that what slows the machine slows all of them.
import { median, quantile } from "simple-statistics";

/** One worker in one round. Null: this system does not tell. */
export interface Sample {
  readonly cpuUs: number | null;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly failed: number;
}

/** The median and the quartiles: a quarter of the rounds is below the lower one, a quarter above the upper one. */
export interface Spread {
  readonly median: number;
  readonly lower: number;
  readonly upper: number;
}

export interface Figures {
  readonly cpu_us: Spread | null;
  /** Over the floor's CPU time in the same round. */
  readonly ratio: Spread | null;
  /** Over that of this checkout's router in the same round. */
  readonly ratio_to_router: Spread | null;
  readonly per_second: number;
  readonly p50_ms: number;
  readonly p99_ms: number;
  /** Requests that were not answered with success, of all rounds. */
  readonly failed: number;
}

/** Null if a value is missing. */
export function spread(values: readonly (number | null)[]): Spread | null {
  const known = values.filter((value) => value !== null);
  if (known.length === 0 || known.length < values.length) return null;
  const [lower = NaN, middle = NaN, upper = NaN] = quantile(known, [0.25, 0.5, 0.75]).map(rounded);
  return { median: middle, lower, upper };
}

/** Round by round. There is at least one round. */
export function figuresOf(its: readonly Sample[], floor: readonly Sample[], router: readonly Sample[]): Figures {
  const middle = (of: (sample: Sample) => number) => rounded(median(its.map(of)));
  return {
    cpu_us: spread(its.map(({ cpuUs }) => cpuUs)),
    ratio: spread(ratios(its, floor)),
    ratio_to_router: spread(ratios(its, router)),
    per_second: middle(({ perSecond }) => perSecond),
    p50_ms: middle(({ p50Ms }) => p50Ms),
    p99_ms: middle(({ p99Ms }) => p99Ms),
    failed: its.reduce((sum, { failed }) => sum + failed, 0),
  };
}

function ratios(its: readonly Sample[], base: readonly Sample[]): (number | null)[] {
  return its.map(({ cpuUs }, round) => {
    const under = base[round]?.cpuUs ?? null;
    return cpuUs === null || under === null || under === 0 ? null : cpuUs / under;
  });
}

/** Three digits, which is more than a measurement holds. */
export function rounded(value: number): number {
  return Number(value.toPrecision(3));
}
