// `npm run chaos`: the router under faults drawn from a seed, and a checker that knows every request.
import { writeFileSync } from "node:fs";
import { main, MINUTE_MS, names, number, program, SEED } from "../command.ts";
import { check } from "./check/check.ts";
import { FAULT_KINDS, FAULTS } from "./faults.ts";
import { summaryOf, tables } from "./report.ts";
import { run } from "./run.ts";
import { scheduleOf } from "./schedule.ts";

const kinds = (crowding: boolean) => FAULT_KINDS.filter((kind) => (FAULTS[kind].crowd !== null) === crowding).join(", ");

const NOTES = `
Runs the router's real sources on workerd, with switches in its objects, two apps of four HTTP replicas each, and clients. Some clients leave,
read slowly or forbid a second attempt. bench/chaos/check/ has the rules. The same seed gives the same faults at the same times, and the same
requests.

Kinds of faults: ${kinds(false)}.
Kinds with a crowd, 40 requests a second for a hint that the faulty replica owns: ${kinds(true)}.

Exit status: 0 if all was well, 1 if not or if something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run chaos -- --seed 1 --minutes 5
  npm run chaos -- --seed 1 --wide
  npm run chaos -- --seed 7 --minutes 0.5 --faults dies,router_killed`;

const description = "Runs the built router on workerd under faults drawn from a seed, and checks what came of every request.";
const command = program("chaos", description, NOTES)
  .option("--seed <number>", "seed of faults and requests", SEED, 1)
  .option("--minutes <minutes>", "how long faults happen; some seconds of recovery follow", number(0.05, 600), 1)
  .option("--fault-every-ms <ms>", "time between faults, on average", number(50, 600_000), 400)
  .option("--faults <kinds>", "only these, with commas between them", names(FAULT_KINDS), FAULT_KINDS)
  .option("--wide", "replicas take 16 times as many requests at once, and the edge sends by its own copy of the fleet", false)
  .optionsGroup("Output:")
  .option("--history <file>", "writes every request, run, heartbeat, fault and line of the router's log, as JSON")
  .option("--json", "one JSON object with everything, the schedule of faults included, instead of tables", false);

await main(command, async ({ seed, minutes, faultEveryMs, faults, wide, history: file, json }, { signal, progress, print }) => {
  const schedule = scheduleOf({ seed, forMs: minutes * MINUTE_MS, faultEveryMs, kinds: faults, wide });
  const startMs = performance.now();
  const history = await run(schedule, { signal, progress });
  if (file !== undefined) writeFileSync(file, JSON.stringify(history));
  const summary = summaryOf(schedule, check(history), performance.now() - startMs);
  print(json ? JSON.stringify({ ...summary, schedule: schedule.faults }) : tables(summary));
  return summary.ok;
});
