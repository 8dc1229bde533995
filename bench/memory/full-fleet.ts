// A fleet at every limit that is declared for one, filled part by part through the functions that the Fleet object calls.
import { Isolates } from "../../src/routing/direct/isolates.ts";
import type { ReportedPair } from "../../src/routing/direct/report.ts";
import { FleetImage } from "../../src/routing/direct/snapshot.ts";
import { applyHeartbeat, deleteReplica } from "../../src/routing/ledger/membership.ts";
import { noteUse } from "../../src/routing/ledger/residency.ts";
import { finish } from "../../src/routing/lifecycle.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { countArrival, learnAnswer, learnHeld } from "../../src/routing/model/model.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import { createScheduler, enqueue } from "../../src/routing/scheduler.ts";

/** The most that QUEUE_LENGTH_MAX may be. */
const OPTIONS = { queueLengthMax: 10_000, coldStartMs: 12_000 };
const HOUR_MS = 3_600_000;

/** What takes memory, in the order in which it is filled, and how many of it there are then. */
export interface Part {
  readonly name: string;
  readonly fill: () => number;
}

/** `share`: how much of each limit is used up. `now`: a time as the object has it, which takes more room than a small number. */
export function fullFleet(share: number, hintLength: number, now: number): readonly Part[] {
  const scheduler = createScheduler(costPolicy(), OPTIONS.coldStartMs);
  const { fleet, model, queue } = scheduler;
  const isolates = new Isolates();
  const image = new FleetImage(1);
  const most = (limit: number) => Math.ceil(share * limit);
  const replicas = most(LIMITS.replicasPerApp);
  const heldEach = Math.floor(LIMITS.hintsPerApp / LIMITS.replicasPerApp);
  let nextId = 1;

  /** A string of its own each time, as a request or a report brings it. */
  const name = (hint: number) => JSON.parse(JSON.stringify(String(hint).padStart(hintLength, "-"))) as string;
  const names = (first: number, count: number) => Array.from({ length: count }, (_, index) => name(first + index));
  const heldBy = (replica: number) => names(replica * heldEach, heldEach);

  function beat(replica: number, hints: readonly string[], incarnation = now): void {
    const its = { app: "app", replica: `replica-${replica}`, origin: `https://replica-${replica}.example.com`, incarnation };
    const said = { sequence: null, hints, hintSlots: null, concurrency: 1, inFlight: null, status: "ready" } as const;
    const { kind } = applyHeartbeat(fleet, { ...its, ...said }, HOUR_MS, now);
    if (kind !== "accepted") throw new Error(`replica ${replica}: ${kind}`);
  }

  function arrive(hints: readonly string[]): number {
    const id = nextId++;
    const times = { arrivedAtMs: now, deadlineMs: now + HOUR_MS };
    const arrival = { hints, ...times, avoid: [], queueLengthMax: null, declaredMs: null, priority: "normal" as const };
    enqueue(scheduler, OPTIONS, id, arrival, now);
    return id;
  }

  const each = (count: number, doIt: (index: number) => void) => {
    for (let index = 0; index < count; index++) doIt(index);
  };

  const parts: Readonly<Record<string, () => number>> = {
    replicas() {
      each(replicas, (replica) => beat(replica, heldBy(replica).slice(0, 1)));
      return fleet.replicas.size;
    },
    "advertised hints, all different"() {
      each(replicas, (replica) => beat(replica, heldBy(replica)));
      return fleet.advertisedHints;
    },
    /** Each replica has held, one list after another, and been used for as many hints as one may hold at once. It holds its share of the fleet's now. */
    "last uses of hints"() {
      let uses = 0;
      each(replicas, (replica) => {
        const its = fleet.replicas.get(`replica-${replica}`);
        if (its === undefined) throw new Error(`replica ${replica} has left`);
        for (let used = LIMITS.hintsPerReplica; used > 0; used -= heldEach) {
          beat(replica, used <= heldEach ? heldBy(replica) : names(LIMITS.hintsPerApp + used, heldEach));
          for (const hint of its.advertised?.keys() ?? []) noteUse(its, hint, now + replica);
        }
        for (const usedMs of its.advertised?.values() ?? []) if (usedMs > 0) uses++;
      });
      return uses;
    },
    "hints with what was learned"() {
      const [replica] = fleet.replicas.values();
      each(most(LIMITS.learnedHints), (index) => {
        const its = { hint: name(index), warmth: "warm", declaredMs: null } as const;
        countArrival(model, its.hint);
        learnAnswer(model, its, 100.5);
        if (replica !== undefined) learnHeld(model, { ...its, replica }, 100.5);
      });
      return model.hints.size;
    },
    "requests not judged yet"() {
      each(most(LIMITS.unjudgedPerApp), (request) => finish(scheduler, arrive([name(request * heldEach)]), now));
      return fleet.unjudged.size;
    },
    "pairs of isolates"() {
      let pairs = 0;
      for (let isolate = 0; pairs < most(LIMITS.directPairsPerApp); isolate++) {
        const its = Array.from({ length: LIMITS.directPairsPerReport }, (): ReportedPair => {
          const replica = pairs % replicas;
          const hint = name(replica * heldEach + (Math.floor(pairs++ / replicas) % heldEach));
          const counts = { sent: 1, succeeded: 0, lastWell: true, answerMs: 0, heldMs: 0, unfinished: 1 };
          return { replica: `replica-${replica}`, incarnation: now, hint, ...counts };
        });
        const report = { isolate: `isolate-${isolate}`, sequence: 1, pairs: its, demand: [], failures: [], lists: [] };
        isolates.apply(scheduler, report, now);
      }
      return pairs;
    },
    "waiting requests"() {
      each(most(OPTIONS.queueLengthMax), (request) => void arrive([name(request * heldEach)]));
      return queue.waiting.size;
    },
    "failures of hints"() {
      each(most(LIMITS.hintFailures), (pair) => {
        fleet.hintFailures.failed({ id: `replica-${pair}`, incarnation: now }, name(pair), 1, now, now + 1);
        fleet.hintFailures.served({ id: `replica-${pair + 1}`, incarnation: now }, name(pair));
      });
      return fleet.hintFailures.size;
    },
    /** Each replica is deleted, and its successor holds the same. */
    "departed replicas"() {
      each(Math.min(replicas, most(LIMITS.tombstonesPerApp)), (replica) => {
        const its = fleet.replicas.get(`replica-${replica}`);
        if (its === undefined) throw new Error(`replica ${replica} has left`);
        deleteReplica(fleet, its, now + HOUR_MS);
        beat(replica + replicas, heldBy(replica));
      });
      return fleet.tombstones.size;
    },
    /** Half of them name as many dropped hints as one may. */
    "last events"() {
      each(most(LIMITS.eventsKept) / 2, (event) => {
        const replica = `replica-${event}`;
        const hints = names(event * LIMITS.droppedHintsNamed, LIMITS.droppedHintsNamed);
        scheduler.events.record({ kind: "dropped", replica, hints, more: 0 }, now);
        scheduler.events.record({ kind: "expired", replica, running: 0 }, now);
      });
      return scheduler.events.after(0).length;
    },
    "the copy for isolates"() {
      image.refresh(scheduler, now);
      return image.rows.length;
    },
  };
  return Object.entries(parts).map(([part, fill]) => ({ name: part, fill }));
}
