// Other histories that might have been: a workload put together anew from blocks of its own time. Blocks keep what happens inside half
// a day (bursts, sessions, which models are in fashion), so their spread shows how much of a result is this one history.
// The moving parts are seeded; retiming comes after.
import { seeded } from "./random.ts";
import type { Request, Workload } from "./workload.ts";

const BLOCK_MS = 12 * 3_600_000;

/**
 * As many blocks as the workload has, drawn with replacement, one after the other (Künsch 1989 with blocks that do not overlap: Carlstein 1986). The last,
 * unfinished block takes part and leaves the rest of its time empty. O(n) in what comes out.
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
  const spanMs = (workload.at(-1)?.atMs ?? 0) - (workload[0]?.atMs ?? 0);
  return workload.length === 0 ? 0 : Math.floor(spanMs / blockMs) + 1;
}
