// The command line: what can be asked for, within which bounds, and the help. Reads no file.
import { Command, InvalidArgumentError, Option } from "commander";
import { DAY_MS, number, parse, PRODUCTION, strict, workloadOptions, type Parsed } from "./arguments.ts";
import { LOAD_MS_MAX } from "./load-times.ts";
import { allPolicies } from "./policies.ts";
import type { Retiming } from "./retime.ts";
import type { WarmpathOptions } from "./routers/warmpath.ts";
import { IDLE_TIMEOUT_MS, type Faults } from "./faults.ts";

export interface Options {
  /** Null: a synthetic workload. */
  readonly trace: string | null;
  readonly cutPlus: boolean;
  /** Null: all there are. */
  readonly requests: number | null;
  readonly serviceScale: number;
  readonly serviceMs: number;
  readonly replicas: number;
  readonly slots: number;
  readonly concurrency: number;
  readonly loads: readonly number[];
  readonly retiming: Retiming;
  readonly findLimit: boolean;
  readonly coldMs: number;
  readonly coldPercentiles: string | null;
  readonly coldEntry: string | null;
  readonly heartbeatMs: number;
  readonly faults: Faults;
  readonly costs: boolean;
  readonly streams: boolean;
  readonly seed: number;
  readonly bootstraps: number;
  readonly blockMs: number;
  readonly policies: readonly string[];
  readonly warmpath: WarmpathOptions;
  readonly json: boolean;
  readonly plot: string | null;
}

const HOUR_MS = 3_600_000;
const LOADS_MAX = 50;
/** As the setting's default: the router's first guess of a load, whatever loads take in the simulated world. */
const COLD_START_MS = 12_000;

const EXAMPLES = `
Examples:
  npm run simulate                                        synthetic workload, all policies, load 0.6
  npm run simulate -- --load 0.4,0.6,0.8 --plot out.svg   latency against load
  npm run simulate -- --trace trace.csv.gz --service-scale 0.63 --bootstrap 4 --policies warmpath,fal
  npm run simulate -- --late-ms 15000 --drop 0.05 --no-hint-slots --json
  npm run simulate -- --fails-fast --policies warmpath,least-loaded

Seconds are simulated. The figures: bench/simulate/statistics.ts.`;

/** What commander makes of the options below. */
interface Raw extends Omit<Options, "faults" | "warmpath" | "loads" | "policies" | "trace" | "plot"> {
  readonly trace?: string;
  readonly load: readonly number[];
  readonly retime: Retiming;
  readonly bootstrap: number;
  readonly bootstrapBlockH: number;
  readonly policies: readonly string[];
  readonly affinityWait: "auto" | "never";
  readonly productionDefaults: boolean;
  readonly queueTimeoutMs?: number;
  readonly queueLengthMax?: number;
  readonly evictAdvice: boolean;
  readonly hintSlots: boolean;
  readonly inBand: boolean;
  readonly lateMs: number;
  readonly drop: number;
  readonly churnS: number;
  readonly errorShare: number;
  readonly failingHint?: string | true;
  readonly failsFast: boolean;
  readonly stalls: boolean;
  readonly plot?: string;
}

/** Prints help, and what is wrong with bad usage. */
export function parseOptions(argv: readonly string[]): Parsed<Options> {
  const parsed = parse<Raw>(command(), argv);
  return parsed.kind === "exit" ? parsed : { kind: "run", options: optionsOf(parsed.options) };
}

function optionsOf(raw: Raw): Options {
  const production = raw.productionDefaults ? PRODUCTION : { queueTimeoutMs: Infinity, queueLengthMax: Infinity };
  return {
    trace: raw.trace ?? null,
    cutPlus: raw.cutPlus,
    requests: raw.requests ?? null,
    serviceScale: raw.serviceScale,
    serviceMs: raw.serviceMs,
    replicas: raw.replicas,
    slots: raw.slots,
    concurrency: raw.concurrency,
    loads: raw.load,
    retiming: raw.retime,
    findLimit: raw.findLimit,
    coldMs: raw.coldMs,
    coldPercentiles: raw.coldPercentiles ?? null,
    coldEntry: raw.coldEntry ?? null,
    heartbeatMs: raw.heartbeatMs,
    faults: {
      noHintSlots: !raw.hintSlots,
      noInBand: !raw.inBand,
      lateMs: raw.lateMs,
      dropped: raw.drop,
      churnMs: raw.churnS * 1000,
      errorShare: raw.errorShare,
      failingHint: raw.failingHint ?? null,
      failsFast: raw.failsFast,
      stalls: raw.stalls,
    },
    costs: raw.costs,
    streams: raw.streams,
    seed: raw.seed,
    bootstraps: raw.bootstrap,
    blockMs: raw.bootstrapBlockH * HOUR_MS,
    policies: raw.policies,
    warmpath: {
      queueTimeoutMs: raw.queueTimeoutMs ?? production.queueTimeoutMs,
      queueLengthMax: raw.queueLengthMax ?? production.queueLengthMax,
      affinityWait: raw.affinityWait,
      coldStartMs: COLD_START_MS,
      evictAdvice: raw.evictAdvice,
    },
    json: raw.json,
    plot: raw.plot ?? null,
  };
}

