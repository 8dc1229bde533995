// `npm run overload`: the built router under many times what its fleet can serve.
import { main, MINUTE_MS, number, program, SEED } from "../../command.ts";
import { isWell, table, verdict } from "../../report.ts";
import { figuresOf, PHASES } from "./figures.ts";
import { overload } from "./run.ts";
import { judge } from "./verdict.ts";

const NOTES = `
Runs the built router on workerd with 8 HTTP replicas. A replica serves one request at a time, 250 ms on average, so that two cores carry many
times what the fleet can serve. bench/soak/overload/figures.ts has the phases, and verdict.ts what is judged. The time until the backlog is gone
comes on top of the minutes: at most QUEUE_LENGTH_MAX / (capacity - arrivals).

Exit status: 0 if all was well, 1 if not or if something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run overload
  npm run overload -- --times 20 --queue-length-max 1000
  npm run overload -- --queue-timeout-ms 2500              the predicted wait bounds the queue`;

const COURSE = ["lasted_s", "offered_per_s", "served_per_s", "p50_ms", "p95_ms", "refused_share"] as const;
const REFUSALS = ["refusal_p50_ms", "refusal_p99_ms", "waiting_most", "resident_mb_most"] as const;
const WAITS = ["served", "refused", "wait_p50_ms", "wait_p95_ms"] as const;

const description = "Offers the built router many times what its fleet can serve, and says what came of it.";
const command = program("overload", description, NOTES)
  .option("--times <factor>", "how many times the capacity is offered", number(1.5, 50), 10)
  .option("--minutes <minutes>", "all phases together, without the recovery", number(0.1, 60), 3)
  .option("--seed <number>", "seed of the requests", SEED, 1)
  .option("--queue-length-max <requests>", "the router's QUEUE_LENGTH_MAX", number(4, 10_000, "integer"), 200)
  .option("--queue-timeout-ms <ms>", "the router's QUEUE_TIMEOUT_MS", number(500, 600_000, "integer"), 20_000)
  .option("--goodput <share>", "the share of the capacity that must still be served in the overload", number(0, 10), 0.9)
  .option("--json", "one JSON object instead of tables", false);

await main(command, async ({ json, minutes, goodput, ...options }, { signal, progress, print }) => {
  const startMs = performance.now();
  const history = await overload({ ...options, forMs: minutes * MINUTE_MS, signal, progress });
  const figures = figuresOf(history);
  const { phases, capacity_per_s, goodput_share, recovery_s, backlog } = figures;
  const findings = judge(figures, history, options.queueLengthMax, goodput);
  const ok = isWell(findings);
  const { times, seed, queueLengthMax, queueTimeoutMs } = options;
  if (json) {
    const took_s = Math.round((performance.now() - startMs) / 1000);
    const its = { ok, times, seed, queue_length_max: queueLengthMax, queue_timeout_ms: queueTimeoutMs, took_s };
    print(JSON.stringify({ ...its, ...figures, findings }));
    return ok;
  }
  const columns = <Key extends string>(names: readonly Key[], of: (phase: (typeof PHASES)[number]) => Record<Key, unknown>) =>
    table([["", ...names], ...PHASES.map((phase) => [phase, ...names.map((name) => of(phase)[name] as number | null)])]);
  print(
    [
      `${times} times the capacity, QUEUE_LENGTH_MAX ${queueLengthMax}, QUEUE_TIMEOUT_MS ${queueTimeoutMs}, seed ${seed}`,
      columns(COURSE, (phase) => phases[phase]),
      columns(REFUSALS, (phase) => phases[phase]),
      `requests of normal priority:\n${columns(WAITS, (phase) => phases[phase].normal)}`,
      `requests of low priority:\n${columns(WAITS, (phase) => phases[phase].low)}`,
      `capacity ${capacity_per_s} a second; goodput ${goodput_share} of it`,
      `nobody waited ${recovery_s ?? "-"} s after the overload, which left ${backlog} waiting`,
      verdict(findings),
    ].join("\n\n"),
  );
  return ok;
});
