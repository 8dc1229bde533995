// What every baseline shares: a view of the fleet made of reports, answers and the router's own sends; the line of waiting requests;
// and the router that keeps both up to date and asks a policy what to send. Chooses nothing itself.
import { hashName, ranked, type Weighted } from "../../../src/routing/rendezvous.ts";
import type { Actions, Answer, Arrival, Report, Router, RouterOptions } from "../router.ts";

export interface Waiting {
  readonly id: number;
  readonly hint: string;
  readonly arrivedMs: number;
  /** Its place in line, which it keeps when it has to be sent again. */
  readonly place: number;
}

export interface Sent {
  readonly waiting: Waiting;
  readonly replica: ReplicaView;
  readonly sentMs: number;
  /** The replica was not thought to hold the hint. */
  readonly cold: boolean;
}

/** What is known of a replica. Policies only read it. */
export interface ReplicaView extends Weighted {
  readonly index: number;
  /** What it last said it holds, and what it answered for since. */
  hints: Set<string>;
  /** Own unfinished sends of each hint. What is among them and not in `hints` is being loaded, or will be. */
  readonly inUse: Map<string, number>;
  /** When each hint was last sent there; only for hints it holds. */
  readonly usedMs: Map<string, number>;
  outstanding: number;
  concurrency: number;
  /** What it says, else the longest list seen, at least 1. */
  hintSlots: number;
  hintSlotsSaid: number | null;
  longestList: number;
  sentSoFar: number;
  reportedMs: number;
  /** A connection to it broke since its last report. */
  broken: boolean;
}

export interface Policy {
  /** Sends what is to go now. Called after anything has happened. */
  dispatch(nowMs: number): void;
  arrived?(waiting: Waiting): void;
  /** The request failed and is in line again. */
  returned?(waiting: Waiting): void;
  answered?(sent: Sent, nowMs: number): void;
  nextEventMs?(): number;
}

const UNKNOWN = {
  outstanding: 0,
  sentSoFar: 0,
  hintSlots: 1,
  hintSlotsSaid: null,
  longestList: 1,
  reportedMs: -Infinity,
  broken: false,
};

export class FleetView {
  readonly #actions: Actions;
  readonly #timeToLiveMs: number;
  readonly #replicas: readonly ReplicaView[];
  readonly #sent = new Map<number, Sent>();
  /** Sorted by place. */
  readonly #line: Waiting[] = [];
  #places = 0;

  constructor(actions: Actions, { replicas, concurrency, timeToLiveMs }: RouterOptions) {
    this.#actions = actions;
    this.#timeToLiveMs = timeToLiveMs;
    this.#replicas = Array.from({ length: replicas }, (_, index) => ({
      ...{ index, hash: hashName(`replica-${index}`), weight: concurrency, concurrency },
      ...{ hints: new Set<string>(), inUse: new Map<string, number>(), usedMs: new Map<string, number>() },
      ...UNKNOWN,
    }));
  }

  /** Requests that are not sent, oldest first. Do not send while iterating over it. */
  get line(): readonly Waiting[] {
    return this.#line;
  }

  isWaiting(waiting: Waiting): boolean {
    return this.#line[this.#placeInLine(waiting)] === waiting;
  }

  /** Replicas not known dead, by index. A replica is dead from a broken connection, or a time to live without report, to its next report. */
  live(nowMs: number): ReplicaView[] {
    return this.#replicas.filter((replica) => this.#lives(replica, nowMs));
  }

  /** The same in the hint's hash order, owner first. */
  liveInOrder(hint: string, nowMs: number): ReplicaView[] {
    return ranked(hashName(hint), this.#replicas).filter((replica) => this.#lives(replica, nowMs));
  }

  send(waiting: Waiting, { index }: ReplicaView, nowMs: number): void {
    const replica = this.#replicas[index];
    if (replica === undefined || !this.isWaiting(waiting)) throw new Error(`request ${waiting.id} cannot go to replica ${index}`);
    this.#line.splice(this.#placeInLine(waiting), 1);
    this.#sent.set(waiting.id, { waiting, replica, sentMs: nowMs, cold: !holds(replica, waiting.hint) });
    replica.inUse.set(waiting.hint, (replica.inUse.get(waiting.hint) ?? 0) + 1);
    replica.usedMs.set(waiting.hint, nowMs);
    replica.outstanding++;
    replica.sentSoFar++;
    this.#actions.send(waiting.id, index);
  }

  reported({ replica: index, hintSlots, hints, concurrency }: Report, nowMs: number): void {
    const replica = this.#replicas[index];
    if (replica === undefined) return;
    Object.assign(replica, { reportedMs: nowMs, broken: false, concurrency, hintSlotsSaid: hintSlots });
    this.#said(replica, hints);
  }

  arrived({ id, hint }: Arrival, nowMs: number): Waiting {
    const waiting = { id, hint, arrivedMs: nowMs, place: this.#places++ };
    this.#line.push(waiting);
    return waiting;
  }

  answered(id: number, { status, hints }: Answer): Sent | undefined {
    const sent = this.#sent.get(id);
    if (sent === undefined) return undefined;
    if (hints !== null) this.#said(sent.replica, hints);
    else if (status === 200) sent.replica.hints.add(sent.waiting.hint);
    return sent;
  }

  failed(id: number): Waiting | undefined {
    const sent = this.over(id);
    if (sent === undefined) return undefined;
    sent.replica.broken = true;
    this.#line.splice(this.#placeInLine(sent.waiting), 0, sent.waiting);
    return sent.waiting;
  }

  over(id: number): Sent | undefined {
    const sent = this.#sent.get(id);
    if (sent === undefined) return undefined;
    const { waiting, replica } = sent;
    const users = (replica.inUse.get(waiting.hint) ?? 1) - 1;
    if (users > 0) replica.inUse.set(waiting.hint, users);
    else replica.inUse.delete(waiting.hint);
    replica.outstanding--;
    this.#sent.delete(id);
    return sent;
  }

  #said(replica: ReplicaView, hints: readonly string[]): void {
    replica.hints = new Set(hints);
    replica.longestList = Math.max(replica.longestList, hints.length);
    replica.hintSlots = replica.hintSlotsSaid ?? replica.longestList;
    for (const hint of replica.usedMs.keys()) if (!holds(replica, hint)) replica.usedMs.delete(hint);
  }

  #lives({ broken, reportedMs }: ReplicaView, nowMs: number): boolean {
    return !broken && nowMs - reportedMs < this.#timeToLiveMs;
  }

  /** Where it is, or would be put. */
  #placeInLine({ place }: Waiting): number {
    const found = this.#line.findIndex((waiting) => waiting.place >= place);
    return found < 0 ? this.#line.length : found;
  }
}

