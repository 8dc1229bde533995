// What clients announce: each request some time before it comes, and hints that nobody then asks for.
import type { Random } from "./random.ts";
import type { Workload } from "./workload.ts";

export interface Prewarming {
  /** How long before its request an announcement comes. */
  readonly aheadMs: number;
  /** The probability that a false announcement comes with a true one. */
  readonly falseShare: number;
}

export interface Announcement {
  readonly atMs: number;
  readonly hint: string;
}

/** In the order in which they come. A false one names the hint of some request, so popular hints more often. O(n). */
export function announcementsOf(
  workload: Workload,
  { aheadMs, falseShare }: Prewarming,
  random: Random,
): readonly Announcement[] {
  return workload.flatMap(({ atMs, hint }) => {
    const comesAtMs = Math.max(0, atMs - aheadMs);
    const other = random() < falseShare ? workload[Math.floor(random() * workload.length)] : undefined;
    return [{ atMs: comesAtMs, hint }, ...(other === undefined ? [] : [{ atMs: comesAtMs, hint: other.hint }])];
  });
}
