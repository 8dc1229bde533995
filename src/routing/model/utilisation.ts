// How much there is to do, lately: the share of slots that are busy and the longest backlog, which fade with time, counted in turns; and the
// share of replicas that requests find full, which fades with every request.
import { addSample, emptyMean, valueOf, type Mean } from "./mean.ts";
import { TUNING } from "../policy/tuning.ts";

export interface Pressure {
  /** The share of slots that are busy; true at a time. */
  busyShare: number;
  busyAtMs: number;
  /** The longest that all who waited would have taken the fleet, lately; it fades only when another is noted. */
  backlogMs: number;
  backlogAtMs: number;
  /** The share of replicas that the last requests found full when they came. */
  readonly foundFull: Mean;
}

export function createPressure(): Pressure {
  return { busyShare: 0, busyAtMs: 0, backlogMs: 0, backlogAtMs: 0, foundFull: emptyMean() };
}

/** So many of the slots were busy since the last call. */
export function noteBusy(pressure: Pressure, share: number, turnMs: number, now: number): void {
  const fade = fadeSince(pressure.busyAtMs, TUNING.busyTurns * turnMs, now);
  pressure.busyShare = fade * pressure.busyShare + (1 - fade) * share;
  pressure.busyAtMs = now;
}

/**
 * All who wait now would take the fleet so long, were they warm. Kept is the longest, which fades: a peak is known for what it is also
 * while it drains. O(1).
 */
export function noteBacklog(pressure: Pressure, backlogMs: number, turnMs: number, now: number): void {
  const fade = fadeSince(pressure.backlogAtMs, TUNING.backlogTurns * turnMs, now);
  pressure.backlogMs = Math.max(backlogMs, fade * pressure.backlogMs);
  pressure.backlogAtMs = now;
}

/** A request comes, and finds that share of replicas full. */
export function noteFull(pressure: Pressure, share: number): void {
  addSample(pressure.foundFull, share, TUNING.fullMemory);
}

/**
 * The chance that a request finds a replica full. The share of busy slots is not that chance: one client that asks for one thing after another
 * keeps a slot busy all the time, and finds none taken.
 */
export function chanceFull({ foundFull }: Pressure): number {
  return valueOf(foundFull, 0);
}

function fadeSince(sinceMs: number, timeMs: number, now: number): number {
  return Math.exp(-Math.max(0, now - sinceMs) / timeMs);
}
