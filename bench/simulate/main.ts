// `npm run simulate`: routing policies against one workload, on simulated replicas. Puts the parts together.
import { readFileSync, writeFileSync } from "node:fs";
import { InvalidArgumentError, Option } from "@commander-js/extra-typings";
import { policyOf, SCHEDULING, type Scheduling } from "../../src/routing/policy/index.ts";
import { BadInput, blaming, main, names, number, program } from "../command.ts";
import { UNBOUNDED_RULE } from "./backlog.ts";
import { experiment, type Plan, type Result } from "./experiment.ts";
import { canFail, IDLE_TIMEOUT_MS } from "./faults.ts";
import { PRODUCTION, requestsOf, withWorkload } from "./inputs.ts";
import { drawnLoadMs, LOAD_MS_MAX, parsePercentiles, type LoadMs } from "./load-times.ts";
import { seedFor } from "./random.ts";
import { header, jsonLine, LEGEND, tables } from "./report.ts";
import { BASELINES } from "./routers/index.ts";
import { RULES } from "./routers/isolates.ts";
import { warmpath } from "./routers/warmpath.ts";
import { blockCount, spanMs, type Workload } from "./workload.ts";

/** The name of the policy `cost` here. Charts put it in front. */
const OURS = "warmpath";
const nameOf = (scheduling: Scheduling) => (scheduling === "cost" ? OURS : scheduling);
const POLICIES = [...SCHEDULING.map(nameOf), ...Object.keys(BASELINES)];
/** Ours; the best of those that bind early at loads up to 0.7, and at 0.8; what fal documents; and what knows nothing of hints. */
const USUAL = names(POLICIES)(`${OURS},resident-first,sglang,fal,least-loaded`);
/** Besides the ideal queue. More lines than six in one chart can't be told apart. */
const DRAWN_MOST = 5;
const HOUR_MS = 3_600_000;
const HEARTBEAT_MS = 5000;
const LOADS_MAX = 50;
/** The setting's default: the router's first guess of a load, whatever loads take in the simulated world. */
const COLD_START_MS = 12_000;
/** Requests may die with their replica again and again, but not for ever: one survives at least every e⁴ = 55 tries. */
const LIVES_MIN = 1 / 4;

const EXAMPLES = `
Examples:
  npm run simulate                                        synthetic workload, some policies, load 0.6
  npm run simulate -- --load 0.4,0.6,0.8 --plot out.svg   latency against load
  npm run simulate -- --policies all --load 0.4,0.6,0.8   the table of README.md
  npm run simulate -- --trace trace.csv.gz --as-recorded --replicas 12
  npm run simulate -- --trace trace.csv.gz --service-scale 0.63 --bootstrap 4 --policies warmpath,fal
  npm run simulate -- --late-ms 15000 --drop 0.05 --no-hint-slots --json
  npm run simulate -- --fails-fast --policies warmpath,least-loaded

Seconds are simulated. bench/simulate/statistics.ts has the figures.

${UNBOUNDED_RULE}`;

