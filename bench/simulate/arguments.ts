// What the command lines of the simulator and of the replay have in common: which workload, numbers within bounds, and how they end.
import { CommanderError, InvalidArgumentError, Option, type Command } from "commander";
import { parseSettings, type SettingsResult } from "../../src/settings/settings.ts";
import { RETIMINGS } from "./retime.ts";
import { GENTD26_LIKE } from "./synthetic.ts";

/** `run` has what commander makes of the options. */
export type Parsed<T> = { readonly kind: "run"; readonly options: T } | { readonly kind: "exit"; readonly code: number };

export const EXIT_USAGE = 2;
export const DAY_MS = 86_400_000;

/** QUEUE_TIMEOUT_MS and QUEUE_LENGTH_MAX as production has them where nobody sets them. */
export const PRODUCTION = productionOf(parseSettings({}));

function productionOf(defaults: SettingsResult): { readonly queueTimeoutMs: number; readonly queueLengthMax: number } {
  if (!defaults.ok) throw new Error(`${defaults.setting} ${defaults.detail}`);
  const { QUEUE_TIMEOUT_MS, QUEUE_LENGTH_MAX } = defaults.settings;
  return { queueTimeoutMs: QUEUE_TIMEOUT_MS, queueLengthMax: QUEUE_LENGTH_MAX };
}

/** Prints help, and what is wrong with bad usage. */
export function parse<Raw>(program: Command, argv: readonly string[]): Parsed<Raw> {
  try {
    program.parse(argv, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) return { kind: "exit", code: error.exitCode === 0 ? 0 : EXIT_USAGE };
    throw error;
  }
  return { kind: "run", options: program.opts() as Raw };
}

/** Behaviour that both want of commander. */
export function strict(program: Command): Command {
  return program.exitOverride().allowExcessArguments(false).helpOption("-h, --help", "show this and leave");
}

/** Which requests there are; how many of them and at which load is said elsewhere. */
export function workloadOptions(program: Command): void {
  program
    .optionsGroup("Workload:")
    .addOption(new Option("--trace <file>", "CSV or CSV.gz with the columns t_ms,key,service_ms").conflicts("synthetic"))
    .option(
      "--synthetic",
      `seeded workload shaped like a production fleet's, ${GENTD26_LIKE.requests} requests; the default without --trace`,
    )
    .option("--cut-plus", "cut keys at their first +", false)
    .option("--service-scale <factor>", "scale service times", number(0.001, 1000), 1)
    .option("--service-ms <ms>", "service time of rows that give none, not scaled", number(1, DAY_MS), 1000)
    .addOption(
      new Option("--retime <how>", "what an hour's length follows, or one factor for all").choices(RETIMINGS).default("count"),
    )
    .option("--seed <number>", "of everything drawn", number(0, 2 ** 31 - 1, "integer"), 1);
}

export function number(min: number, max: number, kind: "integer" | "number" = "number"): (text: string) => number {
  return (text) => {
    const value = text.trim() === "" ? NaN : Number(text);
    const fits = value >= min && value <= max && (kind === "number" || Number.isInteger(value));
    if (!fits)
      throw new InvalidArgumentError(`It must be ${kind === "integer" ? "an integer" : "a number"} from ${min} to ${max}.`);
    return value;
  };
}
