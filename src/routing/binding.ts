// Late binding: waiting requests are bound to slots only when those are free. The request for which a slot is worth most goes first
// (priority.ts); a slot stays idle where each waiting request is better off waiting for its own warm replica.
import { decideCold, decideWarm, usableIn, type Choice, type Wanted } from "./decide.ts";
import { loadMs } from "./estimates.ts";
import type { Fleet, Replica } from "./fleet.ts";
import { foresee, nextStartMs } from "./foresight.ts";
import { leastRegretMs } from "./placement.ts";
import { costMs, insists, orderOf, priorityOf, worthWaitingMs, type Order } from "./priority.ts";
import type { Lane, Waiting, WaitingRoom } from "./waiting-room.ts";

/** `never`: no slot stays idle while a request waits, as fal documents. */
export type AffinityWait = "auto" | "never";

export interface Wait {
  readonly kind: "wait";
  /** When a replica that holds the hint is expected to be free, ms from now, and the longest wait that is better than a load. */
  readonly expectedMs: number;
  readonly worthMs: number;
}

/** What a request that has just come should do where slots are free: take one, wait for a warm one, or null: it can have none. */
export function considerNewcomer(
  fleet: Fleet,
  room: WaitingRoom,
  wanted: Wanted,
  affinityWait: AffinityWait,
  now: number,
): Choice | Wait | null {
  const usable = usableIn(fleet, wanted, now);
  const warm = decideWarm(fleet, wanted, usable, now);
  if (warm !== null) return warm;
  const cold = decideCold(fleet, wanted, usable);
  const [hint] = wanted.hints;
  if (cold === null || hint === undefined || affinityWait === "never") return cold;
  if (cold.replica.assumed.has(hint)) return cold;
  const foresight = foresee(fleet, wanted.hints, usable, now);
  if (foresight === null) return cold;
  const worthMs = worthWaitingMs(fleet, hint, cold.regretMs, room.waiting.size);
  let expectedMs = nextStartMs(foresight);
  for (let ahead = room.byHint.get(hint) ?? 0; ahead > 0 && expectedMs < worthMs; ahead--) expectedMs = nextStartMs(foresight);
  return expectedMs < worthMs ? { kind: "wait", expectedMs, worthMs } : cold;
}

/** A lane and how urgent it is to serve its head. */
interface Turn {
  readonly lane: Lane;
  readonly priority: number;
}

/** Whom a lane would send where. */
interface Prospect {
  readonly waiting: Waiting;
  readonly choice: Choice;
  readonly priority: number;
}

/**
 * Binds waiting requests to free slots, best first, until none is left that should be bound. `bound` must take the slot and the request
 * out of the room. Says whether a request was left waiting while a slot it could take is free.
 * O(lanes log lanes), plus a decision for each request bound.
 */
export function bindWaiting(
  fleet: Fleet,
  room: WaitingRoom,
  affinityWait: AffinityWait,
  now: number,
  bound: (waiting: Waiting, choice: Choice) => void,
): boolean {
  if (fleet.free.size === 0 || room.waiting.size === 0) return false;
  const binding = new Binding(fleet, room, affinityWait, now);
  const turns = [...room.lanes.values()].map((lane) => binding.turnOf(lane)).sort((a, b) => a.priority - b.priority);
  let kept = false;
  for (let turn = turns.pop(); turn !== undefined && fleet.free.size > 0; turn = turns.pop()) {
    const prospect = binding.prospectOf(turn.lane);
    if (prospect === null) {
      kept = true;
      continue;
    }
    if (prospect.priority < turn.priority && prospect.priority < (turns.at(-1)?.priority ?? -Infinity)) {
      insert(turns, { lane: turn.lane, priority: prospect.priority });
      continue;
    }
    bound(prospect.waiting, prospect.choice);
    if (turn.lane.queue.length > 0) insert(turns, binding.turnOf(turn.lane));
  }
  return kept;
}

/** One round of binding: what does not change while it lasts. */
class Binding {
  readonly #fleet: Fleet;
  readonly #room: WaitingRoom;
  readonly #affinityWait: AffinityWait;
  readonly #now: number;
  readonly #order: Order;
  readonly #usable: (replica: Replica) => boolean;
  readonly #regretMs: number;

  constructor(fleet: Fleet, room: WaitingRoom, affinityWait: AffinityWait, now: number) {
    this.#fleet = fleet;
    this.#room = room;
    this.#affinityWait = affinityWait;
    this.#now = now;
    this.#order = orderOf(fleet, room);
    this.#usable = usableIn(fleet, { hints: [], avoid: [] }, now);
    this.#regretMs = leastRegretMs(fleet, this.#usable);
  }

  /** The priority that the lane would have, by a quick look. */
  turnOf(lane: Lane): Turn {
    const [head] = lane.queue;
    if (head === undefined) return { lane, priority: -Infinity };
    const warm = head.hints.length === 0 || head.hints.some((hint) => this.#fleet.freeHolders.has(hint));
    return { lane, priority: this.#priority(lane, head, warm ? null : this.#regretMs) };
  }

  /** What the lane would do now; null: its requests can't have a slot, or are better off waiting. */
  prospectOf(lane: Lane): Prospect | null {
    const [head] = lane.queue;
    if (head === undefined) return null;
    const usable = head.avoid.length === 0 ? this.#usable : usableIn(this.#fleet, head, this.#now);
    const warm = decideWarm(this.#fleet, head, usable, this.#now);
    if (warm !== null) return { waiting: head, choice: warm, priority: this.#priority(lane, head, null) };
    const cold = decideCold(this.#fleet, head, usable);
    const [hint] = head.hints;
    if (cold === null || hint === undefined) return null;
    if (cold.replica.assumed.has(hint)) return { waiting: head, choice: cold, priority: this.#priority(lane, head, null) };
    const waiting = this.#whoLoads(lane, head, hint, cold.regretMs, usable);
    return waiting && { waiting, choice: cold, priority: this.#priority(lane, head, cold.regretMs) };
  }

  /** The first in the lane that would wait for a warm replica longer than is worth it; null: there is none. */
  #whoLoads(lane: Lane, head: Waiting, hint: string, regretMs: number, usable: (replica: Replica) => boolean): Waiting | null {
    if (this.#affinityWait === "never" || insists(head, this.#order, this.#now)) return head;
    const foresight = foresee(this.#fleet, head.hints, usable, this.#now);
    if (foresight === null) return head;
    const worthMs = worthWaitingMs(this.#fleet, hint, regretMs, this.#room.waiting.size);
    return lane.queue.find(() => nextStartMs(foresight) >= worthMs) ?? null;
  }

  /** `regretMs`: null where it is warm. */
  #priority(lane: Lane, head: Waiting, regretMs: number | null): number {
    const [hint = ""] = head.hints;
    if (regretMs === null) return priorityOf(head, head.expectedMs, this.#order, this.#now);
    const held = this.#fleet.holders.has(hint);
    const cost = costMs(head.expectedMs, loadMs(this.#fleet.estimates, hint), regretMs, held ? 1 : lane.queue.length);
    return priorityOf(head, cost, this.#order, this.#now);
  }
}

/** Keeps the turns in order of priority, the highest last. */
function insert(turns: Turn[], turn: Turn): void {
  let place = turns.length;
  while (place > 0 && (turns[place - 1]?.priority ?? -Infinity) > turn.priority) place--;
  turns.splice(place, 0, turn);
}
