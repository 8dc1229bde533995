// `npm run bench`: how long a decision takes on the largest fleet the router allows.
import { Command, CommanderError } from "commander";
import { mean, quantileSorted } from "simple-statistics";
import { number } from "../simulate/arguments.ts";
import { seeded } from "../simulate/random.ts";
import { casesOf, type Case, type Size } from "./cases.ts";

interface Options extends Size {
  readonly rounds: number;
  readonly seed: number;
  readonly json: boolean;
}

interface Timed {
  readonly case: string;
  readonly rounds: number;
  readonly mean_us: number;
  readonly p50_us: number;
  readonly p99_us: number;
  readonly max_us: number;
  /** CPU time of the whole process, what is not timed included. */
  readonly cpu_us: number;
  /** How often it ended how. */
  readonly outcomes: Readonly<Record<string, number>>;
}

const WARM_UP_ROUNDS = 300;

function time(its: Case, rounds: number): Timed {
  const outcomes: Record<string, number> = {};
  for (let round = 0; round < WARM_UP_ROUNDS; round++) {
    its.run(round);
    its.reset(round);
  }
  const times: number[] = [];
  const before = process.cpuUsage();
  for (let round = WARM_UP_ROUNDS; round < WARM_UP_ROUNDS + rounds; round++) {
    const start = performance.now();
    const outcome = its.run(round);
    times.push((performance.now() - start) * 1000);
    outcomes[outcome] = (outcomes[outcome] ?? 0) + 1;
    its.reset(round);
  }
  const { user, system } = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  const round1 = (value: number) => Math.round(value * 10) / 10;
  return {
    case: its.name,
    rounds,
    mean_us: round1(mean(times)),
    p50_us: round1(quantileSorted(times, 0.5)),
    p99_us: round1(quantileSorted(times, 0.99)),
    max_us: round1(quantileSorted(times, 1)),
    cpu_us: round1((user + system) / rounds),
    outcomes,
  };
}

function parse(): Options {
  const command = new Command("bench")
    .description("Times the scheduler's decisions, in microseconds each, on a fleet in memory.")
    .option("--replicas <number>", "replicas", number(1, 10_000, "integer"), 10_000)
    .option("--hints-per-replica <number>", "hints that each holds", number(1, 20, "integer"), 16)
    .option("--waiting <number>", "requests that wait, each for something else", number(1, 5000, "integer"), 1000)
    .option("--rounds <number>", "how often each is timed", number(1, 1_000_000, "integer"), 2000)
    .option("--seed <number>", "of everything drawn", number(0, 2 ** 31 - 1, "integer"), 1)
    .option("--json", "one JSON object a line for each case", false)
    .exitOverride();
  try {
    return command.parse().opts<Options>();
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2);
    throw error;
  }
}

const options = parse();
if (!options.json) {
  console.log(`${options.replicas} replicas, ${options.hintsPerReplica} hints each, ${options.waiting} requests waiting\n`);
  console.log(`${"microseconds".padEnd(34)}${["mean", "p50", "p99", "max", "CPU"].map((name) => name.padStart(9)).join("")}`);
}
for (const its of casesOf(options, () => seeded(options.seed))) {
  const timed = time(its, options.rounds);
  if (options.json) {
    console.log(JSON.stringify(timed));
    continue;
  }
  const { mean_us, p50_us, p99_us, max_us, cpu_us, outcomes } = timed;
  const figures = [mean_us, p50_us, p99_us, max_us, cpu_us].map((value) => value.toFixed(1).padStart(9)).join("");
  const ended = Object.entries(outcomes).map(([outcome, times]) => `${outcome} ${times}`);
  console.log(`${its.name.padEnd(34)}${figures}  ${ended.join(", ")}`);
}
