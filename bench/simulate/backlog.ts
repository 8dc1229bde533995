// Whether a policy kept up with its requests.
import type { Outcome } from "./outcome.ts";
import type { Workload } from "./workload.ts";

const PARTS = 4;
/** A burst leaves fewer behind. */
const LEFT_OVER = { share: 0.01, least: 100 };

/** The rule of `isUnbounded`, for people. */
export const UNBOUNDED_RULE = `unbounded: the queue grew to the end, so times say only how long the run was, and none are shown. On average more requests waited in
each quarter of the run than in the one before, and when the last came, more than ${LEFT_OVER.share * 100} % of all waited (and more than ${LEFT_OVER.least}).`;

/**
 * Whether the queue grew without bound, as far as a run that ends can show. The time from the first arrival to the last is cut into quarters. It did if
 * on average more requests waited for a slot in each quarter than in the one before, and if at the last arrival more than 1 % of all requests,
 * and more than 100, waited. So the 1 % of what came that the fleet could not do in that time, at least, is what tells growth from a burst at the
 * end. Utilisation does not tell: queues of replicas that are not shared grow below 1, and a policy that makes more loads while it has the time
 * for them comes near 1 and keeps up. O(n).
 */
export function isUnbounded(workload: Workload, outcomes: readonly Outcome[]): boolean {
  const startMs = workload[0]?.atMs ?? 0;
  const endMs = workload.at(-1)?.atMs ?? 0;
  const partMs = (endMs - startMs) / PARTS;
  const waitedMs = Array.from({ length: PARTS }, () => 0);
  let left = 0;
  for (const [index, { atMs }] of workload.entries()) {
    const untilMs = atMs + (outcomes[index]?.waitedMs ?? 0);
    if (untilMs > endMs) left++;
    for (const part of waitedMs.keys()) {
      const fromMs = startMs + part * partMs;
      const overlapMs = Math.min(untilMs, fromMs + partMs) - Math.max(atMs, fromMs);
      if (overlapMs > 0) waitedMs[part] = (waitedMs[part] ?? 0) + overlapMs;
    }
  }
  const rises = waitedMs.every((its, part) => part === 0 || its > (waitedMs[part - 1] ?? 0));
  return rises && left > Math.max(LEFT_OVER.least, workload.length * LEFT_OVER.share);
}
