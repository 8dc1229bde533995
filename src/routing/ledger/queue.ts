// Requests that wait, in lanes (lanes.ts): those that want the same and may be taken in turn. A lane keeps the order of arrival; which lane
// is next is decided elsewhere (priority.ts). Bounded by QUEUE_LENGTH_MAX; every request has a deadline.
import type { Wanted } from "../policy/decide.ts";
import { drop, put } from "./index-by.ts";
import { Lanes, type Lane } from "./request-classes.ts";
import type { Priority } from "../policy/priority.ts";

export interface Waiting extends Wanted {
  readonly id: number;
  /** Arrival at the router, also where the request had to ask again after a restart: its place in the order. */
  readonly arrivedAtMs: number;
  readonly deadlineMs: number;
  /** What its client says serving it costs; null: nothing. */
  readonly claimedMs: number | null;
  readonly priority: Priority;
  /** The number of its arrival; null: it is a retry. */
  readonly countedAt: number | null;
  /** How long it was expected to hold a slot when it came, and its first hint to load. */
  readonly expectedMs: number;
  readonly loadMs: number;
  /** When it first rather waited for a warm replica than load on a free one, since the room's `fullAtMs`; Infinity: it never did. */
  declinedAtMs: number;
}

export interface WaitingRoom {
  readonly waiting: Map<number, Waiting>;
  readonly lanes: Lanes;
  /** By each hint that they want; those that want none are under the empty one. */
  readonly lanesOf: Map<string, Set<Lane>>;
  /** How many wait for a hint before all others. */
  readonly byHint: Map<string, number>;
  /** Those that may not go everywhere. */
  readonly avoiding: Map<number, Waiting>;
  /** How many of each priority. */
  readonly count: Record<Priority, number>;
  /** Time that serving all but those of low priority is expected to take, were all warm. */
  workMs: number;
  /** No deadline is before; a lower bound. */
  nextDeadlineMs: number;
  /** Of binding, so far. */
  rounds: number;
  /** When no slot was free last. */
  fullAtMs: number;
}

export function createWaitingRoom(): WaitingRoom {
  return {
    waiting: new Map(),
    lanes: new Lanes(),
    lanesOf: new Map(),
    byHint: new Map(),
    avoiding: new Map(),
    count: { high: 0, normal: 0, low: 0 },
    workMs: 0,
    nextDeadlineMs: Infinity,
    rounds: 0,
    fullAtMs: -Infinity,
  };
}

/** Puts a request in its place by arrival, nearly always the last of its lane. O(lane) at worst. */
export function join(room: WaitingRoom, waiting: Waiting): void {
  const key = keyOf(waiting);
  const lane = room.lanes.get(key) ?? openLane(room, key, waiting);
  let place = lane.queue.length;
  while (place > 0 && (lane.queue[place - 1]?.arrivedAtMs ?? -Infinity) > waiting.arrivedAtMs) place--;
  lane.queue.splice(place, 0, waiting);
  room.lanes.changed(lane, place === 0);
  // The newcomer may be less patient than those who were asked.
  room.lanes.patientUntilMs[lane.row] = 0;
  if (place === 0) room.lanes.servingMs[lane.row] = waiting.expectedMs;
  room.waiting.set(waiting.id, waiting);
  if (waiting.avoid.length > 0) room.avoiding.set(waiting.id, waiting);
  const [hint] = waiting.hints;
  if (hint !== undefined) room.byHint.set(hint, (room.byHint.get(hint) ?? 0) + 1);
  room.count[waiting.priority]++;
  if (waiting.priority !== "low") room.workMs += waiting.expectedMs;
  room.nextDeadlineMs = Math.min(room.nextDeadlineMs, waiting.deadlineMs);
}

function openLane({ lanes, lanesOf }: WaitingRoom, key: string, waiting: Waiting): Lane {
  const lane = lanes.open(key, waiting);
  for (const hint of wantedBy(lane)) put(lanesOf, hint, lane);
  return lane;
}

function closeLane({ lanes, lanesOf }: WaitingRoom, lane: Lane): void {
  lanes.close(lane);
  for (const hint of wantedBy(lane)) drop(lanesOf, hint, lane);
}

function wantedBy({ hints }: Lane): readonly string[] {
  return hints.length === 0 ? [""] : hints;
}

/** A request for the hint was served, so more is known of how long they hold a slot; null: of those that want none. O(lanes of the hint). */
export function forgetServing({ lanes, lanesOf }: WaitingRoom, hint: string | null): void {
  for (const { row } of lanesOf.get(hint ?? "") ?? []) lanes.servingMs[row] = NaN;
}

/** Takes a request out. Says whether it was there. O(lane). */
export function leave(room: WaitingRoom, id: number): boolean {
  const waiting = room.waiting.get(id);
  if (waiting === undefined) return false;
  room.waiting.delete(id);
  room.count[waiting.priority]--;
  room.avoiding.delete(id);
  const lane = room.lanes.get(keyOf(waiting));
  if (lane !== undefined) {
    const place = lane.queue.indexOf(waiting);
    lane.queue.splice(place, 1);
    room.lanes.changed(lane, place === 0);
    if (lane.queue.length === 0) closeLane(room, lane);
  }
  const [hint] = waiting.hints;
  if (hint !== undefined) {
    const others = (room.byHint.get(hint) ?? 1) - 1;
    if (others > 0) room.byHint.set(hint, others);
    else room.byHint.delete(hint);
  }
  if (room.waiting.size === room.count.low) room.workMs = 0;
  else if (waiting.priority !== "low") room.workMs -= waiting.expectedMs;
  return true;
}

/** The requests whose deadline has passed, told once: whoever asks must take them out. O(1) before the first deadline, else O(n). */
export function overdue(room: WaitingRoom, now: number): readonly Waiting[] {
  if (room.nextDeadlineMs > now) return [];
  const late: Waiting[] = [];
  room.nextDeadlineMs = Infinity;
  for (const waiting of room.waiting.values()) {
    if (waiting.deadlineMs <= now) late.push(waiting);
    else room.nextDeadlineMs = Math.min(room.nextDeadlineMs, waiting.deadlineMs);
  }
  return late;
}

/**
 * Requests share a lane when they want the same hints, may go to the same replicas, are equally urgent and cost about the same: those with
 * a claim within a factor of two. No hint holds a comma.
 */
function keyOf({ hints, avoid, claimedMs, priority }: Waiting): string {
  const cost = claimedMs === null ? "" : String(Math.floor(Math.log2(claimedMs)));
  return `${hints.join(",")}\n${cost}\n${priority}\n${avoid.join("\n")}`;
}
