// `npm run replay`: the built router against the simulator, on one compressed workload. Puts the parts together; knows nothing of its own.
import { setTimeout as sleep } from "node:timers/promises";
import { interrupted } from "../../scripts/interrupted.ts";
import { EXIT_USAGE } from "../simulate/arguments.ts";
import { BadInput } from "../simulate/inputs.ts";
import { progressLine } from "../simulate/progress.ts";
import { agrees, compare, simulated } from "./comparison.ts";
import { parseOptions, type Options } from "./options.ts";
import { plansOf } from "./plan.ts";
import { replay } from "./replay.ts";
import { header, jsonLine, tables, warning } from "./report.ts";

const EXIT_INTERRUPTED = 130;
/** What an interrupted run gets to tidy up, before it is left as it is: workerd ends with this process anyway. */
const END_WITHIN_MS = 4500;
/** The router may take this much longer than the simulator, and this in any case. */
const LIMIT = { times: 1.5, moreMs: 30_000 };
const RUN_MAX_MS = 3_600_000;

const interruption = new AbortController();
const parsed = parseOptions(process.argv.slice(2));
if (parsed.kind === "exit") process.exit(parsed.code);
// A reader that leaves, as in `npm run replay | head`, or a terminal that is closed, ends the run without a stack trace.
for (const stream of [process.stdout, process.stderr]) stream.on("error", interrupt);
void interrupted().then(interrupt);
try {
  process.exit((await run(parsed.options)) ? 0 : 1);
} catch (error) {
  // The build blocks the event loop: only after a turn of it is an interruption known that made the build fail.
  await sleep(10);
  if (interruption.signal.aborted) process.exit(EXIT_INTERRUPTED);
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(error instanceof BadInput ? EXIT_USAGE : 1);
}

function interrupt(): void {
  if (interruption.signal.aborted) return;
  setTimeout(() => process.exit(EXIT_INTERRUPTED), END_WITHIN_MS).unref();
  interruption.abort();
}

/** Says whether router and simulator agree. */
async function run(options: Options): Promise<boolean> {
  const { original, compressed } = plansOf(options);
  const runs = { run: simulated(compressed), original: simulated(original) };
  if (runs.run.endMs > RUN_MAX_MS) {
    throw new BadInput(`--compression: it would take ${Math.round(runs.run.endMs / 60_000)} minutes, the most is 60`);
  }
  const warned = warning(compressed);
  if (warned !== null) console.error(warned);
  if (!options.json) console.log(`${header(options, original, compressed)}\n`);
  const progress = progressLine(process.stderr);
  const startMs = performance.now();
  const replayed = await replay(compressed, {
    port: options.port,
    limitMs: runs.run.endMs * LIMIT.times + LIMIT.moreMs,
    signal: interruption.signal,
    log: (line) => console.error(`router: ${line}`),
    progress: (answered) => progress.tell(`${answered} answered`, answered / compressed.workload.length),
  });
  progress.clear();
  const tolerances = { miss: options.toleranceMiss, mean: options.toleranceMean };
  const comparison = compare(compressed, replayed, runs, tolerances);
  const tookMs = performance.now() - startMs;
  console.log(options.json ? jsonLine(comparison, compressed, tookMs) : tables(comparison, tolerances, options.compression));
  return agrees(comparison);
}
