// The fleet that decisions are timed on. The scheduler is the production one, called as the Fleet object calls it.
import { takeSlot } from "../../src/routing/ledger/slots.ts";
import { answered, failed, finish } from "../../src/routing/lifecycle.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import type { WaitingOptions } from "../../src/routing/refusals.ts";
import { expire, hear } from "../../src/routing/registry.ts";
import * as scheduling from "../../src/routing/scheduler.ts";
import { seeded } from "../simulate/random.ts";

export interface Size {
  readonly replicas: number;
  readonly hintsPerReplica: number;
  readonly waiting: number;
  readonly seed: number;
}

const OPTIONS: WaitingOptions = { queueLengthMax: 10_000, coldStartMs: 12_000 };
const TIME_TO_LIVE_MS = 150_000;
export const SERVICE_MS = 18_000;
/** Hints in use: each on some 16 replicas of the largest fleet. */
const HINTS = 10_000;

/** A fleet with a past: it has served, so that everything is learned. */
export function makeFleet({ replicas, hintsPerReplica, waiting, seed }: Size) {
  const scheduler = scheduling.createScheduler(costPolicy(), OPTIONS.coldStartMs);
  const random = seeded(seed);
  const clock = { now: 0 };
  let nextId = 1;
  const fleet = {
    ...{ scheduler, clock, waiting, replicas },
    hint: () => `hint-${Math.floor(random() ** 2 * HINTS)}`,
    arrive(hint: string | null) {
      const id = nextId++;
      const times = { arrivedAtMs: clock.now, deadlineMs: clock.now + 300_000 };
      const hints = hint === null ? [] : [hint];
      const arrival = { hints, ...times, avoid: [], queueLengthMax: null, declaredMs: null, priority: "normal" as const };
      return { id, word: wordOf(scheduling.enqueue(scheduler, OPTIONS, id, arrival, clock.now)) };
    },
    /** A request that takes no slot. */
    ask: (hints: readonly string[]) => scheduling.choose(scheduler, { hints, avoid: [] }, clock.now)?.reason ?? "nobody",
    end: (id: number, afterMs = 0) => {
      clock.now += afterMs;
      answered(scheduler, id, { kind: "success", hints: null }, clock.now);
      finish(scheduler, id, clock.now);
    },
    fail: (id: number) => {
      failed(scheduler, id, { kind: "error" }, null, clock.now);
      finish(scheduler, id, clock.now);
    },
    dispatch: () => scheduling.dispatch(scheduler, OPTIONS, clock.now),
    expire: () => expire(scheduler, TIME_TO_LIVE_MS, clock.now),
    /** Takes the first so many free slots, or all. */
    occupy(slots = Infinity) {
      for (const replica of [...scheduler.fleet.free].slice(0, slots)) {
        takeSlot(scheduler.fleet, nextId++, { replica, hint: null, warm: true, expectedMs: SERVICE_MS }, clock.now);
      }
    },
    /** Requests that wait, up to the size, in as many lanes: each for another hint. */
    refill() {
      while (scheduler.queue.waiting.size < waiting) {
        clock.now += 1;
        fleet.arrive(`hint-${(nextId * 7919) % HINTS}`);
      }
    },
    running: () => scheduler.fleet.grants.keys().next().value ?? 0,
    /** The replica of that number reports, and holds these hints beside its own. */
    beat(replica: number, more: readonly string[] = []) {
      const own = Array.from({ length: hintsPerReplica }, (_, slot) => `hint-${(replica + slot * 617) % HINTS}`);
      const its = {
        app: "bench",
        replica: `replica-${replica}`,
        origin: `https://replica-${replica}.example.com`,
        incarnation: 1,
      };
      const said = {
        sequence: null,
        hints: [...own, ...more],
        hintSlots: hintsPerReplica,
        concurrency: 1,
        inFlight: null,
        status: "ready",
      } as const;
      hear(scheduler, { ...its, ...said }, TIME_TO_LIVE_MS, clock.now);
    },
    beatAll(more: readonly string[] = []) {
      for (let replica = 0; replica < replicas; replica++) fleet.beat(replica, more);
    },
  };
  fleet.beatAll();
  for (let request = 0; request < 2000; request++) fleet.end(fleet.arrive(fleet.hint()).id, SERVICE_MS * (0.5 + random()));
  return fleet;
}

export type Fleet = ReturnType<typeof makeFleet>;

export function wordOf(result: scheduling.EnqueueResult): string {
  return result.kind === "granted" ? result.reason : result.kind;
}
