// The decisions that are timed, each on the largest fleet the router allows: what is done once before, what is timed, and what puts the
// state back after it. The scheduler is the production one, called as the Fleet object calls it.
import { applyHeartbeat } from "../../src/routing/ledger/membership.ts";
import * as scheduling from "../../src/routing/scheduler.ts";
import { takeSlot } from "../../src/routing/ledger/slots.ts";
import type { Random } from "../simulate/random.ts";

export interface Size {
  readonly replicas: number;
  readonly hintsPerReplica: number;
  readonly waiting: number;
}

export interface Case {
  readonly name: string;
  /** Timed. Gives what it did, in a word; the words are counted. */
  readonly run: (round: number) => string;
  /** Not timed. */
  readonly reset: () => void;
}

const OPTIONS: scheduling.SchedulerOptions = { queueLengthMax: 10_000, coldStartMs: 12_000, affinityWait: "auto" };
const TIME_TO_LIVE_MS = 150_000;
const SERVICE_MS = 18_000;
/** Hints in use: each on some 16 replicas of the largest fleet. */
const HINTS = 10_000;

/** A fleet with a past: it has served, so that everything is learned, at a moment when all or none of its slots are taken. */
class Fleet {
  readonly scheduler = scheduling.createScheduler(OPTIONS.coldStartMs);
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

  arrive(hints: readonly string[]): { readonly id: number; readonly standing: scheduling.Standing } {
    const id = this.#nextId++;
    const times = { arrivedAtMs: this.now, deadlineMs: this.now + 300_000 };
    const arrival = { hints, ...times, avoid: [], queueLengthMax: null, claimedMs: null, priority: "normal" as const };
    return { id, standing: scheduling.enqueue(this.scheduler, OPTIONS, id, arrival, this.now) };
  }

  end(id: number, afterMs = 0): void {
    this.now += afterMs;
    scheduling.answered(this.scheduler, id, { kind: "success", hints: null }, this.now);
    scheduling.finish(this.scheduler, id, this.now);
  }

  settle(): ReadonlyMap<number, scheduling.Settlement> {
    return scheduling.settle(this.scheduler, OPTIONS, this.now);
  }

  occupy(): void {
    const { fleet } = this.scheduler;
    for (const replica of [...fleet.free]) takeSlot(fleet, this.#nextId++, { replica, hint: null, warm: true }, this.now);
  }

  /** Requests that wait, up to the size, in as many lanes: each for another hint. */
  refill(): void {
    while (this.scheduler.room.waiting.size < this.#size.waiting) {
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

/** Made one after the other: each has a fleet of its own. */
export function casesOf(size: Size, makeRandom: () => Random): readonly (() => Case)[] {
  const fleet = () => new Fleet(size, makeRandom());
  return [
    () => arrivalOnIdleFleet(fleet(), true),
    () => arrivalOnIdleFleet(fleet(), false),
    () => arrivalOnFullFleet(fleet()),
    () => slotFrees(fleet()),
    () => slotKeptIdle(fleet(), size),
  ];
}

function arrivalOnIdleFleet(fleet: Fleet, warm: boolean): Case {
  let id = 0;
  return {
    name: `arrival, every slot free, ${warm ? "warm" : "cold"}`,
    run(round) {
      const arrived = fleet.arrive([warm ? fleet.hint() : `new-${round}`]);
      id = arrived.id;
      return wordOf(arrived.standing);
    },
    reset: () => fleet.end(id),
  };
}

function arrivalOnFullFleet(fleet: Fleet): Case {
  fleet.occupy();
  fleet.refill();
  let id = 0;
  return {
    name: "arrival, no slot free",
    run() {
      const arrived = fleet.arrive([fleet.hint()]);
      id = arrived.id;
      return wordOf(arrived.standing);
    },
    reset: () => scheduling.finish(fleet.scheduler, id, fleet.now),
  };
}

function slotFrees(fleet: Fleet): Case {
  fleet.occupy();
  fleet.refill();
  // Found outside of what is timed: a map from whose front much was taken is slow to say what is first.
  let next = fleet.running();
  return {
    name: "a slot frees",
    run() {
      fleet.end(next, 1);
      const [settlement] = fleet.settle().values();
      return settlement === undefined ? "nobody" : wordOf(settlement);
    },
    reset() {
      fleet.refill();
      next = fleet.running();
    },
  };
}

/** Requests for hints whose holders are all busy and expected to be free soon: every lane is looked at, and none is bound. */
function slotKeptIdle(fleet: Fleet, { waiting }: Size): Case {
  fleet.occupy();
  fleet.now += SERVICE_MS - 1000;
  const idle = fleet.running();
  const held = fleet.scheduler.fleet.grants.get(idle)?.replica.advertised ?? new Set();
  const hints = Array.from({ length: waiting + held.size }, (_, index) => `hint-${index}`).filter((hint) => !held.has(hint));
  for (const hint of hints.slice(0, waiting)) fleet.arrive([hint]);
  fleet.end(idle);
  return { name: "a slot is kept idle", run: () => (fleet.settle().size === 0 ? "kept" : "bound"), reset: () => {} };
}

function wordOf(standing: scheduling.Standing): string {
  return standing.kind === "granted" ? standing.reason : standing.kind;
}