const description = "Runs routing policies against one workload on simulated replicas and says how long requests took.";
const command = withWorkload(program("simulate", description, EXAMPLES))
  .option("--requests <number>", "no more than the first so many", number(1, 2_000_000, "integer"))
  .option("--load <loads>", "service time asked for over what the fleet has; several with commas", loads, [0.6])
  .addOption(
    new Option(
      "--as-recorded",
      "requests of --trace come when they came, on the fleet that --replicas gives: no load is aimed at",
    )
      .conflicts(["load", "retime"])
      .default(false),
  )
  .option("--bootstrap <paths>", "average over so many resampled paths too, and their deviations", number(0, 100, "integer"), 0)
  .optionsGroup("Fleet:")
  .option("--replicas <number>", "replicas", number(1, 10_000, "integer"), 8)
  .option(
    "--slots <number>",
    "hints that each replica can hold; the least recently used makes room",
    number(1, 10_000, "integer"),
    3,
  )
  .option("--concurrency <number>", "requests that each replica serves at once", number(1, 1000, "integer"), 1)
  .option("--speeds <speeds>", "how fast the first replicas are, with commas: one of 0.2 takes five times as long", speeds, [])
  .addOption(
    new Option("--cold-ms <ms>", "how long a load takes")
      .argParser(number(0, LOAD_MS_MAX))
      .default(12_000)
      .conflicts("coldPercentiles"),
  )
  .option("--cold-percentiles <file>", "JSON of percentiles that load times are drawn from")
  .option("--cold-entry <name>", "which entry of that file")
  .option("--costs", "clients say what a request costs", false)
  .option("--prewarm-s <seconds>", "clients announce each request so long ahead (x-warmpath-prewarm)", number(0, 3600))
  .option("--prewarm-false <probability>", "a false announcement comes with each of these", number(0, 1), 0)
  .optionsGroup("Faults:")
  .option("--no-hint-slots", "replicas do not say how many hints they can hold")
  .option("--no-in-band", "responses do not say what the replica holds")
  .option("--late-ms <ms>", "reports say what was held so long ago", number(0, HOUR_MS), 0)
  .option("--drop <share>", "each hint is missing from a report with this probability", number(0, 1), 0)
  .option("--churn-s <seconds>", "each replica dies this often on average, and is back a minute later", number(60, 1e9), Infinity)
  .option("--error-share <share>", "each answer is a 500 with this probability, after its usual time", number(0, 1), 0)
  .option("--failing-hint [hint]", "one replica can't load this hint (default: the most frequent): 500 after a load's time")
  .option("--fails-fast", "one replica answers 500 to everything within 5 ms", false)
  .option("--stalls", `one replica's answers stop in the middle, and are ended after ${IDLE_TIMEOUT_MS / 1000} s`, false)
  .optionsGroup("Policies:")
  .addOption(
    new Option("--policies <names>", `all, or some of ${POLICIES.join(", ")}`)
      .argParser(policies)
      .default(USUAL, USUAL.join(",")),
  )
  .addOption(
    new Option("--affinity-wait <how>", "AFFINITY_WAIT of the policies of SCHEDULING")
      .choices(["auto", "never"] as const)
      .default("auto" as const),
  )
  .addOption(
    new Option("--dispatch <how>", "policies of SCHEDULING: who decides, as DISPATCH; edge: at replicas of any concurrency")
      .choices(["registry", "edge", "auto"] as const)
      .default("registry" as const),
  )
  .option("--isolates <number>", "isolates that requests come to, with --dispatch", number(1, 100_000, "integer"), 64)
  .option("--snapshot-ms <ms>", "how often each refreshes its copy of the fleet, give or take a half", number(1, HOUR_MS), 1000)
  .option(
    "--production-defaults",
    `policies of SCHEDULING: at most ${PRODUCTION.queueLengthMax} requests wait, each at most ${PRODUCTION.queueTimeoutMs} ms; without it none is given up`,
    false,
  )
  .optionsGroup("Output:")
  .option("--json", "one JSON object a line for each load and policy, instead of tables", false)
  .option("--plot <file>", `chart of the mean time against load, as SVG; of at most ${DRAWN_MOST} policies`);

type Options = ReturnType<typeof command.opts>;

await main(command, async (options, running) => {
  const { json, plot } = options;
  if (plot !== undefined && options.policies.length > DRAWN_MOST) {
    throw new BadInput(`--plot: more than ${DRAWN_MOST} policies can't be told apart; choose with --policies`);
  }
  const plan = planOf(options);
  const workload = workloadOf(options);
  const fails = canFail(plan.fleet.faults);
  const { coldMs, coldPercentiles, coldEntry = "percentiles" } = options;
  const takes = coldPercentiles === undefined ? `${coldMs / 1000} s` : `drawn from ${coldEntry}`;
  const head = header(workload, plan, options.trace, takes);
  if (!json) running.print(head);
  const all: Result[] = [];
  for await (const results of experiment(workload, plan, running)) {
    all.push(...results);
    running.print(json ? results.map((result) => jsonLine(result, fails)).join("\n") : `\n${tables(results, fails)}`);
  }
  if (!json) running.print(`\n${LEGEND}`);
  if (plot === undefined) return true;
  // Loaded only when asked for: a charting library takes as long to load as a short run.
  const { chart } = await import("./plot.ts");
  blaming("--plot", () => writeFileSync(plot, chart(all, OURS, head)));
  return true;
});

