// Requests that found every candidate full, in order of arrival. Bounded by QUEUE_LENGTH_MAX; every one has a deadline.
import type { Wanted } from "./decide.ts";

export interface Waiting extends Wanted {
  readonly id: number;
  /** Arrival at the router, also where the request had to ask again after a restart: its place in the order. */
  readonly arrivedAtMs: number;
  readonly deadlineMs: number;
}

/** Oldest first. */
export type WaitingRoom = Waiting[];

/** Puts a request in its place by arrival, nearly always the last. O(n) at worst. */
export function join(room: WaitingRoom, waiting: Waiting): void {
  let place = room.length;
  while (place > 0 && (room[place - 1]?.arrivedAtMs ?? -Infinity) > waiting.arrivedAtMs) place--;
  room.splice(place, 0, waiting);
}

/** Takes a request out. Says whether it was there. O(n). */
export function leave(room: WaitingRoom, id: number): boolean {
  const place = room.findIndex((waiting) => waiting.id === id);
  if (place < 0) return false;
  room.splice(place, 1);
  return true;
}

/** The requests whose deadline has passed; they stay. O(n). */
export function overdue(room: WaitingRoom, now: number): readonly Waiting[] {
  return room.filter((waiting) => waiting.deadlineMs <= now);
}
