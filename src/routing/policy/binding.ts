// Late binding: waiting requests are bound to slots only when those are free. The request for which a slot is worth most goes first
// (priority.ts); a slot stays idle where each waiting request is better off waiting for its own warm replica.
import { coldChoice, decideWarm, isServing, loadableIn, usableIn, usableSlots, type Choice } from "./decide.ts";
import type { Fleet, Replica } from "../ledger/fleet.ts";
import { expectedMs } from "../model/estimates.ts";
import { elsewhereMs, foresee, nextStartMs, startSooner } from "./availability-forecast.ts";
import type { Lane, Lanes } from "../ledger/request-classes.ts";
import { LIMITS } from "../limits.ts";
import type { AffinityWait } from "./newcomer.ts";
import { leastRegretMs, placeHint, Regrets } from "./placement.ts";
import { coldCostMs, insistsAtMs, orderOf, priorityOf, sharersOf, warmCostMs, worthWaitingMs, type Order } from "./priority.ts";
import { Turns } from "./turns.ts";
import type { Waiting, WaitingRoom } from "../ledger/queue.ts";

/** Puts a priority behind all others and keeps the order among its like; those of others differ by far less. */
const BEHIND = 2 ** -200;

/** Whom a lane would send where. */
interface Prospect {
  readonly waiting: Waiting;
  /** Made when it is taken: its reason takes a look at every replica. */
  readonly choice: () => Choice;
  readonly priority: number;
}

/**
 * Binds waiting requests to free slots, best first, until none is left that should be bound. `bound` must take the slot and the request
 * out of the room. Where requests are left waiting beside a free slot, says when to decide again; Infinity: there are none.
 * O(lanes), plus O(log lanes) and a decision for each request bound, for at most `lanesAsked` that rather wait, and for at most as many as there
 * are lanes that are less urgent than they looked; as often as there are requests bound where replicas are suspect.
 */
export function bindWaiting(
  fleet: Fleet,
  room: WaitingRoom,
  affinityWait: AffinityWait,
  now: number,
  bound: (waiting: Waiting, choice: Choice) => void,
): number {
  for (;;) {
    let taken = 0;
    const lookAgainMs = bindRound(fleet, room, affinityWait, now, (waiting, choice) => {
      taken++;
      bound(waiting, choice);
    });
    // With the last sound replica taken, suspects may be tried.
    if (taken === 0 || fleet.suspects.size === 0) return lookAgainMs;
  }
}

function bindRound(
  fleet: Fleet,
  room: WaitingRoom,
  affinityWait: AffinityWait,
  now: number,
  bound: (waiting: Waiting, choice: Choice) => void,
): number {
  if (fleet.free.size === 0) room.fullAtMs = now;
  if (fleet.free.size === 0 || room.waiting.size === 0) return Infinity;
  const binding = new Binding(fleet, room, affinityWait, now);
  const turns = new Turns();
  for (let row = 0; row < room.lanes.size; row++) binding.giveTurn(turns, row);
  // How often a lane may turn out to be less urgent than it looked: with each request bound all may be.
  let again = room.lanes.size;
  for (let turn = turns.pop(); turn !== null && fleet.free.size > 0; turn = turns.pop()) {
    const prospect = binding.prospectOf(turn.lane);
    if (prospect === null) {
      binding.limitAsking(turns);
      continue;
    }
    if (again > 0 && prospect.priority < turn.priority && prospect.priority <= turns.highest()) {
      again--;
      turns.push(turn.lane, prospect.priority);
      continue;
    }
    const choice = prospect.choice();
    bound(prospect.waiting, choice);
    binding.changed(choice, turns);
    binding.giveTurn(turns, turn.lane.row);
  }
  if (fleet.free.size === 0) room.fullAtMs = now;
  return fleet.free.size === 0 || room.waiting.size === 0 ? Infinity : binding.nextLookMs();
}

/** One round of binding: what does not change while it lasts. */
class Binding {
  readonly #fleet: Fleet;
  readonly #room: WaitingRoom;
  readonly #lanes: Lanes;
  readonly #round: number;
  readonly #affinityWait: AffinityWait;
  readonly #now: number;
  readonly #order: Order;
  readonly #usable: (replica: Replica) => boolean;
  readonly #regrets: Regrets;
  readonly #regretMs: number;
  /** How many waited when the round began: costs that fell with each request bound would have all lanes looked at again. */
  readonly #waiting: number;
  /** Lanes that would rather wait, as they said in this round; whether there were enough; and whether others were left unasked. */
  #asked = 0;
  #limited = false;
  #unasked = false;
  /** When one that waits takes any slot, or one that said so before may be asked again. */
  #lookMs = Infinity;

