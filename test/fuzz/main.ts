// `npm run fuzz`: malformed inputs against the built router. Puts the parts together; knows nothing of its own.
import { main, number, program, SEED } from "../../bench/command.ts";
import { bundle } from "../../scripts/bundle.ts";
import { jsonLine, tables } from "./report.ts";
import { run } from "./run.ts";

const NOTES = `
What is sent: heartbeats that are none, clients' requests with odd hints, headers, hosts, targets and methods, valid requests with some
bytes changed, and noise. Settings are read in this process. Each input knows which answers are allowed; most allow just one.
What is checked after every batch: the router answers, its log is empty, every slot is free, fleets and apps are as before, and no
replica got a request that was not meant for it.

Leaves with 0 where nothing was violated, 1 where something was or failed, 2 on bad usage, 130 when interrupted. A violation comes with
the seed and the smallest input that shows it.

Examples:
  npm run fuzz                                 10000 inputs, in some ten seconds
  npm run fuzz -- --count 100000 --seed 7
  npm run fuzz -- --count 2000 --json`;

const description =
  "Sends malformed inputs to the built router on workerd and checks what it answers and that nothing else happens.";
const command = program("fuzz", description, NOTES)
  .option("--count <number>", "inputs, settings among them", number(1, 10_000_000, "integer"), 10_000)
  .option("--seed <number>", "of everything drawn", SEED, 1)
  .option("--json", "one JSON object instead of a table", false);

await main(command, async ({ count, seed, json }, { signal, progress, print }) => {
  bundle();
  const report = await run({ count, seed, signal, progress: (done) => progress(`${done} of ${count} inputs`, done / count) });
  signal.throwIfAborted();
  print(json ? jsonLine(report, seed) : tables(report, seed));
  return report.violations.length === 0;
});
