// The command line of an overload: what can be asked for, within which bounds, and the help.
import { Command } from "commander";
import { number, parse, strict, type Parsed } from "../../simulate/arguments.ts";

export interface Options {
  readonly times: number;
  readonly minutes: number;
  readonly seed: number;
  readonly queueLengthMax: number;
  readonly queueTimeoutMs: number;
  readonly goodput: number;
  readonly refusalP99Ms: number;
  readonly json: boolean;
}

const NOTES = `
What runs: the built router on workerd and 8 HTTP replicas that serve one request at a time, 250 ms on average, so that two cores carry many
times what they can serve. In one run, each from an empty queue: saturated by clients that send when their last request has ended, which gives
the capacity; half of it (before); many times it, one request in ten of low priority (overload); half of it again, at once (after); and many
times it of low priority beside half of it of normal priority (low_flood). The overload takes a third of the minutes; what it takes until the
backlog is gone comes on top.

What is judged: requests served during the overload over the capacity; refusals are quick, do not slow down, and all have Retry-After; the
queue keeps its bound; whoever was let in is served; afterwards latency is soon what it was before; normal requests wait less than those of
low priority, which are served all the same; a second overload adds nothing to memory; nothing is held at the end.

Memory is compared when nothing is under way, after garbage is collected by V8's inspector. The MiB in the table are resident memory as it
comes, garbage and all.

What bounds the recovery: the backlog is at most QUEUE_LENGTH_MAX requests, and no more than can be served within their deadlines by the
predicted wait. It is gone after backlog / (capacity - arrivals).

Leaves with 0 where all was well, 1 where it was not or something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run overload
  npm run overload -- --times 20 --queue-length-max 1000
  npm run overload -- --queue-timeout-ms 2500              the predicted wait bounds the queue`;

/** Prints help, and what is wrong with bad usage. */
export function parseOptions(argv: readonly string[]): Parsed<Options> {
  return parse<Options>(command(), argv);
}

function command(): Command {
  return strict(new Command("overload"))
    .description("Offers the built router many times what its fleet can serve, and says what came of it.")
    .addHelpText("after", NOTES)
    .option("--times <factor>", "how many times the capacity is offered", number(1.5, 50), 10)
    .option("--minutes <minutes>", "all phases together, without the recovery", number(0.1, 60), 3)
    .option("--seed <number>", "of requests", number(0, 2 ** 31 - 1, "integer"), 1)
    .optionsGroup("Router:")
    .option("--queue-length-max <requests>", "as QUEUE_LENGTH_MAX", number(4, 10_000, "integer"), 200)
    .option("--queue-timeout-ms <ms>", "as QUEUE_TIMEOUT_MS", number(500, 600_000, "integer"), 20_000)
    .optionsGroup("Verdict:")
    .option("--goodput <share>", "of the capacity that the overload must still be served with", number(0, 10), 0.9)
    .option("--refusal-p99-ms <ms>", "within which refusals must come, 99th percentile", number(0, 60_000), 250)
    .optionsGroup("Output:")
    .option("--json", "one JSON object instead of tables", false);
}
