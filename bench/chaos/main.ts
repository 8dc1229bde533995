// `npm run chaos`: the router under faults drawn from a seed, and a checker that knows every request. Puts the parts together; knows
// nothing of its own.
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { interrupted } from "../../scripts/interrupted.ts";
import { progressLine } from "../simulate/progress.ts";
import { check } from "./check/check.ts";
import { parseOptions, type Options } from "./options.ts";
import { jsonLine, scheduleText, summaryOf, tables } from "./report.ts";
import { run } from "./run.ts";
import { scheduleOf } from "./schedule.ts";

const EXIT_INTERRUPTED = 130;
/** What an interrupted run gets to tidy up, before it is left as it is: workerd ends with this process anyway. */
const END_WITHIN_MS = 4500;
const MINUTE_MS = 60_000;

const interruption = new AbortController();
const parsed = parseOptions(process.argv.slice(2));
if (parsed.kind === "exit") process.exit(parsed.code);
// A reader that leaves, as in `npm run chaos | head`, or a terminal that is closed, ends the run without a stack trace.
for (const stream of [process.stdout, process.stderr]) stream.on("error", interrupt);
// On a terminal Ctrl-C comes twice, by itself and passed on by npm: the second must not end the tidying up.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, interrupt);
void interrupted().then(interrupt);
try {
  process.exit((await chaos(parsed.options)) ? 0 : 1);
} catch (error) {
  // The build blocks the event loop: only after a turn of it is an interruption known that made the build fail.
  await sleep(10);
  if (interruption.signal.aborted) process.exit(EXIT_INTERRUPTED);
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

function interrupt(): void {
  if (interruption.signal.aborted) return;
  setTimeout(() => process.exit(EXIT_INTERRUPTED), END_WITHIN_MS).unref();
  interruption.abort();
}

/** Says whether everything was as it must be. */
async function chaos(options: Options): Promise<boolean> {
  const { seed, minutes, requestsPerSecond, faultEveryMs, faults: kinds, json, verbose, history: file } = options;
  const schedule = scheduleOf({ seed, forMs: minutes * MINUTE_MS, requestsPerSecond, faultEveryMs, kinds });
  if (verbose && !json) console.log(`${scheduleText(schedule)}\n`);
  const progress = progressLine(process.stderr);
  const startMs = performance.now();
  const { history, memory } = await run(schedule, { signal: interruption.signal, progress: progress.tell });
  progress.clear();
  if (file !== null) writeFileSync(file, JSON.stringify(history));
  if (verbose) for (const { atMs, line } of history.log) console.error(`router at ${(atMs / 1000).toFixed(3)} s: ${line}`);
  const summary = summaryOf(schedule, check(history), memory, performance.now() - startMs);
  console.log(json ? jsonLine(summary, schedule) : tables(summary));
  return summary.ok;
}
