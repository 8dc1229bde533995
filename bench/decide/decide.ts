// `npm run bench -- decide`: how long a decision takes on the largest fleet the router allows. The scheduler is the production one, called as the Fleet
// object calls it.
import { mean, quantileSorted } from "simple-statistics";
import { applyHeartbeat } from "../../src/routing/ledger/membership.ts";
import { takeSlot } from "../../src/routing/ledger/slots.ts";
import { answered, finish } from "../../src/routing/lifecycle.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import type { WaitingOptions } from "../../src/routing/refusals.ts";
import * as scheduling from "../../src/routing/scheduler.ts";
import { job, number, program, SEED } from "../command.ts";
import { counted, listed, table } from "../report.ts";
import { seeded } from "../simulate/random.ts";

interface Size {
  readonly replicas: number;
  readonly hintsPerReplica: number;
  readonly waiting: number;
  readonly seed: number;
}

/** `run` is timed and gives what it did, in a word; `reset` is not. */
interface Case {
  readonly run: (round: number) => string;
  readonly reset: () => void;
}

const WARM_UP_ROUNDS = 300;
const OPTIONS: WaitingOptions = { queueLengthMax: 10_000, coldStartMs: 12_000 };
const TIME_TO_LIVE_MS = 150_000;
const SERVICE_MS = 18_000;
/** Hints in use: each on some 16 replicas of the largest fleet. */
const HINTS = 10_000;