  constructor(fleet: Fleet, room: WaitingRoom, affinityWait: AffinityWait, now: number) {
    this.#fleet = fleet;
    this.#room = room;
    this.#lanes = room.lanes;
    this.#round = ++room.rounds;
    this.#affinityWait = affinityWait;
    this.#now = now;
    this.#order = orderOf(fleet);
    this.#usable = usableIn(fleet, { hints: [], avoid: [] }, now);
    this.#regrets = new Regrets(fleet);
    this.#regretMs = leastRegretMs(fleet, this.#usable, this.#regrets);
    this.#waiting = room.waiting.size;
    const fewer = room.lanesOf.size < fleet.freeHolders.size ? room.lanesOf : fleet.freeHolders;
    for (const hint of fewer.keys()) {
      const holders = fleet.freeHolders.get(hint);
      if (holders === undefined) continue;
      for (const lane of room.lanesOf.get(hint) ?? []) if (this.#isWarmFor(lane, hint, holders)) this.#setWarm(lane, true);
    }
  }

  /** Whether the lane could have found a free warm replica when it was last looked at. */
  #setWarm({ row }: Lane, warm: boolean): void {
    this.#lanes.warmInRound[row] = warm ? this.#round : 0;
  }

  #isWarm(row: number): boolean {
    return (this.#lanes.warmInRound[row] ?? 0) >= this.#round;
  }