function command(): Command {
  const program = strict(new Command("simulate"))
    .description("Runs routing policies against one workload on simulated replicas and says how long requests took.")
    .addHelpText("after", EXAMPLES);
  workloadOptions(program);
  runOptions(program);
  fleetOptions(program);
  faultOptions(program);
  policyOptions(program);
  program
    .optionsGroup("Output:")
    .option("--json", "one JSON object a line for each load and policy, instead of tables", false)
    .option("--plot <file>", "chart of the mean time against load, as SVG");
  return program;
}

function runOptions(program: Command): void {
  program
    .option("--requests <number>", "no more than the first so many", number(1, 2_000_000, "integer"))
    .option("--load <loads>", "service time asked for over what the fleet has; several with commas", loads, [0.6])
    .option("--find-limit", "also search the highest load at which each policy's queue stays bounded", false)
    .option(
      "--bootstrap <paths>",
      "average over so many resampled paths too, with standard deviations",
      number(0, 100, "integer"),
      0,
    )
    .option("--bootstrap-block-h <hours>", "length of the blocks they are made of", number(0.01, 1000), 12);
}

function fleetOptions(program: Command): void {
  program
    .optionsGroup("Fleet:")
    .option("--replicas <number>", "replicas", number(1, 10_000, "integer"), 8)
    .option("--slots <number>", "hints that each can hold, the least recently used making room", number(1, 10_000, "integer"), 3)
    .option("--concurrency <number>", "requests that each serves at once", number(1, 1000, "integer"), 1)
    .addOption(
      new Option("--cold-ms <ms>", "how long a load takes")
        .argParser(number(0, LOAD_MS_MAX))
        .default(12_000)
        .conflicts("coldPercentiles"),
    )
    .option("--cold-percentiles <file>", "JSON of percentiles that load times are drawn from")
    .option("--cold-entry <name>", "which entry of that file")
    .option("--heartbeat-ms <ms>", "time between reports of a replica", number(100, HOUR_MS), 5000)
    .option("--streams", "replicas answer when they begin to serve, not when they are done", false)
    .option("--costs", "clients say what a request costs", false);
}

function faultOptions(program: Command): void {
  program
    .optionsGroup("Faults:")
    .option("--no-hint-slots", "replicas do not say how many hints they can hold")
    .option("--no-in-band", "responses do not say what the replica holds")
    .option("--late-ms <ms>", "reports say what was held so long ago", number(0, HOUR_MS), 0)
    .option("--drop <share>", "each hint is missing from a report with this probability", number(0, 1), 0)
    .option(
      "--churn-s <seconds>",
      "each replica dies this often on average, and is back a minute later",
      number(60, 1e9),
      Infinity,
    )
    .option("--error-share <share>", "each answer is a 500 with this probability, after its usual time", number(0, 1), 0)
    .option(
      "--failing-hint [hint]",
      "one replica can't load this hint, the most frequent where none is named: 500 after a load's time",
    )
    .option("--fails-fast", "one replica answers 500 to everything within 5 ms", false)
    .option("--stalls", `one replica's answers stop in the middle, and are ended after ${IDLE_TIMEOUT_MS / 1000} s`, false);
}

function policyOptions(program: Command): void {
  program
    .optionsGroup("Policies:")
    .option("--policies <names>", `all, or some of ${policyNames().join(", ")}`, policies, policyNames())
    .addOption(new Option("--affinity-wait <how>", "warmpath only, as AFFINITY_WAIT").choices(["auto", "never"]).default("auto"))
    .option("--evict-advice", "warmpath only: it tells replicas what to evict, and they do", false)
    .option("--queue-timeout-ms <ms>", "warmpath only, as QUEUE_TIMEOUT_MS; without it none is given up", number(0, DAY_MS))
    .option("--queue-length-max <number>", "warmpath only, as QUEUE_LENGTH_MAX", number(0, 1_000_000, "integer"))
    .option(
      "--production-defaults",
      `those two as in production: ${PRODUCTION.queueTimeoutMs} and ${PRODUCTION.queueLengthMax}`,
      false,
    );
}

function policyNames(): string[] {
  return [...allPolicies({ ...PRODUCTION, affinityWait: "auto", coldStartMs: COLD_START_MS, evictAdvice: false }).keys()];
}

function loads(text: string): number[] {
  const parsed = [...new Set(text.split(",").map(number(0.001, 10)))];
  if (parsed.length > LOADS_MAX) throw new InvalidArgumentError(`It can have at most ${LOADS_MAX} loads.`);
  return parsed.sort((a, b) => a - b);
}

function policies(text: string): string[] {
  const known = policyNames();
  if (text.trim() === "all") return known;
  const named = [...new Set(text.split(",").map((name) => name.trim()))];
  const unknown = named.find((name) => !known.includes(name));
  if (unknown !== undefined)
    throw new InvalidArgumentError(`There is no policy ${JSON.stringify(unknown)}. Known: all, ${known.join(", ")}.`);
  return known.filter((name) => named.includes(name));
}
