// `npm run overload`: the built router under many times what its fleet can serve. Puts the parts together; knows nothing of its own.
import { progressLine } from "../../simulate/progress.ts";
import { command } from "../command.ts";
import { figuresOf } from "./figures.ts";
import { parseOptions } from "./options.ts";
import { jsonLine, tables } from "./report.ts";
import { overload } from "./run.ts";
import { judge } from "./verdict.ts";

const MINUTE_MS = 60_000;

await command(parseOptions(process.argv.slice(2)), async (options, signal) => {
  const progress = progressLine(process.stderr);
  const startMs = performance.now();
  const overloaded = await overload({ ...options, forMs: options.minutes * MINUTE_MS, signal, progress: progress.tell });
  progress.clear();
  const figures = figuresOf(overloaded.history);
  const findings = judge(figures, overloaded.missing, overloaded.held, options);
  const tookMs = performance.now() - startMs;
  const say = options.json ? jsonLine : tables;
  console.log(say(options, figures, overloaded, findings, tookMs));
  return findings.every(({ ok }) => ok);
});
