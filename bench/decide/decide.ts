// `npm run bench -- decide`: how long a decision takes on the largest fleet the router allows. The scheduler is the production one, called as the Fleet
// object calls it.
import { mean, quantileSorted } from "simple-statistics";
import { finish } from "../../src/routing/lifecycle.ts";
import { modelsOf } from "../../src/views/models.ts";
import { job, number, program, SEED } from "../command.ts";
import { counted, listed, table } from "../report.ts";
import { makeFleet, SERVICE_MS, wordOf, type Fleet } from "./fleet.ts";

/** `run` is timed and gives what it did, in a word; `reset` is not. */
interface Case {
  readonly run: (round: number) => string;
  readonly reset: () => void;
}

const WARM_UP_ROUNDS = 300;
const CASES: Readonly<Record<string, (fleet: Fleet) => Case>> = {
  "arrival, every slot free, warm": (fleet) => arrival(fleet, fleet.hint, fleet.end),
  "arrival, every slot free, cold": (fleet) => arrival(fleet, (round) => `new-${round}`, fleet.end),
  "arrival, every slot free, no hint": (fleet) => arrival(fleet, () => null, fleet.end),
  "arrival, every replica holds its hint"(fleet) {
    fleet.beatAll(["common"]);
    return arrival(fleet, () => "common", fleet.end);
  },
  "arrival, half the slots free, cold"(fleet) {
    fleet.occupy(fleet.replicas / 2);
    return arrival(fleet, (round) => `new-${round}`, fleet.end);
  },
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
    const held = fleet.scheduler.fleet.grants.get(idle)?.replica.advertised ?? new Map();
    const hints = Array.from({ length: fleet.waiting + held.size }, (_, index) => `hint-${index}`);
    for (const hint of hints.filter((its) => !held.has(its)).slice(0, fleet.waiting)) fleet.arrive(hint);
    fleet.end(idle);
    return { run: () => (fleet.dispatch().size === 0 ? "kept" : "bound"), reset() {} };
  },
  "OPTIONS, no hint": (fleet) => ({ run: () => fleet.ask([]), reset() {} }),
  "OPTIONS, warm": (fleet) => ({ run: () => fleet.ask([fleet.hint()]), reset() {} }),
  "OPTIONS, cold": (fleet) => ({ run: (round) => fleet.ask([`new-${round}`]), reset() {} }),
  "the list of models": (fleet) => ({
    run: () => `${modelsOf(fleet.scheduler.fleet, fleet.clock.now).models.length} models`,
    reset() {},
  }),
  /** The timer fires while replicas report in turn, and no time to live is over. */
  tick(fleet) {
    fleet.beatAll();
    let beats = 0;
    const run = () => {
      fleet.clock.now += 1;
      return `${fleet.expire().length} left`;
    };
    return { run, reset: () => fleet.beat(beats++ % fleet.replicas) };
  },
  /** A replica fails a third of its requests, about as many as the others, so it stays. */
  "an error"(fleet) {
    for (let request = 0; request < 1500; request++) {
      const hint = fleet.hint();
      fleet.fail(fleet.arrive(hint).id);
      fleet.end(fleet.arrive(hint).id);
    }
    let id = fleet.arrive("hint-0").id;
    const run = () => {
      fleet.fail(id);
      return `${fleet.scheduler.fleet.unhealthy.size} ejected`;
    };
    const reset = () => {
      for (let request = 0; request < 2; request++) fleet.end(fleet.arrive("hint-0").id);
      id = fleet.arrive("hint-0").id;
    };
    return { run, reset };
  },
};

function arrival(fleet: Fleet, hintOf: (round: number) => string | null, end: (id: number) => void): Case {
  let id = 0;
  const run = (round: number) => {
    const arrived = fleet.arrive(hintOf(round));
    id = arrived.id;
    return arrived.word;
  };
  return { run, reset: () => end(id) };
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
