// What the commands of this folder have in common: how they are interrupted, and with which status they leave.
import { setTimeout as sleep } from "node:timers/promises";
import { interrupted } from "../../scripts/interrupted.ts";
import { EXIT_USAGE, type Parsed } from "../simulate/arguments.ts";
import { BadInput } from "../simulate/inputs.ts";

const EXIT_INTERRUPTED = 130;
/** What an interrupted run gets to tidy up, before it is left as it is: workerd ends with this process anyway. */
const END_WITHIN_MS = 4500;

/** `run` says whether all is well: 0 or 1. Bad usage: 2. Interrupted: 130. */
export async function command<T>(parsed: Parsed<T>, run: (options: T, signal: AbortSignal) => Promise<boolean>): Promise<never> {
  if (parsed.kind === "exit") process.exit(parsed.code);
  const interruption = new AbortController();
  const interrupt = () => {
    if (interruption.signal.aborted) return;
    setTimeout(() => process.exit(EXIT_INTERRUPTED), END_WITHIN_MS).unref();
    interruption.abort();
  };
  // A reader that leaves, as in `npm run soak | head`, or a terminal that is closed, ends the run without a stack trace.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", interrupt);
  // On a terminal Ctrl-C comes twice, by itself and passed on by npm: the second must not end the tidying up.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, interrupt);
  void interrupted().then(interrupt);
  try {
    process.exit((await run(parsed.options, interruption.signal)) ? 0 : 1);
  } catch (error) {
    // The build blocks the event loop: only after a turn of it is an interruption known that made the build fail.
    await sleep(10);
    if (interruption.signal.aborted) process.exit(EXIT_INTERRUPTED);
    console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
    process.exit(error instanceof BadInput ? EXIT_USAGE : 1);
  }
}
