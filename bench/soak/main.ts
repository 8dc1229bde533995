// `npm run soak`: the built router under steady load for long.
import { writeFileSync } from "node:fs";
import { BadInput, main, number, program, SEED } from "../command.ts";
import { isWell, listed, table, verdict } from "../report.ts";
import { CONCURRENCIES, HINT_SLOTS, perSecondAt, soak } from "./run.ts";
import { HINTS } from "./traffic.ts";
import { judge, MEMORY_WARM_UP_MINUTES } from "./verdict.ts";
import type { Key, Window } from "./windows.ts";

const MINUTE_MS = 60_000;
/** Lines of the table of a course, of which there can be thousands of windows. */
const LINES = 12;

const NOTES = `
The built router on workerd; 8 HTTP replicas, which now and then drain, are replaced or die; clients that send plain requests, uploads, streams
and WebSockets, some of which leave. What is judged, and how others' load on the machine is allowed for: bench/soak/verdict.ts. Resident memory
is warm after ${MEMORY_WARM_UP_MINUTES} minutes at the soonest: runs of less than twice that say "not judged" of it, in JSON \`"ok": null\`.

Leaves with 0 where all was well, 1 where it was not or something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run soak
  npm run soak -- --minutes 5 --load 0.8 --seed 7 --plot soak.svg`;

const COLUMNS: readonly (readonly [string, Key])[] = [
  ["at s", "at_s"],
  ["MiB", "resident_mb"],
  ["CPU", "cpu_share"],
  ["ms CPU each", "cpu_ms_per_request"],
  ["p50 ms", "in_system_p50_ms"],
  ["p95 ms", "in_system_p95_ms"],
  ["queue p95", "queue_p95_ms"],
  ["router p50", "router_p50_ms"],
  ["router p95", "router_p95_ms"],
  ["control p50", "control_p50_ms"],
  ["starved", "starved_share"],
];

const description = "Runs the built router for long under steady load, and says whether its memory or latency grew.";
const command = program("soak", description, NOTES)
  .option("--minutes <minutes>", "how long", number(0.05, 10_080), 30)
  .option("--load <load>", "service time asked for over what the fleet has, loads of hints not counted", number(0.01, 2), 0.7)
  .option("--seed <number>", "of requests and of what befalls replicas", SEED, 1)
  .option("--growth <factor>", "latencies and CPU time a request may become so many times as long", number(0, 100), 1.5)
  .optionsGroup("Output:")
  .option("--plot <file>", "chart of memory and latency over time, as SVG")
  .option("--json", "one JSON object, every window in it, instead of a table", false);

await main(command, async ({ minutes, load, seed, growth, plot, json }, { signal, progress, print }) => {
  const startMs = performance.now();
  const perSecond = perSecondAt(load);
  const { windows, ending, churn } = await soak({ forMs: minutes * MINUTE_MS, perSecond, seed, signal, progress });
  const findings = judge(windows, ending, growth);
  const ok = isWell(findings);
  const outcomes = totals(windows);
  const header = [
    `${minutes} minutes at load ${load}: ${perSecond.toFixed(1)} requests a second on average, ${HINTS} hints, seed ${seed}`,
    `${CONCURRENCIES.length} replicas of ${HINT_SLOTS} hint slots, concurrency ${Math.min(...CONCURRENCIES)} to ${Math.max(...CONCURRENCIES)}`,
  ].join("\n");
  const took_s = Math.round((performance.now() - startMs) / 1000);
  if (json) {
    const its = { ok, minutes, load, seed, took_s, requests_per_second: perSecond };
    print(JSON.stringify({ ...its, outcomes, churn, findings, windows }));
  } else {
    const step = Math.max(1, Math.floor(windows.length / LINES));
    const shown = windows.filter((_, index) => (windows.length - 1 - index) % step === 0);
    const course = table([COLUMNS.map(([name]) => name), ...shown.map((window) => COLUMNS.map(([, key]) => window[key]))]);
    const counts = `outcomes: ${listed(outcomes)}\nchurn: ${listed(churn)}`;
    const legend =
      "Times in ms. router: neither in the queue nor at the replica. control: the same without the router. MiB: of workerd.";
    print([header, course, counts, verdict(findings), legend].join("\n\n"));
  }
  if (plot === undefined) return ok;
  // Loaded only when asked for: a charting library takes long to load.
  const { chart } = await import("./chart.ts");
  try {
    writeFileSync(plot, chart(windows, header));
  } catch (error) {
    throw new BadInput(`--plot: ${String(error)}`, { cause: error });
  }
  return ok;
});

/** Outcomes of all windows together, most first. */
function totals(windows: readonly Window[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { outcomes } of windows)
    for (const [name, count] of Object.entries(outcomes)) sums[name] = (sums[name] ?? 0) + count;
  return Object.fromEntries(Object.entries(sums).sort(([, a], [, b]) => b - a));
}
