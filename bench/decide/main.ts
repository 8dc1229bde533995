// `npm run bench`: how long a decision takes on the largest fleet the router allows.
import { mean, quantileSorted } from "simple-statistics";
import { main, number, program, SEED } from "../command.ts";
import { counted, listed, table } from "../report.ts";
import { seeded, type Random } from "../simulate/random.ts";
import { casesOf, type Case } from "./cases.ts";

const WARM_UP_ROUNDS = 300;

const command = program("bench", "Times the scheduler's decisions, in microseconds each, on a fleet in memory.")
  .option("--replicas <number>", "replicas", number(1, 10_000, "integer"), 10_000)
  .option("--hints-per-replica <number>", "hints that each holds", number(1, 20, "integer"), 16)
  .option("--waiting <number>", "requests that wait, each for something else", number(1, 5000, "integer"), 1000)
  .option("--rounds <number>", "how often each is timed", number(1, 1_000_000, "integer"), 2000)
  .option("--seed <number>", "of everything drawn", SEED, 1)
  .option("--json", "one JSON object a line for each case", false);

await main(command, async ({ rounds, seed, json, ...size }, { print }) => {
  const timed = casesOf(size, (): Random => seeded(seed)).map((make) => timesOf(make(), rounds));
  if (json) timed.forEach((its) => print(JSON.stringify(its)));
  else {
    const rows = timed.map((its) => [
      its.case,
      its.mean_us,
      its.p50_us,
      its.p99_us,
      its.max_us,
      its.cpu_us,
      listed(its.outcomes),
    ]);
    print(`${size.replicas} replicas, ${size.hintsPerReplica} hints each, ${size.waiting} requests waiting\n`);
    print(table([["microseconds", "mean", "p50", "p99", "max", "CPU", ""], ...rows]));
  }
  return true;
});

/** CPU time is of the whole process, what is not timed included. */
function timesOf({ name, run, reset }: Case, rounds: number) {
  const outcomes: string[] = [];
  const times: number[] = [];
  let before = process.cpuUsage();
  for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
    if (round === 0) before = process.cpuUsage();
    const start = performance.now();
    const outcome = run(round + WARM_UP_ROUNDS);
    const tookUs = (performance.now() - start) * 1000;
    reset();
    if (round < 0) continue;
    times.push(tookUs);
    outcomes.push(outcome);
  }
  const { user, system } = process.cpuUsage(before);
  times.sort((a, b) => a - b);
  const us = (value: number) => Math.round(value * 10) / 10;
  const at = (share: number) => us(quantileSorted(times, share));
  const shares = { mean_us: us(mean(times)), p50_us: at(0.5), p99_us: at(0.99), max_us: at(1) };
  return { case: name, rounds, ...shares, cpu_us: us((user + system) / rounds), outcomes: counted(outcomes) };
}
