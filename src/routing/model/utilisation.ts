// How busy the fleet was lately: the longest backlog, which fades with time, and the share of replicas that requests find full, which fades with
// every request. The backlog fades by the same part in each `demandMemory` mean jobs of time.
import { TUNING } from "../tuning.ts";
import { addSample, emptyMean, valueOf } from "./mean.ts";

export class Utilisation {
  /** The longest backlog of late, as of `atMs`. Fades only when another backlog is noted. */
  backlogMs = 0;
  atMs = 0;
  /** The share of replicas that the last requests found full when they came. */
  readonly foundFull = emptyMean();
}

/**
 * Notes the backlog of this moment: how long the fleet would take to serve all that wait if they were warm. The longest is kept, so that a peak is
 * known as long as it drains. O(1).
 */
export function noteBacklog(utilisation: Utilisation, backlogMs: number, jobMs: number, now: number): void {
  const fade = Math.exp(-Math.max(0, now - utilisation.atMs) / (TUNING.demandMemory * jobMs));
  utilisation.backlogMs = Math.max(backlogMs, fade * utilisation.backlogMs);
  utilisation.atMs = now;
}

/** A request arrives, and finds this share of the replicas full. */
export function noteFull({ foundFull }: Utilisation, share: number): void {
  addSample(foundFull, share, TUNING.recentMemory);
}

/**
 * The chance that a request finds a replica full. The share of busy slots is another figure: a client that sends one request after another keeps a
 * slot busy all the time, but its requests find no slot taken.
 */
export function chanceFull({ foundFull }: Utilisation): number {
  return valueOf(foundFull, 0);
}
