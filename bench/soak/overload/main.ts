// `npm run overload`: the built router under many times what its fleet can serve.
import { main, number, program, SEED } from "../../command.ts";
import { isWell, table, verdict } from "../../report.ts";
import { figuresOf, PHASES, type PhaseFigures } from "./figures.ts";
import { overload } from "./run.ts";
import { judge } from "./verdict.ts";

const MINUTE_MS = 60_000;

const NOTES = `
The built router on workerd and 8 HTTP replicas that serve one request at a time, 250 ms on average, so that two cores carry many times what they
can serve. The phases: bench/soak/overload/figures.ts; what is judged: verdict.ts. What it takes until the backlog is gone comes on top of the
minutes: at most QUEUE_LENGTH_MAX / (capacity - arrivals).

Leaves with 0 where all was well, 1 where it was not or something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run overload
  npm run overload -- --times 20 --queue-length-max 1000
  npm run overload -- --queue-timeout-ms 2500              the predicted wait bounds the queue`;

type Columns = readonly (readonly [name: string, of: (phase: PhaseFigures) => number | null])[];

const COURSE: Columns = [
  ["lasted s", ({ lasted_s }) => lasted_s],
  ["offered/s", ({ offered_per_s }) => offered_per_s],
  ["served/s", ({ served_per_s }) => served_per_s],
  ["p50 ms", ({ p50_ms }) => p50_ms],
  ["p95 ms", ({ p95_ms }) => p95_ms],
  ["refused", ({ refused_share }) => refused_share],
  ["429 p50", ({ refusal_p50_ms }) => refusal_p50_ms],
  ["429 p99", ({ refusal_p99_ms }) => refusal_p99_ms],
  ["most waiting", ({ waiting_most }) => waiting_most],
  ["most MiB", ({ resident_mb_most }) => resident_mb_most],
];
const PRIORITIES: Columns = [
  ["normal served", ({ normal }) => normal.served],
  ["refused", ({ normal }) => normal.refused],
  ["wait p50", ({ normal }) => normal.wait_p50_ms],
  ["p95", ({ normal }) => normal.wait_p95_ms],
  ["low served", ({ low }) => low.served],
  ["refused", ({ low }) => low.refused],
  ["wait p50", ({ low }) => low.wait_p50_ms],
  ["p95", ({ low }) => low.wait_p95_ms],
];

const description = "Offers the built router many times what its fleet can serve, and says what came of it.";
const command = program("overload", description, NOTES)
  .option("--times <factor>", "how many times the capacity is offered", number(1.5, 50), 10)
  .option("--minutes <minutes>", "all phases together, without the recovery", number(0.1, 60), 3)
  .option("--seed <number>", "of requests", SEED, 1)
  .option("--queue-length-max <requests>", "as QUEUE_LENGTH_MAX", number(4, 10_000, "integer"), 200)
  .option("--queue-timeout-ms <ms>", "as QUEUE_TIMEOUT_MS", number(500, 600_000, "integer"), 20_000)
  .option("--goodput <share>", "of the capacity that the overload must still be served with", number(0, 10), 0.9)
  .option("--json", "one JSON object instead of tables", false);

await main(command, async ({ json, minutes, goodput, ...options }, { signal, progress, print }) => {
  const startMs = performance.now();
  const { history, missing, held } = await overload({ ...options, forMs: minutes * MINUTE_MS, signal, progress });
  const figures = figuresOf(history);
  const findings = judge(figures, missing, held, options.queueLengthMax, goodput);
  const ok = isWell(findings);
  const { times, seed, queueLengthMax, queueTimeoutMs } = options;
  if (json) {
    const took_s = Math.round((performance.now() - startMs) / 1000);
    const its = { ok, times, seed, queue_length_max: queueLengthMax, queue_timeout_ms: queueTimeoutMs, took_s };
    print(JSON.stringify({ ...its, ...figures, findings }));
    return ok;
  }
  const rows = (columns: Columns) => {
    const cells = PHASES.map((phase) => [phase, ...columns.map(([, of]) => of(figures.phases[phase]))]);
    return table([["", ...columns.map(([name]) => name)], ...cells]);
  };
  const { capacity_per_s, goodput_share, recovery_s, backlog, normal_p95_ms } = figures;
  print(
    [
      `${times} times the capacity, QUEUE_LENGTH_MAX ${queueLengthMax}, QUEUE_TIMEOUT_MS ${queueTimeoutMs}, seed ${seed}`,
      rows(COURSE),
      `waits in the queue, ms, by priority:\n${rows(PRIORITIES)}`,
      `capacity ${capacity_per_s} a second; goodput ${goodput_share} of it; p95 ${normal_p95_ms} ms at half of it`,
      `back to that ${recovery_s ?? "-"} s after the overload, which left ${backlog} waiting`,
      verdict(findings),
    ].join("\n\n"),
  );
  return ok;
});
