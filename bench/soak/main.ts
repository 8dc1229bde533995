// `npm run soak`: the built router under steady load for long. Puts the parts together; knows nothing of its own.
import { writeFileSync } from "node:fs";
import { BadInput } from "../simulate/inputs.ts";
import { progressLine } from "../simulate/progress.ts";
import { command } from "./command.ts";
import { parseOptions } from "./options.ts";
import { header, jsonLine, tables } from "./report.ts";
import { soak } from "./run.ts";
import { judge, wentWell } from "./verdict.ts";

const MINUTE_MS = 60_000;

await command(parseOptions(process.argv.slice(2)), async (options, signal) => {
  const { minutes, load, seed, json, plot } = options;
  const progress = progressLine(process.stderr);
  const startMs = performance.now();
  const soaked = await soak({
    ...{ forMs: minutes * MINUTE_MS, load, seed, signal, progress: progress.tell },
  });
  progress.clear();
  const findings = judge(soaked.windows, soaked.ending, options);
  const tookMs = performance.now() - startMs;
  console.log(
    json ? jsonLine(options, soaked, findings, tookMs) : `${header(options, soaked.perSecond)}\n\n${tables(soaked, findings)}`,
  );
  if (plot !== null) {
    // Loaded only when asked for: a charting library takes long to load.
    const { chart } = await import("./chart.ts");
    try {
      writeFileSync(plot, chart(soaked.windows, header(options, soaked.perSecond)));
    } catch (error) {
      throw new BadInput(`--plot: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
  return wentWell(findings);
});
