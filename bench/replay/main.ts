// `npm run replay`: the built router against the simulator, on one compressed workload.
import { costPolicy } from "../../src/routing/policy/cost.ts";
import { hintFault } from "../../src/wire/hints.ts";
import { BadInput, main, number, program } from "../command.ts";
import { counted, listed, table } from "../report.ts";
import { runOf, type Fleet } from "../simulate/experiment.ts";
import { NO_FAULTS } from "../simulate/faults.ts";
import { DAY_MS, requestsOf, withWorkload } from "../simulate/inputs.ts";
import type { Outcome } from "../simulate/outcome.ts";
import { LOAD_MS_MAX } from "../simulate/load-times.ts";
import { warmpath, type WarmpathOptions } from "../simulate/routers/warmpath.ts";
import { missOf, timesOf } from "../simulate/statistics.ts";
import { retime, totalServiceMs, type Workload } from "../simulate/workload.ts";
import { replay } from "./replay.ts";

/** More replicas would be a test of this machine. */
const REPLICAS_MAX = 256;
/** Reports that come more often than every `leastMs` are a load of their own. */
const HEARTBEAT = { ms: 5000, leastMs: 10 };
/** The router may take so many times as long as the simulator, and this on top. */
const LIMIT = { times: 1.5, moreMs: 30_000 };
const RUN_MAX_MS = 3_600_000;
/** If a request takes less, its way through the router is no longer small beside that. */
const SERVICE_MIN_MS = 100;
/** The largest QUEUE_TIMEOUT_MS and QUEUE_LENGTH_MAX: no request is given up. */
const PATIENT = { queueTimeoutMs: DAY_MS, queueLengthMax: 10_000 };

const NOTES = `
--compression 50 plays 50 s of the workload in one second. The 2000 requests on 8 replicas at load 0.6 take about 2.5 minutes. The way through
the router and back, some 3 ms, does not shrink: services and loads should be at least ${SERVICE_MIN_MS} ms after compression on average.

Exit status: 0 if router and simulator agree, 1 if not or if something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run replay                                     synthetic workload
  npm run replay -- --requests 400 --compression 75  the same, in half a minute
  npm run replay -- --trace trace.csv.gz --service-scale 0.63 --json`;

const description =
  "Replays a workload in compressed time through the built router on workerd and HTTP replicas, and compares with the simulator.";
const command = withWorkload(program("replay", description, NOTES))
  .option("--requests <number>", "the first so many of the retimed workload", number(1, 100_000, "integer"), 2000)
  .option("--load <load>", "service time that the workload asks for over what the fleet has", number(0.001, 10), 0.6)
  .optionsGroup("Fleet, in the workload's time:")
  .option("--compression <factor>", "how many times as fast", number(1, HEARTBEAT.ms / HEARTBEAT.leastMs), 50)
  .option("--replicas <number>", "replicas", number(1, REPLICAS_MAX, "integer"), 8)
  .option(
    "--slots <number>",
    "hints that each replica can hold; the least recently used makes room",
    number(1, 256, "integer"),
    3,
  )
  .option("--cold-ms <ms>", "how long a load takes", number(0, LOAD_MS_MAX), 12_000)
  .optionsGroup("Output:")
  .option("--tolerance-miss <share>", "how far the shares of misses may be apart", number(0, 1), 0.05)
  .option("--tolerance-mean <share>", "how far the mean times may be apart, as a part of the simulator's", number(0, 10), 0.1)
  .option("--json", "one JSON object instead of a table", false);

type Options = ReturnType<typeof command.opts>;

