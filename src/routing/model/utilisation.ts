// How much there is to do, lately: the longest backlog, which fades with time, counted in jobs; and the share of replicas that requests find full, which
// fades with every request.
import { TUNING } from "../tuning.ts";
import { addSample, emptyMean, valueOf, type Mean } from "./mean.ts";

export interface Utilisation {
  /** The longest that all who waited would have taken the fleet, lately; true at that time. Fades only when another backlog is noted. */
  backlogMs: number;
  atMs: number;
  /** The share of replicas that the last requests found full when they came. */
  readonly foundFull: Mean;
}

export function createUtilisation(): Utilisation {
  return { backlogMs: 0, atMs: 0, foundFull: emptyMean() };
}

/** All who wait now would take the fleet so long, were they warm. Kept is the longest: a peak is known for what it is also while it drains. O(1). */
export function noteBacklog(utilisation: Utilisation, backlogMs: number, jobMs: number, now: number): void {
  const fade = Math.exp(-Math.max(0, now - utilisation.atMs) / (TUNING.demandMemory * jobMs));
  utilisation.backlogMs = Math.max(backlogMs, fade * utilisation.backlogMs);
  utilisation.atMs = now;
}

/** A request comes, and finds that share of replicas full. */
export function noteFull({ foundFull }: Utilisation, share: number): void {
  addSample(foundFull, share, TUNING.recentMemory);
}

/**
 * The chance that a request finds a replica full. The share of busy slots is not that chance: one client that asks for one thing after another keeps a
 * slot busy all the time, and finds none taken.
 */
export function chanceFull({ foundFull }: Utilisation): number {
  return valueOf(foundFull, 0);
}