/** Holds it or will, as far as is known. */
export function holds(replica: ReplicaView, hint: string): boolean {
  return replica.hints.has(hint) || replica.inUse.has(hint);
}

/** Hints it holds or will. */
export function hintsHeld({ hints, inUse, hintSlots }: ReplicaView): number {
  let held = hints.size;
  for (const hint of inUse.keys()) if (!hints.has(hint)) held++;
  // What is sent cold evicts another, if it has to: the list does not show that yet.
  return Math.min(held, hintSlots);
}

export function isFree(replica: ReplicaView): boolean {
  return replica.outstanding < replica.concurrency;
}

/** The first of those that cost least. */
export function cheapest<T>(items: Iterable<T>, costOf: (item: T) => number): T | undefined {
  let best: T | undefined;
  let least = Infinity;
  for (const item of items) {
    const cost = costOf(item);
    if (cost < least) [best, least] = [item, cost];
  }
  return best;
}

/** A router that keeps a view of the fleet and leaves the choice to a policy. */
export function withPolicy(actions: Actions, options: RouterOptions, makePolicy: (fleet: FleetView) => Policy): Router {
  const fleet = new FleetView(actions, options);
  const policy = makePolicy(fleet);
  const finished: Router["finished"] = (id, nowMs) => {
    fleet.over(id);
    policy.dispatch(nowMs);
  };
  return {
    report(report, nowMs) {
      fleet.reported(report, nowMs);
      policy.dispatch(nowMs);
    },
    arrive(arrival, nowMs) {
      const waiting = fleet.arrived(arrival, nowMs);
      policy.arrived?.(waiting);
      policy.dispatch(nowMs);
    },
    answered(id, answer, nowMs) {
      const sent = fleet.answered(id, answer);
      // An error teaches nothing of how long serving takes.
      if (sent !== undefined && answer.status === 200) policy.answered?.(sent, nowMs);
    },
    finished,
    brokeOff: finished,
    failed(id, nowMs) {
      const waiting = fleet.failed(id);
      if (waiting !== undefined) policy.returned?.(waiting);
      policy.dispatch(nowMs);
    },
    tick: (nowMs) => policy.dispatch(nowMs),
    nextEventMs: () => policy.nextEventMs?.() ?? Infinity,
  };
}

/** Early binding: every request is sent the moment it arrives, and waits at its replica. It waits here only while no replica lives. */
export function bindingEarly(
  actions: Actions,
  options: RouterOptions,
  pick: (hint: string, nowMs: number, fleet: FleetView) => ReplicaView | undefined,
): Router {
  return withPolicy(actions, options, (fleet) => ({
    dispatch(nowMs) {
      for (let next = fleet.line[0]; next !== undefined; next = fleet.line[0]) {
        const replica = pick(next.hint, nowMs, fleet);
        if (replica === undefined) return;
        fleet.send(next, replica, nowMs);
      }
    },
  }));
}
