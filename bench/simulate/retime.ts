// Fits a workload to a wanted load. A trace's own rate says nothing about another fleet, so arrivals are moved in time until
// sum of service times / (replicas x concurrency x span) is the load. Loads of models are not counted. Nothing else changes: not the
// order, not the hints, not the service times.
import { totalServiceMs, type Request, type Workload } from "./workload.ts";

/**
 * `count`: every hour gets a length in proportion to its number of requests; `demand`: to the service time asked for in it. Day and
 * night go, order and (in proportion) spacing inside an hour stay.
 */
export type Retiming = "count" | "demand";

export const RETIMINGS = ["count", "demand"] as const satisfies readonly Retiming[];

const HOUR_MS = 3_600_000;

/** O(n). `slots` is replicas x concurrency; `load` is above 0; the workload asks for some service. */
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
  // The last hour is seldom a whole one: what is moved is stretched so that the last request, not the end of its hour, ends the span.
  const last = moved.at(-1)?.atMs ?? 0;
  const factor = last > 0 ? totalServiceMs(workload) / (slots * load) / last : 0;
  return moved.map((request) => ({ ...request, atMs: request.atMs * factor }));
}
