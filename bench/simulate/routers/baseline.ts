// What all baselines share. A baseline sees the fleet through reports, answers and its own sends, keeps a line of waiting requests, and asks
// its subclass what to send whenever something has happened.
import { hashName, ranked, type Weighted } from "../../../src/routing/rendezvous.ts";
import type { Actions, Answer, Arrival, MakeRouter, Report, Router, RouterOptions } from "../router.ts";

export interface Waiting {
  readonly id: number;
  readonly hint: string;
  /** Its place in line. A request that is sent again keeps its place. */
  readonly place: number;
}

interface Sent {
  readonly waiting: Waiting;
  readonly replica: ReplicaView;
}

/** What is known of a replica. Policies only read it. */
export interface ReplicaView extends Weighted {
  readonly index: number;
  /** The hints of its last report or answer, and those that it answered 200 for since. */
  hints: Set<string>;
  /** Unfinished requests of this router, by hint. A hint that is only here is being loaded, or will be. */
  readonly inUse: Map<string, number>;
  outstanding: number;
  concurrency: number;
  /** Null: the replica does not say. */
  hintSlots: number | null;
  longestList: number;
  sentSoFar: number;
  reportedMs: number;
  /** A connection to the replica broke since its last report. */
  broken: boolean;
}

const UNKNOWN = { outstanding: 0, sentSoFar: 0, hintSlots: null, longestList: 1, reportedMs: -Infinity, broken: false };

export abstract class Baseline implements Router {
  protected readonly options: RouterOptions;
  /** Requests that are not sent, oldest first. */
  protected readonly line: Waiting[] = [];
  readonly #actions: Actions;
  readonly #replicas: readonly ReplicaView[];
  readonly #sent = new Map<number, Sent>();
  #places = 0;

  constructor(actions: Actions, options: RouterOptions) {
    this.options = options;
    this.#actions = actions;
    const { replicas, concurrency } = options;
    this.#replicas = Array.from({ length: replicas }, (_, index) => ({
      ...{ index, hash: hashName(`replica-${index}`), weight: concurrency, concurrency },
      ...{ hints: new Set<string>(), inUse: new Map<string, number>(), ...UNKNOWN },
    }));
  }

  /** Sends what is to go now. */
  protected abstract dispatch(nowMs: number): void;

  /** Live replicas, by index. A replica is dead from a broken connection, or after a time to live without a report, until its next report. */
  live(nowMs: number): ReplicaView[] {
    return this.#replicas.filter((replica) => this.#lives(replica, nowMs));
  }

  /** Live replicas in the hint's hash order, owner first. */
  liveInOrder(hint: string, nowMs: number): ReplicaView[] {
    return ranked(hashName(hint), this.#replicas).filter((replica) => this.#lives(replica, nowMs));
  }

  protected send(waiting: Waiting, replica: ReplicaView): void {
    const { id, hint } = waiting;
    this.line.splice(this.line.indexOf(waiting), 1);
    this.#sent.set(id, { waiting, replica });
    replica.inUse.set(hint, (replica.inUse.get(hint) ?? 0) + 1);
    replica.outstanding++;
    replica.sentSoFar++;
    this.#actions.send(id, replica.index);
  }

  report({ replica: index, hintSlots, hints, concurrency }: Report, nowMs: number): null {
    const replica = this.#replicas[index];
    if (replica === undefined) return null;
    Object.assign(replica, { reportedMs: nowMs, broken: false, concurrency, hintSlots });
    setHints(replica, hints);
    this.dispatch(nowMs);
    return null;
  }

  arrive({ id, hint }: Arrival, nowMs: number): void {
    this.line.push({ id, hint, place: this.#places++ });
    this.dispatch(nowMs);
  }

  answered(id: number, { status, hints }: Answer): void {
    const sent = this.#sent.get(id);
    if (sent === undefined) return;
    if (hints !== null) setHints(sent.replica, hints);
    else if (status === 200) sent.replica.hints.add(sent.waiting.hint);
  }

  finished(id: number, nowMs: number): void {
    this.#over(id);
    this.dispatch(nowMs);
  }

  brokeOff(id: number, nowMs: number): void {
    this.finished(id, nowMs);
  }

  failed(id: number, nowMs: number): void {
    const sent = this.#over(id);
    if (sent !== undefined) {
      sent.replica.broken = true;
      const later = this.line.findIndex(({ place }) => place > sent.waiting.place);
      this.line.splice(later < 0 ? this.line.length : later, 0, sent.waiting);
    }
    this.dispatch(nowMs);
  }

  tick(nowMs: number): void {
    this.dispatch(nowMs);
  }

  nextEventMs(): number {
    return Infinity;
  }

  #over(id: number): Sent | undefined {
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

  #lives({ broken, reportedMs }: ReplicaView, nowMs: number): boolean {
    return !broken && nowMs - reportedMs < this.options.timeToLiveMs;
  }
}

function setHints(replica: ReplicaView, hints: readonly string[]): void {
  replica.hints = new Set(hints);
  replica.longestList = Math.max(replica.longestList, hints.length);
}

/** Chooses a replica for a hint. Undefined: no replica lives. */
type Pick = (fleet: Baseline, hint: string, nowMs: number) => ReplicaView | undefined;

/** Early binding: every request is sent as soon as it arrives, and waits at its replica. */
class EarlyBinding extends Baseline {
  readonly #pick: Pick;

  constructor(actions: Actions, options: RouterOptions, pick: Pick) {
    super(actions, options);
    this.#pick = pick;
  }

  protected dispatch(nowMs: number): void {
    for (let next = this.line[0]; next !== undefined; next = this.line[0]) {
      const replica = this.#pick(this, next.hint, nowMs);
      if (replica === undefined) return;
      this.send(next, replica);
    }
  }
}

export function bindingEarly(makePick: (options: RouterOptions) => Pick): MakeRouter {
  return (actions, options) => new EarlyBinding(actions, options, makePick(options));
}

/** The replica holds the hint, or has been sent a request for it. */
export function holds(replica: ReplicaView, hint: string): boolean {
  return replica.hints.has(hint) || replica.inUse.has(hint);
}

export function isFree(replica: ReplicaView): boolean {
  return replica.outstanding < replica.concurrency;
}

/** The first of the items that cost least. */
export function cheapest<T>(items: Iterable<T>, costOf: (item: T) => number): T | undefined {
  let best: T | undefined;
  let least = Infinity;
  for (const item of items) {
    const cost = costOf(item);
    if (cost < least) [best, least] = [item, cost];
  }
  return best;
}