function planOf(options: Options): Plan {
  const { replicas, slots, concurrency, costs, seed, speeds, affinityWait, churnS, failingHint = null } = options;
  const { isolates, snapshotMs, prewarmS, prewarmFalse } = options;
  if (prewarmS === undefined && prewarmFalse > 0) throw new BadInput("--prewarm-false: nothing is announced without --prewarm-s");
  const prewarming = prewarmS === undefined ? null : { aheadMs: prewarmS * 1000, falseShare: prewarmFalse };
  const dispatch = options.dispatch === "registry" ? null : { isolates, snapshotMs, rule: RULES[options.dispatch] };
  const patience = options.productionDefaults ? PRODUCTION : { queueTimeoutMs: Infinity, queueLengthMax: Infinity };
  const ours = (scheduling: Scheduling) =>
    warmpath({ ...patience, coldStartMs: COLD_START_MS }, () => policyOf(scheduling, affinityWait), dispatch);
  const known = [
    ...SCHEDULING.map((scheduling) => [nameOf(scheduling), ours(scheduling)] as const),
    ...Object.entries(BASELINES),
  ];
  const faults = {
    ...{ noHintSlots: !options.hintSlots, noInBand: !options.inBand, lateMs: options.lateMs, dropped: options.drop },
    ...{ churnMs: churnS * 1000, errorShare: options.errorShare, failingHint },
    ...{ failsFast: options.failsFast, stalls: options.stalls },
  };
  return {
    ...{ loads: options.load, retiming: options.asRecorded ? null : options.retime, bootstraps: options.bootstrap },
    policies: new Map(known.filter(([name]) => options.policies.includes(name))),
    fleet: {
      ...{ replicas, slots, concurrency, speeds, costs, prewarming, seed, faults, heartbeatMs: HEARTBEAT_MS },
      makeLoadMs: loadTimes(options),
    },
  };
}

function loadTimes({ coldMs, coldPercentiles, coldEntry, seed }: Options): () => LoadMs {
  if (coldPercentiles === undefined) {
    if (coldEntry !== undefined) throw new BadInput("--cold-entry chooses from --cold-percentiles, which is not given");
    return () => () => coldMs;
  }
  const read = () => parsePercentiles(readFileSync(coldPercentiles, "utf8"), coldPercentiles, coldEntry ?? null);
  const percentiles = blaming("--cold-percentiles", read);
  return () => drawnLoadMs(percentiles, seedFor(seed, "loads"));
}

function workloadOf(options: Options): Workload {
  if (options.asRecorded && options.trace === undefined) throw new BadInput("--as-recorded: there is no --trace");
  const workload = requestsOf(options);
  if (options.asRecorded && spanMs(workload) <= 0) throw new BadInput("--as-recorded: all requests of the trace come at once");
  if (options.bootstrap > 0 && blockCount(workload) < 2) {
    throw new BadInput("--bootstrap: the workload is no longer than one block of 12 h");
  }
  const leastS = (workload.reduce((longest, { serviceMs }) => Math.max(longest, serviceMs), 0) * LIVES_MIN) / 1000;
  if (options.churnS >= leastS) return workload;
  throw new BadInput(`--churn-s must be at least ${Math.ceil(leastS)}: requests take up to four times that`);
}

function policies(text: string): readonly string[] {
  return text.trim() === "all" ? POLICIES : names(POLICIES)(text);
}

function speeds(text: string): readonly number[] {
  return text.split(",").map(number(0.01, 100));
}

function loads(text: string): number[] {
  const parsed = [...new Set(text.split(",").map(number(0.001, 10)))];
  if (parsed.length > LOADS_MAX) throw new InvalidArgumentError(`It can have at most ${LOADS_MAX} loads.`);
  return parsed.sort((a, b) => a - b);
}