  #isWarmFor(lane: Lane, hint: string, holders: ReadonlySet<Replica>): boolean {
    const [head] = lane.queue;
    const usable = lane.open || head === undefined ? this.#usable : usableIn(this.#fleet, head, this.#now);
    for (const holder of holders) if (isServing(this.#fleet, holder, hint, this.#now) && usable(holder)) return true;
    return false;
  }

  /** Puts the lane in its place by a quick look; not where it is closed, or would rather wait, as it said a moment ago. */
  giveTurn(turns: Turns, row: number): void {
    const lane = this.#lanes.rows[row];
    if (lane === undefined || (this.#regretMs === Infinity && lane.open)) return;
    const warm = this.#isWarm(row);
    const patientUntilMs = this.#lanes.patientUntilMs[row] ?? 0;
    if (!warm && patientUntilMs > this.#now) {
      this.#lookMs = Math.min(this.#lookMs, patientUntilMs);
      return;
    }
    // Of a warm one the least: whether another could take it is a longer look.
    turns.push(lane, this.#priority(row, warm ? this.#servingMs(lane) : this.#coldCost(lane, this.#regretMs)));
  }

  /** What the lane would do now; null: its requests can't have a slot, or are better off waiting. */
  prospectOf(lane: Lane): Prospect | null {
    const [head] = lane.queue;
    if (head === undefined) return null;
    const usable = head.avoid.length === 0 ? this.#usable : usableIn(this.#fleet, head, this.#now);
    const warm = decideWarm(this.#fleet, head, usable, this.#now);
    if (warm !== null) {
      return {
        waiting: head,
        choice: () => warm,
        priority: this.#priority(lane.row, this.#warmCost(lane, warm, usable)),
      };
    }
    const [hint] = head.hints;
    if (hint === undefined) return null;
    this.#setWarm(lane, false);
    if (this.#asked >= LIMITS.lanesAsked) {
      this.#unasked = true;
      return null;
    }
    // What a load would evict takes a longer look, and can only make waiting worth more. (So a lane may be patient for a moment also where
    // no free replica may be used any more, which would have been no answer.)
    if (lane.open && this.#whoLoads(lane, head, hint, 0, usable) === null) return null;
    const loadable = loadableIn(this.#fleet, hint, usable, this.#now);
    const placement = placeHint(this.#fleet, hint, loadable, this.#regrets);
    if (placement === null) return null;
    const waiting = this.#whoLoads(lane, head, hint, placement.regretMs, usable);
    if (waiting === null) return null;
    const priority = this.#priority(lane.row, this.#coldCost(lane, placement.regretMs));
    return { waiting, choice: () => coldChoice(this.#fleet, hint, placement), priority };
  }

  /** The replica has been given a request: what it would regret is not what it was, and others may find warm there what it loads. */
  changed({ replica, hint, warm }: Choice, turns: Turns): void {
    this.#regrets.forget(replica);
    if (warm || hint === null || !this.#fleet.free.has(replica)) return;
    // Those that have a turn get another. Among equals one of the two may stand where a request stood that has been bound: no matter.
    for (const lane of this.#room.lanesOf.get(hint) ?? []) {
      this.#setWarm(lane, true);
      this.giveTurn(turns, lane.row);
    }
  }

  /** Once enough lanes have said that they would rather wait, only those are left that may find a free warm replica. */
  limitAsking(turns: Turns): void {
    if (this.#asked < LIMITS.lanesAsked || this.#limited) return;
    this.#limited = true;
    if (turns.keep(({ row, queue }) => queue.length === 0 || this.#isWarm(row))) this.#unasked = true;
  }

  /** Soon, and no later than any of those that were asked takes any slot; at once where others are still to be asked. */
  nextLookMs(): number {
    return Math.min(this.#now + (this.#unasked ? LIMITS.nextRoundMs : LIMITS.lookAgainMs), this.#lookMs);
  }

  /** The first in the lane that insists, or would wait for a warm replica longer than is worth it; null: there is none. O(lane). */
  #whoLoads(lane: Lane, head: Waiting, hint: string, regretMs: number, usable: (replica: Replica) => boolean): Waiting | null {
    if (this.#affinityWait === "never") return head;
    const takesLast = this.#waiting > 1 && usableSlots(this.#fleet, usable) <= 1;
    const inLine = { behind: lane.queue.length - 1, takesLast };
    const worthMs = worthWaitingMs(this.#fleet, hint, regretMs, this.#waiting, inLine);
    const { byHint } = this.#room;
    const allWait = startSooner(this.#fleet, byHint, head.hints, usable, this.#now, lane.queue.length, worthMs);
    const foresight = allWait ? null : foresee(this.#fleet, byHint, head.hints, usable, this.#now);
    if (!allWait && foresight === null) return head;
    let insistsMs = Infinity;
    const costMs = (this.#lanes.loadMs[lane.row] ?? 0) + regretMs;
    for (const waiting of lane.queue) {
      if (waiting.declinedAtMs <= this.#room.fullAtMs || waiting.declinedAtMs > this.#now) waiting.declinedAtMs = this.#now;
      // A wait beside a free slot that has cost more than the load was worth nothing: the forecast was wrong, and may be so again.
      const atMs = Math.min(insistsAtMs(waiting, this.#order), waiting.declinedAtMs + costMs);
      if (atMs <= this.#now || (foresight !== null && nextStartMs(foresight) >= worthMs)) return waiting;
      insistsMs = Math.min(insistsMs, atMs);
    }
    this.#asked++;
    this.#lanes.patientUntilMs[lane.row] = Math.min(this.#now + LIMITS.askedAgainMs, insistsMs);
    this.#lookMs = Math.min(this.#lookMs, insistsMs);
    return null;
  }

  #priority(row: number, costMs: number): number {
    const { arrivedAtMs, deadlineMs, deferredUntilMs, urgency } = this.#lanes;
    const queued = { arrivedAtMs: arrivedAtMs[row] ?? 0, deadlineMs: deadlineMs[row] ?? 0 };
    const priority = (urgency[row] ?? 1) * priorityOf(queued, costMs, this.#order, this.#now);
    return this.#now < (deferredUntilMs[row] ?? 0) ? priority * BEHIND : priority;
  }

  /** A request may wait while others of its hint are served, and are longer or shorter than was thought. */
  #servingMs(lane: Lane): number {
    const known = this.#lanes.servingMs[lane.row] ?? NaN;
    if (!Number.isNaN(known)) return known;
    const claimedMs = lane.queue[0]?.claimedMs ?? null;
    return (this.#lanes.servingMs[lane.row] = expectedMs(this.#fleet.estimates, lane.hints[0] ?? "", claimedMs));
  }

  #coldCost(lane: Lane, regretMs: number): number {
    const { waiting, loadMs } = this.#lanes;
    const sharers = sharersOf(this.#fleet, lane.hints[0] ?? "", waiting[lane.row] ?? 0);
    return coldCostMs(this.#servingMs(lane), loadMs[lane.row] ?? 0, regretMs, sharers, this.#order);
  }

  #warmCost(lane: Lane, { replica }: Choice, usable: (replica: Replica) => boolean): number {
    const servingMs = this.#servingMs(lane);
    if (lane.hints.length === 0) return servingMs;
    return warmCostMs(servingMs, elsewhereMs(this.#fleet, lane.hints, replica, usable, this.#now), this.#fleet, this.#waiting);
  }
}
