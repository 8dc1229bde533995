// `npm run fuzz`: malformed inputs against the built router. Puts the parts together; knows nothing of its own.
import { bundle } from "../../scripts/bundle.ts";
import { interrupted } from "../../scripts/interrupted.ts";
import { progressLine } from "../../bench/simulate/progress.ts";
import { parseOptions, type Options } from "./options.ts";
import { jsonLine, tables } from "./report.ts";
import { run } from "./run.ts";

const EXIT_INTERRUPTED = 130;
/** What an interrupted run gets to tidy up. */
const END_WITHIN_MS = 4500;

const interruption = new AbortController();
const parsed = parseOptions(process.argv.slice(2));
if (parsed.kind === "exit") process.exit(parsed.code);
for (const stream of [process.stdout, process.stderr]) stream.on("error", interrupt);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, interrupt);
void interrupted().then(interrupt);
try {
  const clean = await fuzz(parsed.options);
  process.exit(interruption.signal.aborted ? EXIT_INTERRUPTED : clean ? 0 : 1);
} catch (error) {
  if (interruption.signal.aborted) process.exit(EXIT_INTERRUPTED);
  console.error(`error: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}

function interrupt(): void {
  if (interruption.signal.aborted) return;
  setTimeout(() => process.exit(EXIT_INTERRUPTED), END_WITHIN_MS).unref();
  interruption.abort();
}

/** Says whether nothing was violated. */
async function fuzz({ count, seed, json }: Options): Promise<boolean> {
  bundle();
  const progress = progressLine(process.stderr);
  const report = await run({
    count,
    seed,
    signal: interruption.signal,
    progress: (done) => progress.tell(`${done} of ${count} inputs`, done / count),
  });
  progress.clear();
  if (interruption.signal.aborted) return false;
  console.log(json ? jsonLine(report, seed) : tables(report, seed));
  return report.violations.length === 0;
}
