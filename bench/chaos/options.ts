// The command line of a chaos run: what can be asked for, within which bounds, and the help.
import { Command, InvalidArgumentError } from "commander";
import { number, parse, strict, type Parsed } from "../simulate/arguments.ts";
import { FAULT_KINDS, FAULTS, type FaultKind } from "./faults.ts";

export interface Options {
  readonly seed: number;
  readonly minutes: number;
  readonly requestsPerSecond: number;
  readonly faultEveryMs: number;
  readonly faults: readonly FaultKind[];
  readonly json: boolean;
  readonly verbose: boolean;
  /** Where everything that is known of the run is written; null: nowhere. */
  readonly history: string | null;
}

const NOTES = `
What runs: the router's real sources on workerd, as a bundle of its own with switches in its objects; two apps of four HTTP replicas each,
which serve, load hints and send heartbeats; and clients, some of which leave, read slowly or forbid a second attempt. Times in the router
that are longer than a short run are shortened (bench/chaos/worker/short-times.ts).

What is checked: every request ended in one of the ways that the table in bench/chaos/check/allowed.ts allows; nothing ran twice that must
not; no answer was cut short or mixed up unnoticed; no replica got more than it takes, but for a second after a restart and by snapshot;
nobody waits for a replica that is gone or for an answer that has stopped; few requests fail while healthy replicas could serve them;
nothing is held when all is over; then the fleet is whole and hints are warm; and workerd logged nothing that chaos does not explain.

Some faults last longer and draw a crowd: 40 requests a second for a hint that their replica owns. The table says how often each was felt,
and of the requests that were judged how many failed (bench/chaos/check/crowds.ts).

The same seed gives the same faults at the same times, and the same requests. What the router makes of them depends on the machine.

Kinds of faults: ${FAULT_KINDS.filter((kind) => FAULTS[kind].crowd === null).join(", ")}.
With a crowd: ${FAULT_KINDS.filter((kind) => FAULTS[kind].crowd !== null).join(", ")}.

Leaves with 0 where everything was as it must be, 1 where it was not or something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run chaos -- --seed 1 --minutes 5
  npm run chaos -- --seed 7 --minutes 0.5 --faults dies,router_killed --verbose`;

/** Prints help, and what is wrong with bad usage. */
export function parseOptions(argv: readonly string[]): Parsed<Options> {
  const parsed = parse<Omit<Options, "history"> & { readonly history?: string }>(command(), argv);
  return parsed.kind === "exit"
    ? parsed
    : { kind: "run", options: { ...parsed.options, history: parsed.options.history ?? null } };
}

function command(): Command {
  return strict(new Command("chaos"))
    .description("Runs the built router on workerd under faults drawn from a seed, and checks what came of every request.")
    .addHelpText("after", NOTES)
    .option("--seed <number>", "of faults and requests", number(0, 2 ** 31 - 1, "integer"), 1)
    .option("--minutes <minutes>", "how long faults happen; some seconds of recovery follow", number(0.05, 600), 1)
    .option("--requests-per-second <number>", "on average, over both apps, bursts not counted", number(1, 500), 40)
    .option("--fault-every-ms <ms>", "on average", number(50, 600_000), 400)
    .option("--faults <kinds>", "only these, with commas between them", faultKinds, FAULT_KINDS)
    .optionsGroup("Output:")
    .option("--history <file>", "also every request, run, heartbeat and fault, as JSON, to look into a violation")
    .option("--verbose", "also the schedule of faults and the router's log", false)
    .option("--json", "one JSON object with everything, the schedule of faults included, instead of tables", false);
}

function faultKinds(text: string): FaultKind[] {
  const named = [...new Set(text.split(",").map((name) => name.trim()))];
  const unknown = named.find((name) => !FAULT_KINDS.some((kind) => kind === name));
  if (unknown !== undefined) throw new InvalidArgumentError(`There is no fault ${JSON.stringify(unknown)}.`);
  return FAULT_KINDS.filter((kind) => named.includes(kind));
}
