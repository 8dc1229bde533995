// `npm run simulate`: routing policies against one workload, on simulated replicas. Puts the parts together; knows nothing of its own.
import { writeFileSync } from "node:fs";
import { EXIT_USAGE } from "./arguments.ts";
import { canFail } from "./faults.ts";
import { experiment, IDEAL, limits, type Result } from "./experiment.ts";
import { BadInput, boundsOf, planOf, workloadOf } from "./inputs.ts";
import { parseOptions, type Options } from "./options.ts";
import { OURS } from "./policies.ts";
import { progressLine } from "./progress.ts";
import { footer, header, jsonLine, tables } from "./report.ts";

// A reader that leaves, as in `npm run simulate | head`, ends the run without a stack trace.
process.stdout.on("error", () => process.exit(0));
const parsed = parseOptions(process.argv.slice(2));
if (parsed.kind === "exit") process.exitCode = parsed.code;
else {
  try {
    await run(parsed.options);
  } catch (error) {
    if (!(error instanceof BadInput)) throw error;
    console.error(`error: ${error.message}`);
    process.exitCode = EXIT_USAGE;
  }
}

async function run(options: Options): Promise<void> {
  const plan = planOf(options);
  const workload = workloadOf(options);
  const bounds = boundsOf(workload, options);
  const fails = canFail(options.faults);
  const progress = progressLine(process.stderr);
  if (!options.json) console.log(header(options, workload));
  const found = options.findLimit ? limits(workload, plan, progress.tell) : new Map<string, number>();
  const all: Result[] = [];
  for (const results of experiment(workload, plan, progress.tell)) {
    all.push(...results);
    progress.clear();
    console.log(
      options.json ? results.map((result) => jsonLine(result, bounds, found, fails)).join("\n") : `\n${tables(results, fails)}`,
    );
  }
  if (!options.json) console.log(`\n${footer(all, bounds, found)}`);
  if (options.plot === null) return;
  // Loaded only when asked for: a charting library takes as long to load as a short run.
  const { chart } = await import("./plot.ts");
  try {
    writeFileSync(options.plot, chart(all, { ideal: IDEAL, ours: OURS, subtitle: header(options, workload) }));
  } catch (error) {
    throw new BadInput(`--plot: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