await main(command, async (options, { signal, progress, print }) => {
  const { compression, replicas, slots, seed, toleranceMiss, toleranceMean, json } = options;
  const workload = workloadOf(options);
  const loadMs = options.coldMs / compression;
  const heartbeatMs = HEARTBEAT.ms / compression;
  const settings: WarmpathOptions = { ...PATIENT, coldStartMs: Math.max(1, Math.round(loadMs)) };
  const fleet: Fleet = {
    ...{ replicas, slots, concurrency: 1, costs: false, seed, heartbeatMs, makeLoadMs: () => () => loadMs, faults: NO_FAULTS },
  };
  const simulated = runOf(workload, warmpath(settings, costPolicy), fleet);
  if (simulated.endMs > RUN_MAX_MS) {
    throw new BadInput(`--compression: it would take ${Math.round(simulated.endMs / 60_000)} minutes, the most is 60`);
  }
  const serviceMs = totalServiceMs(workload) / workload.length;
  if (serviceMs < SERVICE_MIN_MS)
    console.error(`warning: a request takes ${serviceMs.toFixed(0)} ms on average, so some 3 ms of overhead count`);
  const startMs = performance.now();
  const { outcomes, faults, ...replayed } = await replay(workload, {
    ...{ replicas, slots, loadMs, heartbeatMs, settings, seed, signal },
    limitMs: Math.ceil(simulated.endMs * LIMIT.times) + LIMIT.moreMs,
    progress: (answered) => progress(`${answered} answered`, answered / workload.length),
  });
  const [router, simulator] = [figuresOf(outcomes, compression), figuresOf(simulated.outcomes, compression)];
  const apart = { miss_difference: router.miss - simulator.miss, mean_ratio: router.mean_s / simulator.mean_s };
  // If a figure is NaN, nothing agrees.
  const missAgrees = Math.abs(apart.miss_difference) <= toleranceMiss;
  const meanAgrees = Math.abs(apart.mean_ratio - 1) <= toleranceMean;
  const agrees = missAgrees && meanAgrees && faults.length === 0;
  const [reasons, errors] = [counted(replayed.reasons), counted(replayed.errors)];
  const took_s = (performance.now() - startMs) / 1000;
  if (json) {
    const its = { agrees, requests: workload.length, compression, took_s, ...apart };
    print(JSON.stringify({ ...its, router, simulator, reasons, errors, faults }));
    return agrees;
  }
  const names = Object.keys(router) as (keyof typeof router)[];
  const judged = (is: boolean, tolerance: number) => `${is ? "within" : "NOT within"} ${tolerance * 100} %`;
  print(
    [
      `${workload.length} requests, ${compression} times as fast, ${took_s.toFixed(0)} s: services ${serviceMs.toFixed(0)} ms on average, loads ${loadMs.toFixed(0)} ms`,
      "",
      table([["", "router", "simulator"], ...names.map((name) => [name, shown(router[name]), shown(simulator[name])])]),
      "",
      `misses ${shown(apart.miss_difference * 100)} points apart, ${judged(missAgrees, toleranceMiss)}`,
      `mean ${shown((apart.mean_ratio - 1) * 100)} % apart, ${judged(meanAgrees, toleranceMean)}`,
      `reasons: ${listed(reasons)}`,
      `errors: ${listed(errors)}`,
      ...faults.map((fault) => `fault: ${fault}`),
      `Seconds are the workload's: real ones times ${compression}.`,
    ].join("\n"),
  );
  return agrees;
});

/** Compressed in time. */
function workloadOf({ requests, load, replicas, compression, ...options }: Options): Workload {
  const first = retime(requestsOf(options), options.retime, load, replicas).slice(0, requests);
  if (totalServiceMs(first) <= 0) throw new BadInput("--requests: none of them takes any time");
  return first.map(({ hint, atMs, serviceMs }) => {
    return { hint: asHeader(hint), atMs: atMs / compression, serviceMs: serviceMs / compression };
  });
}

/** A key that can't be sent as a hint is sent in the form that a URL would have it in. */
function asHeader(key: string): string {
  const hint = hintFault(key) === null && key.trim() === key ? key : encodeURIComponent(key);
  const fault = hintFault(hint);
  if (fault !== null) throw new BadInput(`--trace: the key ${JSON.stringify(key.slice(0, 50))} ${fault}`);
  return hint;
}

/** `_s` are seconds of the workload. Times and `miss` are of served requests, the longest wait and `given_up` of all. */
function figuresOf(outcomes: readonly Outcome[], compression: number) {
  const stretched = outcomes.map((its) => {
    return { ...its, waitedMs: its.waitedMs * compression, inSystemMs: its.inSystemMs * compression };
  });
  const givenUp = outcomes.filter(({ served }) => !served).length / outcomes.length;
  return { miss: missOf(outcomes), ...timesOf(stretched), given_up: givenUp };
}

function shown(value: number): string {
  return Number.isFinite(value) ? value.toFixed(Math.abs(value) < 1 ? 3 : 1) : "-";
}
