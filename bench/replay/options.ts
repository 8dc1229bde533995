// The command line of the replay: what can be asked for, within which bounds, and the help. Reads no file.
import { Command, Option } from "commander";
import { number, parse, strict, workloadOptions, type Parsed } from "../simulate/arguments.ts";
import { LOAD_MS_MAX } from "../simulate/load-times.ts";
import type { Retiming } from "../simulate/retime.ts";

export interface Options {
  /** Null: a synthetic workload. */
  readonly trace: string | null;
  readonly cutPlus: boolean;
  readonly requests: number;
  readonly serviceScale: number;
  readonly serviceMs: number;
  readonly load: number;
  readonly retiming: Retiming;
  readonly seed: number;
  readonly replicas: number;
  readonly slots: number;
  readonly concurrency: number;
  readonly coldMs: number;
  readonly heartbeatMs: number;
  readonly compression: number;
  readonly affinityWait: "auto" | "never";
  readonly productionDefaults: boolean;
  readonly evictAdvice: boolean;
  readonly costs: boolean;
  readonly port: number;
  readonly toleranceMiss: number;
  readonly toleranceMean: number;
  readonly json: boolean;
}

type Raw = Omit<Options, "trace" | "retiming"> & { readonly trace?: string; readonly retime: Retiming };

/** More would be a test of this machine. */
const REPLICAS_MAX = 256;
const MINUTE_MS = 60_000;

const NOTES = `
How fast: --compression 50 plays 50 s of the workload in one; the 2000 requests on 8 replicas at load 0.6 take about 2.5 minutes.
What does not shrink is the way through the router and back, some 3 ms for each request: at 50 it seems to take 0.15 s.
So services and loads should stay far above that, at least 100 ms after compression on average.

What is compared: the simulator runs the same compressed workload. The few times that are fixed in the router's code and do not shrink
(src/routing/limits.ts) so weigh as much in both. What that changes is shown beside them, by a third run of the simulator without
compression.

Leaves with 0 where router and simulator agree, 1 where they do not or something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run replay                                     synthetic workload
  npm run replay -- --requests 400 --compression 75  the same, in half a minute
  npm run replay -- --trace trace.csv.gz --service-scale 0.63 --json`;

/** Prints help, and what is wrong with bad usage. */
export function parseOptions(argv: readonly string[]): Parsed<Options> {
  const parsed = parse<Raw>(command(), argv);
  if (parsed.kind === "exit") return parsed;
  const { trace, retime, ...rest } = parsed.options;
  return { kind: "run", options: { ...rest, trace: trace ?? null, retiming: retime } };
}

function command(): Command {
  const program = strict(new Command("replay"))
    .description(
      "Replays a workload in compressed time through the built router on workerd and HTTP replicas, and compares with the simulator.",
    )
    .addHelpText("after", NOTES);
  workloadOptions(program);
  program
    .option("--requests <number>", "the first so many of the retimed workload", number(1, 100_000, "integer"), 2000)
    .option("--load <load>", "service time asked for by all of it over what the fleet has", number(0.001, 10), 0.6);
  fleetOptions(program);
  program
    .optionsGroup("Router:")
    .addOption(new Option("--affinity-wait <how>", "as AFFINITY_WAIT").choices(["auto", "never"]).default("auto"))
    .option("--evict-advice", "replicas evict what the router advises", false)
    .option("--costs", "clients say what a request costs", false)
    .option("--production-defaults", "the longest wait and queue as in production; without it none is given up", false)
    .option("--port <port>", "where the router listens; 0: any free port", number(0, 65_535, "integer"), 0)
    .optionsGroup("Output:")
    .option("--tolerance-miss <share>", "how far the shares of misses may be apart", number(0, 1), 0.05)
    .option("--tolerance-mean <share>", "how far the mean times may be apart, as a part of the simulator's", number(0, 10), 0.1)
    .option("--json", "one JSON object instead of a table", false);
  return program;
}

function fleetOptions(program: Command): void {
  program
    .optionsGroup("Fleet, in the workload's time:")
    .option("--compression <factor>", "how many times as fast", number(1, 1000), 50)
    .option("--replicas <number>", "replicas", number(1, REPLICAS_MAX, "integer"), 8)
    .option("--slots <number>", "hints that each can hold, the least recently used making room", number(1, 256, "integer"), 3)
    .option("--concurrency <number>", "requests that each serves at once", number(1, 1000, "integer"), 1)
    .option("--cold-ms <ms>", "how long a load takes", number(0, LOAD_MS_MAX), 12_000)
    .option("--heartbeat-ms <ms>", "time between reports of a replica", number(100, 60 * MINUTE_MS), 5000);
}
