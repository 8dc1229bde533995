// The requests of a simulation: when each arrives, what it needs, how long serving it takes; how they are fitted to a load; and other
// histories made from the same requests.
import { seeded } from "./random.ts";

export interface Request {
  readonly atMs: number;
  /** The one hint that the request sends. */
  readonly hint: string;
  readonly serviceMs: number;
}

/** In order of arrival. */
export type Workload = readonly Request[];

const HOUR_MS = 3_600_000;
const BLOCK_MS = 12 * HOUR_MS;

export function totalServiceMs(workload: Workload): number {
  return workload.reduce((total, { serviceMs }) => total + serviceMs, 0);
}

/** Hints with their numbers of requests, most first. Of equals, the hint that came first is first. */
export function hintsOf(workload: Workload): [hint: string, requests: number][] {
  const counts = new Map<string, number>();
  for (const { hint } of workload) counts.set(hint, (counts.get(hint) ?? 0) + 1);
  return [...counts].sort(([, one], [, other]) => other - one);
}

/**
 * `count`: every hour gets a length in proportion to its number of requests. `demand`: in proportion to the service time asked for in the
 * hour. Day and night go. The order stays, and so does the spacing inside an hour, in proportion.
 */
export const RETIMINGS = ["count", "demand"] as const;
export type Retiming = (typeof RETIMINGS)[number];

/**
 * Moves arrivals until sum of service times / (replicas x concurrency x span) is the load: a trace's own rate says nothing about another
 * fleet. Loads of models are not counted. `slots` is replicas x concurrency. `load` is above 0. The workload asks for some service. O(n).
 */
export function retime(workload: Workload, how: Retiming, load: number, slots: number): Workload {
  const startMs = workload[0]?.atMs ?? 0;
  const hourOf = (request: Request) => Math.floor((request.atMs - startMs) / HOUR_MS);
  const hours = new Map<number, { start: number; length: number }>();
  for (const request of workload) {
    const hour = hours.get(hourOf(request)) ?? { start: 0, length: 0 };
    hour.length += how === "count" ? 1 : request.serviceMs;
    hours.set(hourOf(request), hour);
  }
  let total = 0;
  for (const hour of hours.values()) {
    hour.start = total;
    total += hour.length;
  }
  /** Times in shares of the whole. */
  const moved = workload.map((request) => {
    const { start, length } = hours.get(hourOf(request)) ?? { start: 0, length: 0 };
    const within = (request.atMs - startMs) / HOUR_MS - hourOf(request);
    return { ...request, atMs: (start + within * length) / total };
  });
  // The last hour is seldom a whole one. So the last request ends the span, and not the end of its hour.
  const last = moved.at(-1)?.atMs ?? 0;
  const factor = last > 0 ? totalServiceMs(workload) / (slots * load) / last : 0;
  return moved.map((request) => ({ ...request, atMs: request.atMs * factor }));
}

/** Sum of service times / (slots x span), as `retime` has it, of a workload as it is. Infinity: all happens at once. O(n). */
export function offeredLoad(workload: Workload, slots: number): number {
  return totalServiceMs(workload) / (slots * spanMs(workload));
}

/** The same with the first request at 0. O(n). */
export function fromZero(workload: Workload): Workload {
  const startMs = workload[0]?.atMs ?? 0;
  return workload.map((request) => ({ ...request, atMs: request.atMs - startMs }));
}

/** How much service time the busiest hour asks for, over the mean of all whole and begun hours from the first request. O(n). */
export function peakOverMean(workload: Workload): number {
  const startMs = workload[0]?.atMs ?? 0;
  const hours = Array.from({ length: Math.floor(spanMs(workload) / HOUR_MS) + 1 }, () => 0);
  for (const { atMs, serviceMs } of workload) {
    const hour = Math.floor((atMs - startMs) / HOUR_MS);
    hours[hour] = (hours[hour] ?? 0) + serviceMs;
  }
  return (Math.max(...hours) * hours.length) / totalServiceMs(workload);
}

export function spanMs(workload: Workload): number {
  return (workload.at(-1)?.atMs ?? 0) - (workload[0]?.atMs ?? 0);
}

/**
 * Another history: as many blocks as the workload has, drawn with replacement, one after the other (Künsch 1989 with blocks that do not
 * overlap: Carlstein 1986). A block keeps what happens inside half a day: bursts, sessions, which models are in fashion. The last, unfinished
 * block takes part and leaves the rest of its time empty. Retiming comes later. O(n) in what comes out.
 */
export function bootstrap(workload: Workload, seed: number, blockMs = BLOCK_MS): Workload {
  const random = seeded(seed);
  const startMs = workload[0]?.atMs ?? 0;
  const blocks: Request[][] = Array.from({ length: blockCount(workload, blockMs) }, () => []);
  for (const request of workload) blocks[Math.floor((request.atMs - startMs) / blockMs)]?.push(request);
  return blocks.flatMap((_, place) => {
    const source = Math.floor(random() * blocks.length);
    const shiftMs = (place - source) * blockMs;
    return (blocks[source] ?? []).map((request) => ({ ...request, atMs: request.atMs + shiftMs }));
  });
}

export function blockCount(workload: Workload, blockMs = BLOCK_MS): number {
  return workload.length === 0 ? 0 : Math.floor(spanMs(workload) / blockMs) + 1;
}
