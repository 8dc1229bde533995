// Load on a live fleet: what is drawn for requests, and an open loop that sends requests at their times whatever became of those before.
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "../simulate/random.ts";
import { send } from "./client.ts";
import type { Asked } from "./proof.ts";
import type { Came, Leaving, Sending, Way } from "./records.ts";

/** A kind of request: its weight relative to others, and what is not drawn for each request. */
export interface Shape extends Omit<Partial<Sending>, "leaving"> {
  readonly weight: number;
  readonly answer?: Asked["shape"];
  readonly leaving?: (random: Random) => Leaving;
}

/** Draws hints: the hint of rank r with a probability in proportion to r to the power of -exponent. */
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

/** At least so long, and then exponential, cut off. The cut makes the mean a little smaller. */
export function serviceMs(random: Random, { leastMs, meanMs, mostMs }: ServiceTimes): number {
  return Math.round(Math.min(mostMs, leastMs + exponential(random, meanMs - leastMs)));
}

/** Draws by weight. */
export function weighted<T>(random: Random, from: readonly (readonly [T, number])[]): T {
  let left = random() * from.reduce((sum, [, weight]) => sum + weight, 0);
  return (from.find(([, weight]) => (left -= weight) < 0) ?? (from[0] as readonly [T, number]))[0];
}

export interface Timed<T extends Sending> {
  /** From the start. */
  readonly atMs: number;
  readonly sending: T;
}

export interface Sent<T extends Sending> {
  readonly sending: T;
  /** Null: the request has not ended yet. */
  came: Came | null;
}

export interface OpenLoop<T extends Sending> {
  /** A new way for each request, as the router may have moved. */
  readonly way: () => Way;
  /** No request is begun after the signal. */
  readonly signal: AbortSignal;
  readonly onSent?: (sent: Sent<T>) => void;
  readonly onCame?: (sending: T, came: Came) => void;
}

/** `requests` are in order of time. Returns when the last has ended. */
export async function sendOpenLoop<T extends Sending>(requests: Iterable<Timed<T>>, loop: OpenLoop<T>): Promise<void> {
  const { way, signal, onSent, onCame } = loop;
  const startMs = performance.now();
  const open = new Set<Promise<void>>();
  for (const { atMs, sending } of requests) {
    const earlyMs = startMs + atMs - performance.now();
    if (earlyMs > 0) await sleep(earlyMs, undefined, { signal }).catch(() => {});
    if (signal.aborted) break;
    const sent: Sent<T> = { sending, came: null };
    onSent?.(sent);
    const ended = send(sending, way()).then((came) => {
      sent.came = came;
      onCame?.(sending, came);
    });
    open.add(ended);
    void ended.finally(() => open.delete(ended));
  }
  await Promise.all(open);
}
