// The bound that figures are compared with: one queue, first come first served, where loads cost nothing and nothing fails.
import { blank, type Run } from "./outcome.ts";
import type { Workload } from "./workload.ts";
import type { WorldOptions } from "./world.ts";

type Servers = Pick<WorldOptions, "replicas" | "concurrency" | "speeds">;

/** Each request goes to the first slot that is free, or else to the first that frees. O(requests x slots). */
export function idealRun(workload: Workload, { replicas, concurrency, speeds = [] }: Servers): Run {
  const freeMs = Array.from({ length: replicas * concurrency }, () => -Infinity);
  let endMs = 0;
  const outcomes = workload.map(({ atMs, serviceMs }) => {
    const free = freeMs.findIndex((its) => its <= atMs);
    const slot = free < 0 ? freeMs.indexOf(Math.min(...freeMs)) : free;
    const startMs = Math.max(atMs, freeMs[slot] ?? 0);
    const overMs = startMs + serviceMs / (speeds[Math.floor(slot / concurrency)] ?? 1);
    freeMs[slot] = overMs;
    endMs = Math.max(endMs, overMs);
    return { ...blank(), waitedMs: startMs - atMs, inSystemMs: overMs - atMs, served: true };
  });
  return { outcomes, endMs, advisedLoadsMs: [] };
}
