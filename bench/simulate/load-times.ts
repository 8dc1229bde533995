// How long a load takes, drawn from measured percentiles.
import * as v from "valibot";
import { seeded, seedFor, type Random } from "./random.ts";

export type LoadMs = (hint: string) => number;

/** Points of a distribution function: a `share` of loads take at most `ms`. Both rise. */
export type Percentiles = ReturnType<typeof parsePercentiles>;

/** Longest load that may be simulated. */
export const LOAD_MS_MAX = 3_600_000;

const EntriesSchema = v.pipe(v.string(), v.parseJson(), v.record(v.string(), v.record(v.string(), v.unknown())));
const LoadMsSchema = v.pipe(v.number(), v.minValue(0), v.maxValue(LOAD_MS_MAX));

/**
 * One entry of a file like `{"pipeline_update": {"p01": 0, "p50": 8454, "p99": 54286}}`, other fields ignored. `entry` may be null if there
 * is but one. Throws an Error that says what is wrong.
 */
export function parsePercentiles(text: string, name: string, entry: string | null) {
  const parsed = v.safeParse(EntriesSchema, text);
  if (!parsed.success) throw new Error(`${name} is no JSON object of entries with percentiles`);
  const known = Object.keys(parsed.output);
  const found = parsed.output[entry ?? (known.length === 1 ? (known[0] ?? "") : "")];
  if (found === undefined) throw new Error(`--cold-entry must name one of the entries of ${name}: ${known.join(", ")}`);
  const percentiles = Object.entries(found).flatMap(([field, ms]) => {
    const digits = /^p(\d{1,2})$/.exec(field)?.[1];
    if (digits === undefined) return [];
    if (v.is(LoadMsSchema, ms)) return [{ share: Number(digits) / 100, ms }];
    throw new Error(`${name}: ${field} must be a number from 0 to ${LOAD_MS_MAX}`);
  });
  percentiles.sort((a, b) => a.share - b.share);
  if (percentiles.length < 2) throw new Error(`${name} has fewer than two percentiles`);
  const falls = percentiles.some(({ ms }, index) => ms < (percentiles[index - 1]?.ms ?? 0));
  if (falls) throw new Error(`${name}: percentiles must rise`);
  return percentiles;
}

/** Inverse of the distribution function, linear between percentiles. The outermost ones stand for the tails, which are not known. */
export function atShare(percentiles: Percentiles, share: number): number {
  const above = percentiles.findIndex((percentile) => percentile.share >= share);
  const high = percentiles[above];
  const low = percentiles[above - 1];
  if (high === undefined) return percentiles.at(-1)?.ms ?? 0;
  if (low === undefined) return high.ms;
  return low.ms + ((high.ms - low.ms) * (share - low.share)) / (high.share - low.share);
}

/** Each hint draws from a stream of its own, so its n-th load takes as long under every policy. */
export function drawnLoadMs(percentiles: Percentiles, seed: number): LoadMs {
  const streams = new Map<string, Random>();
  return (hint) => {
    const random = streams.get(hint) ?? seeded(seedFor(seed, hint));
    streams.set(hint, random);
    return atShare(percentiles, random());
  };
}