/** A fleet with a past: it has served, so that everything is learned. */
function makeFleet({ replicas, hintsPerReplica, waiting, seed }: Size) {
  const scheduler = scheduling.createScheduler(costPolicy(), OPTIONS.coldStartMs);
  const random = seeded(seed);
  const clock = { now: 0 };
  let nextId = 1;
  const fleet = {
    ...{ scheduler, clock, waiting },
    hint: () => `hint-${Math.floor(random() ** 2 * HINTS)}`,
    arrive(hint: string) {
      const id = nextId++;
      const times = { arrivedAtMs: clock.now, deadlineMs: clock.now + 300_000 };
      const arrival = { hints: [hint], ...times, avoid: [], queueLengthMax: null, declaredMs: null, priority: "normal" as const };
      return { id, word: wordOf(scheduling.enqueue(scheduler, OPTIONS, id, arrival, clock.now)) };
    },
    end: (id: number, afterMs = 0) => {
      clock.now += afterMs;
      answered(scheduler, id, { kind: "success", hints: null }, clock.now);
      finish(scheduler, id, clock.now);
    },
    dispatch: () => scheduling.dispatch(scheduler, OPTIONS, clock.now),
    occupy() {
      for (const replica of [...scheduler.fleet.free]) {
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
  };
  for (let replica = 0; replica < replicas; replica++) {
    const hints = Array.from({ length: hintsPerReplica }, (_, slot) => `hint-${(replica + slot * 617) % HINTS}`);
    const its = { app: "bench", replica: `replica-${replica}`, origin: `https://replica-${replica}.example.com`, incarnation: 1 };
    const said = {
      ...its,
      sequence: null,
      hints,
      hintSlots: hintsPerReplica,
      concurrency: 1,
      inFlight: null,
      status: "ready",
    } as const;
    applyHeartbeat(scheduler.fleet, said, TIME_TO_LIVE_MS, 0);
  }
  for (let request = 0; request < 2000; request++) fleet.end(fleet.arrive(fleet.hint()).id, SERVICE_MS * (0.5 + random()));
  return fleet;
}

type Fleet = ReturnType<typeof makeFleet>;

const CASES: Readonly<Record<string, (fleet: Fleet) => Case>> = {
  "arrival, every slot free, warm": (fleet) => arrival(fleet, fleet.hint, fleet.end),
  "arrival, every slot free, cold": (fleet) => arrival(fleet, (round) => `new-${round}`, fleet.end),
  "arrival, no slot free"(fleet) {
    fleet.occupy();
    fleet.refill();
    return arrival(fleet, fleet.hint, (id) => finish(fleet.scheduler, id, fleet.clock.now));
  },
  "a slot frees"(fleet) {
    fleet.occupy();
    fleet.refill();
    // Found outside of what is timed: a map from whose front much was taken is slow to say what is first.
    let next = fleet.running();
    const run = () => {
      fleet.end(next, 1);
      const [settlement] = fleet.dispatch().values();
      return settlement === undefined ? "nobody" : wordOf(settlement);
    };
    const reset = () => {
      fleet.refill();
      next = fleet.running();
    };
    return { run, reset };
  },
  /** Requests for hints whose holders are all busy and expected to be free soon: every lane is looked at, and none is bound. */
  "a slot is kept idle"(fleet) {
    fleet.occupy();
    fleet.clock.now += SERVICE_MS - 1000;
    const idle = fleet.running();
    const held = fleet.scheduler.fleet.grants.get(idle)?.replica.advertised ?? new Set();
    const hints = Array.from({ length: fleet.waiting + held.size }, (_, index) => `hint-${index}`);
    for (const hint of hints.filter((its) => !held.has(its)).slice(0, fleet.waiting)) fleet.arrive(hint);
    fleet.end(idle);
    return { run: () => (fleet.dispatch().size === 0 ? "kept" : "bound"), reset() {} };
  },
};

function arrival(fleet: Fleet, hintOf: (round: number) => string, end: (id: number) => void): Case {
  let id = 0;
  const run = (round: number) => {
    const arrived = fleet.arrive(hintOf(round));
    id = arrived.id;
    return arrived.word;
  };
  return { run, reset: () => end(id) };
}

function wordOf(result: scheduling.EnqueueResult): string {
  return result.kind === "granted" ? result.reason : result.kind;
}

function timesOf(name: string, { run, reset }: Case, rounds: number) {
  const outcomes: string[] = [];
  const times: number[] = [];
  let cpuUs = 0;
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    const before = process.cpuUsage();
    const start = performance.now();
    const outcome = run(round + WARM_UP_ROUNDS);
    const tookUs = (performance.now() - start) * 1000;
    const { user, system } = process.cpuUsage(before);
    reset();
    if (round < 0) continue;
    cpuUs += user + system;
    times.push(tookUs);
    outcomes.push(outcome);
  }
  times.sort((a, b) => a - b);
  const us = (value: number) => Math.round(value * 10) / 10;
  const at = (share: number) => us(quantileSorted(times, share));
  const figures = { mean_us: us(mean(times)), cpu_us: us(cpuUs / rounds), p50_us: at(0.5), p99_us: at(0.99), max_us: at(1) };
  return { case: name, rounds, ...figures, outcomes: counted(outcomes) };
}

const NOTES = `
CPU is that of the whole process, the garbage collector's threads and the question itself included, which takes about 1 us.`;

const command = program("decide", "Times the scheduler's decisions, in microseconds each, on a fleet in memory.", NOTES)
  .option("--replicas <number>", "replicas", number(1, 10_000, "integer"), 10_000)
  .option("--hints-per-replica <number>", "hints that each holds", number(1, 20, "integer"), 16)
  .option("--waiting <number>", "requests that wait, each for something else", number(1, 5000, "integer"), 1000)
  .option("--rounds <number>", "how often each is timed", number(1, 1_000_000, "integer"), 2000)
  .option("--seed <number>", "of everything drawn", SEED, 1)
  .option("--json", "one JSON object a line for each case", false);

export const decide = job(command, async ({ rounds, json, ...size }, { print }) => {
  const timed = Object.entries(CASES).map(([name, make]) => timesOf(name, make(makeFleet(size)), rounds));
  const rows = timed.map((its) => [its.case, its.mean_us, its.cpu_us, its.p50_us, its.p99_us, its.max_us, listed(its.outcomes)]);
  print(
    json ? timed.map((its) => JSON.stringify(its)).join("\n") : table([["us", "mean", "CPU", "p50", "p99", "max", ""], ...rows]),
  );
  return true;
});
