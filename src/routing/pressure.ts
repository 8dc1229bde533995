// How much there is to do, lately: the share of slots that are busy, and the longest backlog. Both fade with time, counted in turns.
import { TUNING } from "./tuning.ts";

export interface Pressure {
  /** The share of slots that are busy; true at a time. */
  busyShare: number;
  busyAtMs: number;
  /** The longest that all who waited would have taken the fleet, lately; it fades only when another is noted. */
  backlogMs: number;
  backlogAtMs: number;
}

export function createPressure(): Pressure {
  return { busyShare: 0, busyAtMs: 0, backlogMs: 0, backlogAtMs: 0 };
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

function fadeSince(sinceMs: number, timeMs: number, now: number): number {
  return Math.exp(-Math.max(0, now - sinceMs) / timeMs);
}
