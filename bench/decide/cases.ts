// The decisions that are timed, each on the largest fleet the router allows: what is done once before, what is timed, and what puts the
// state back after it. The scheduler is the production one, called as the Fleet object calls it.
import { applyHeartbeat } from "../../src/routing/ledger/membership.ts";
import { takeSlot } from "../../src/routing/ledger/slots.ts";
import * as lifecycle from "../../src/routing/lifecycle.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import type { WaitingOptions } from "../../src/routing/refusals.ts";
import * as scheduling from "../../src/routing/scheduler.ts";
import type { Random } from "../simulate/random.ts";

export interface Size {
  readonly replicas: number;
  readonly hintsPerReplica: number;
  readonly waiting: number;
}

export interface Case {
  readonly name: string;
  /** Timed. Gives what it did, in a word; the words are counted. */
  run(round: number): string;
  /** Not timed. */
  reset(round: number): void;
}

const OPTIONS: WaitingOptions = { queueLengthMax: 10_000, coldStartMs: 12_000 };
const TIME_TO_LIVE_MS = 150_000;
const SERVICE_MS = 18_000;
/** Hints in use: each on some 16 replicas of the largest fleet. */
const HINTS = 10_000;

/** A fleet with a past: it has served, so that everything is learned, at a moment when all or none of its slots are taken. */
class Fleet {
  readonly scheduler = scheduling.createScheduler(costPolicy(), OPTIONS.coldStartMs);
  readonly #random: Random;
  readonly #size: Size;
  now = 0;
  #nextId = 1;

  constructor(size: Size, random: Random) {
    this.#size = size;
    this.#random = random;
    for (let replica = 0; replica < size.replicas; replica++) this.report(replica);
    for (let request = 0; request < 2000; request++) this.end(this.arrive([this.hint()]).id, SERVICE_MS * (0.5 + random()));
  }

  hint(): string {
    return `hint-${Math.floor(this.#random() ** 2 * HINTS)}`;
  }

  report(replica: number): void {
    const hints = Array.from({ length: this.#size.hintsPerReplica }, (_, slot) => `hint-${(replica + slot * 617) % HINTS}`);
    const id = `replica-${replica}`;
    const beat = { app: "bench", replica: id, origin: `https://${id}.example.com`, incarnation: 1, sequence: null, hints };
    const said = { ...beat, hintSlots: this.#size.hintsPerReplica, concurrency: 1, inFlight: null, status: "ready" } as const;
    applyHeartbeat(this.scheduler.fleet, said, TIME_TO_LIVE_MS, this.now);
  }

  arrive(hints: readonly string[]): { readonly id: number; readonly result: scheduling.EnqueueResult } {
    const id = this.#nextId++;
    const rest = {
      avoid: [],
      arrivedAtMs: this.now,
      deadlineMs: this.now + 300_000,
      queueLengthMax: null,
      declaredMs: null,
      priority: "normal" as const,
    };
    return { id, result: scheduling.enqueue(this.scheduler, OPTIONS, id, { hints, ...rest }, this.now) };
  }

  end(id: number, afterMs = 0): void {
    this.now += afterMs;
    lifecycle.answered(this.scheduler, id, { kind: "success", hints: null }, this.now);
    lifecycle.finish(this.scheduler, id, this.now);
  }

  dispatch(): ReadonlyMap<number, scheduling.Outcome> {
    return scheduling.dispatch(this.scheduler, OPTIONS, this.now);
  }

  /** Takes every slot and fills the queue with requests that each want something else. */
  overload(): void {
    this.occupy();
    this.refill();
  }

  occupy(): void {
    const { fleet } = this.scheduler;
    for (const replica of [...fleet.free]) takeSlot(fleet, this.#nextId++, { replica, hint: null, warm: true }, this.now);
  }

  /** Requests that wait, up to the size, in as many classes: each for another hint. */
  refill(): void {
    while (this.scheduler.queue.waiting.size < this.#size.waiting) {
      this.now += 1;
      this.arrive([`hint-${(this.#nextId * 7919) % HINTS}`]);
    }
  }

  running(): number {
    const [id] = this.scheduler.fleet.grants.keys();
    if (id === undefined) throw new Error("nothing runs");
    return id;
  }
}

export function casesOf(size: Size, makeRandom: () => Random): readonly Case[] {
  return [arrivalOnIdleFleet(size, makeRandom(), true), arrivalOnIdleFleet(size, makeRandom(), false)].concat([
    arrivalOnFullFleet(size, makeRandom()),
    slotFrees(size, makeRandom()),
    slotKeptIdle(size, makeRandom()),
    heartbeat(size, makeRandom()),
  ]);
}

function arrivalOnIdleFleet(size: Size, random: Random, warm: boolean): Case {
  const fleet = new Fleet(size, random);
  let id = 0;
  return {
    name: warm ? "arrival, every slot free, warm" : "arrival, every slot free, cold",
    run(round) {
      const arrived = fleet.arrive([warm ? fleet.hint() : `new-${round}`]);
      id = arrived.id;
      return wordOf(arrived.result);
    },
    reset: () => fleet.end(id),
  };
}

function arrivalOnFullFleet(size: Size, random: Random): Case {
  const fleet = new Fleet(size, random);
  fleet.overload();
  let id = 0;
  return {
    name: "arrival, no slot free",
    run() {
      const arrived = fleet.arrive([fleet.hint()]);
      id = arrived.id;
      return wordOf(arrived.result);
    },
    reset: () => lifecycle.finish(fleet.scheduler, id, fleet.now),
  };
}

function slotFrees(size: Size, random: Random): Case {
  const fleet = new Fleet(size, random);
  fleet.overload();
  // Found outside of what is timed: a map from whose front much was taken is slow to say what is first.
  let next = fleet.running();
  return {
    name: "a slot frees",
    run() {
      fleet.end(next, 1);
      const [outcome] = fleet.dispatch().values();
      return outcome === undefined ? "nobody" : wordOf(outcome);
    },
    reset() {
      fleet.refill();
      next = fleet.running();
    },
  };
}

/** Requests for hints whose holders are all busy and expected to be free soon: every class is looked at, and none is sent. */
function slotKeptIdle(size: Size, random: Random): Case {
  const fleet = new Fleet(size, random);
  fleet.occupy();
  fleet.now += SERVICE_MS - 1000;
  const idle = fleet.running();
  const held = fleet.scheduler.fleet.grants.get(idle)?.replica.advertised ?? new Set();
  const others = Array.from({ length: size.waiting + held.size }, (_, index) => `hint-${index}`).filter(
    (hint) => !held.has(hint),
  );
  for (const hint of others.slice(0, size.waiting)) fleet.arrive([hint]);
  fleet.end(idle);
  return {
    name: "a slot is kept idle",
    run() {
      const outcomes = fleet.dispatch();
      return outcomes.size === 0 ? "kept" : "sent";
    },
    reset: () => {},
  };
}

function heartbeat(size: Size, random: Random): Case {
  const fleet = new Fleet(size, random);
  fleet.overload();
  return {
    name: "heartbeat that changes nothing",
    run(round) {
      fleet.report(round % size.replicas);
      return fleet.dispatch().size === 0 ? "nothing" : "sent";
    },
    reset: () => {},
  };
}

function wordOf(result: scheduling.EnqueueResult): string {
  return result.kind === "granted" ? result.reason : result.kind;
}
