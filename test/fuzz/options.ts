// The command line of the fuzzer: what can be asked for, within which bounds, and the help. Reads no file.
import { Command } from "commander";
import { number, parse, strict, type Parsed } from "../../bench/simulate/arguments.ts";

export interface Options {
  readonly count: number;
  readonly seed: number;
  readonly json: boolean;
}

const NOTES = `
What is sent: heartbeats that are none, clients' requests with odd hints, headers, hosts, targets and methods, valid requests with some
bytes changed, and noise. Settings are read in this process. Each input knows which answers are allowed; most allow just one.
What is checked after every batch: the router answers, its log is empty, every slot is free, fleets and apps are as before, and no
replica got a request that was not meant for it.

Leaves with 0 where nothing was violated, 1 where something was or failed, 2 on bad usage, 130 when interrupted. A violation comes with
the seed and the smallest input that shows it.

Examples:
  npm run fuzz                                 10000 inputs, in some ten seconds
  npm run fuzz -- --count 100000 --seed 7
  npm run fuzz -- --count 2000 --json`;

/** Prints help, and what is wrong with bad usage. */
export function parseOptions(argv: readonly string[]): Parsed<Options> {
  return parse<Options>(
    strict(new Command("fuzz"))
      .description(
        "Sends malformed inputs to the built router on workerd and checks what it answers and that nothing else happens.",
      )
      .addHelpText("after", NOTES)
      .option("--count <number>", "inputs, settings among them", number(1, 10_000_000, "integer"), 10_000)
      .option("--seed <number>", "of everything drawn", number(0, 2 ** 31 - 1, "integer"), 1)
      .option("--json", "one JSON object instead of a table", false),
    argv,
  );
}
