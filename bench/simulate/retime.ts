// Fits a workload to a wanted load. A trace's own rate says nothing about another fleet, so arrivals are moved in time until
// sum of service times / (replicas x concurrency x span) is the load. Loads of models are not counted. Nothing else changes: not the
// order, not the hints, not the service times.
import { totalServiceMs, type Request, type Workload } from "./workload.ts";

/**
 * `count`: every hour gets a length in proportion to its number of requests; `demand`: to the service time asked for in it; day and
 * night go, order and (in proportion) spacing inside an hour stay. `linear`: one factor for all, which keeps day and night.
 */
export type Retiming = "count" | "demand" | "linear";

export const RETIMINGS: readonly Retiming[] = ["count", "demand", "linear"];

const HOUR_MS = 3_600_000;

/** O(n). `slots` is replicas x concurrency; `load` is above 0; the workload asks for some service. */
export function retime(workload: Workload, how: Retiming, load: number, slots: number): Workload {
  const spanMs = totalServiceMs(workload) / (slots * load);
  const moved = how === "linear" ? fromZero(workload) : flat(workload, how);
  // The last hour is seldom a whole one: what is moved is stretched so that the last request, not the end of its hour, ends the span.
  const last = moved.at(-1)?.atMs ?? 0;
  const factor = last > 0 ? spanMs / last : 0;
  return moved.map((request) => ({ ...request, atMs: request.atMs * factor }));
}

function fromZero(workload: Workload): Workload {
  const startMs = workload[0]?.atMs ?? 0;
  return workload.map((request) => ({ ...request, atMs: request.atMs - startMs }));
}

/** Times in shares of the whole: each hour as long as its weight. */
function flat(workload: Workload, how: "count" | "demand"): Workload {
  const weightOf = (request: Request) => (how === "count" ? 1 : request.serviceMs);
  const startMs = workload[0]?.atMs ?? 0;
  const hourOf = (request: Request) => Math.floor((request.atMs - startMs) / HOUR_MS);
  const hours = new Map<number, { start: number; length: number }>();
  for (const request of workload) {
    const hour = hours.get(hourOf(request)) ?? { start: 0, length: 0 };
    hour.length += weightOf(request);
    hours.set(hourOf(request), hour);
  }
  let total = 0;
  for (const hour of hours.values()) {
    hour.start = total;
    total += hour.length;
  }
  return workload.map((request) => {
    const { start, length } = hours.get(hourOf(request)) ?? { start: 0, length: 0 };
    const within = (request.atMs - startMs) / HOUR_MS - hourOf(request);
    return { ...request, atMs: (start + within * length) / total };
  });
}
