// What is drawn for requests: hints by Zipf's law, times between arrivals, times of service.
import type { Random } from "../simulate/random.ts";
import type { Asked } from "./proof.ts";
import type { Leaving, Sending } from "./sending.ts";

/** A kind of request: how often it comes, relative to others, and what is not drawn for each. */
export interface Shape extends Omit<Partial<Sending>, "leaving"> {
  readonly weight: number;
  readonly answer?: Asked["shape"];
  readonly leaving?: (random: Random) => Leaving;
}

/** Draws hints: that of rank r with a probability in proportion to r to the power of -exponent. */
export function zipf(hints: number, exponent: number, random: Random): () => string {
  const weights = Array.from({ length: hints }, (_, index) => [`hint-${index + 1}`, (index + 1) ** -exponent] as const);
  return () => weighted(random, weights);
}

/** The times of a Poisson process of `perSecond` on average. */
export function* poisson(random: Random, perSecond: number, fromMs: number, toMs: number): Generator<number> {
  for (let atMs = fromMs; ;) {
    atMs += exponential(random, 1000 / perSecond);
    if (atMs >= toMs) return;
    yield atMs;
  }
}

function exponential(random: Random, mean: number): number {
  return -Math.log(1 - random()) * mean;
}

export interface ServiceTimes {
  readonly leastMs: number;
  readonly meanMs: number;
  readonly mostMs: number;
}

/** At least so long, and then exponential, cut off. The cut makes the mean a little less than it says. */
export function serviceMs(random: Random, { leastMs, meanMs, mostMs }: ServiceTimes): number {
  return Math.round(Math.min(mostMs, leastMs + exponential(random, meanMs - leastMs)));
}

/** By weight. */
export function weighted<T>(random: Random, from: readonly (readonly [T, number])[]): T {
  let left = random() * from.reduce((sum, [, weight]) => sum + weight, 0);
  return (from.find(([, weight]) => (left -= weight) < 0) ?? (from[0] as readonly [T, number]))[0];
}
