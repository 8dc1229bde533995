// The command line of a soak: what can be asked for, within which bounds, and the help.
import { Command } from "commander";
import { number, parse, strict, type Parsed } from "../simulate/arguments.ts";
import { MEMORY_JUDGED_FROM_MINUTES, MEMORY_WARM_UP_MINUTES } from "./verdict.ts";

export interface Options {
  readonly minutes: number;
  readonly load: number;
  readonly seed: number;
  readonly growth: number;
  readonly memoryShare: number;
  readonly memoryMib: number;
  readonly plot: string | null;
  readonly json: boolean;
}

const NOTES = `
What runs: the built router on workerd; 8 HTTP replicas that serve, load hints, send heartbeats, and now and then drain, are replaced or die;
clients that send plain requests, uploads, streams and WebSockets, some of which leave. Arrivals are a Poisson process, hints follow Zipf's law.

What is judged: the last tenth of the run against the first after a warm-up, which is a tenth too. Resident memory of workerd, what the router
adds to a request's time (p50 and p95), the wait in its queue (p95) and its CPU time a request. No outcome that the deaths do not explain,
every replica listed as ready at the end, nothing still held. And what the router holds after the last request, once garbage is collected by
V8's inspector, against what it held before the first.

Resident memory is warm after ${MEMORY_WARM_UP_MINUTES} minutes at the soonest: until then the heap fills. Runs of less than ${MEMORY_JUDGED_FROM_MINUTES} minutes say "not judged" of it, in JSON
\`"ok": null\`, and leave with 0 where all else was well.

On a shared machine: a tenth is judged by medians over its windows, latency over the half of them in which the router waited least for a
processor; and it may grow by as much as control requests grew, which go straight to a replica, or as the router's own work was stretched by
others' load. Beside the factor a little growth is allowed in any case (bench/soak/verdict.ts).

Leaves with 0 where all was well, 1 where it was not or something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run soak
  npm run soak -- --minutes 5 --load 0.8 --seed 7 --plot soak.svg`;

/** Prints help, and what is wrong with bad usage. */
export function parseOptions(argv: readonly string[]): Parsed<Options> {
  const parsed = parse<Omit<Options, "plot"> & { readonly plot?: string }>(command(), argv);
  if (parsed.kind === "exit") return parsed;
  return { kind: "run", options: { ...parsed.options, plot: parsed.options.plot ?? null } };
}

function command(): Command {
  return strict(new Command("soak"))
    .description("Runs the built router for long under steady load, and says whether its memory or latency grew.")
    .addHelpText("after", NOTES)
    .option("--minutes <minutes>", "how long", number(0.05, 10_080), 30)
    .option("--load <load>", "service time asked for over what the fleet has, loads of hints not counted", number(0.01, 2), 0.7)
    .option("--seed <number>", "of requests and of what befalls replicas", number(0, 2 ** 31 - 1, "integer"), 1)
    .optionsGroup("Verdict:")
    .option("--memory-share <share>", "resident memory may grow by this share", number(0, 10), 0.1)
    .option("--memory-mib <mebibytes>", "or by so much, where that is more", number(0, 1000), 16)
    .option("--growth <factor>", "latencies and CPU time a request may become so many times as long", number(0, 100), 1.5)
    .optionsGroup("Output:")
    .option("--plot <file>", "chart of memory and latency over time, as SVG")
    .option("--json", "one JSON object, every window in it, instead of a table", false);
}
