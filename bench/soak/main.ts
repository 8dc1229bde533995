// `npm run soak`: the built router under steady load for long.
import { writeFileSync } from "node:fs";
import { blaming, main, MINUTE_MS, number, program, SEED } from "../command.ts";
import { isWell, listed, table, verdict } from "../report.ts";
import { CONCURRENCIES, HINT_SLOTS, perSecondAt, soak } from "./run.ts";
import { HINTS } from "./traffic.ts";
import { judge, MEMORY_WARM_UP_MINUTES } from "./verdict.ts";
import type { Key, Window } from "./windows.ts";

/** Lines of the table. A run can have thousands of windows. */
const LINES = 12;

const NOTES = `
Runs the built router on workerd with 8 HTTP replicas. Now and then a replica drains, is replaced or dies. Clients send plain requests, uploads,
streams and WebSockets, and some of them leave. bench/soak/verdict.ts has what is judged, and how others' load on the machine is allowed for.
Resident memory needs ${MEMORY_WARM_UP_MINUTES} minutes to warm up. In a run of less than twice that it is not judged ("ok": null in JSON).

Exit status: 0 if all was well, 1 if not or if something failed, 2 on bad usage, 130 when interrupted.

Examples:
  npm run soak
  npm run soak -- --minutes 5 --load 0.8 --seed 7 --plot soak.svg`;

const COURSE: readonly Key[] = ["at_s", "resident_mb", "cpu_share", "cpu_ms_per_request", "in_system_p50_ms", "in_system_p95_ms"];
const SHARES: readonly Key[] = ["at_s", "queue_p95_ms", "router_p50_ms", "router_p95_ms", "control_p50_ms", "control_p95_ms"];

const description = "Runs the built router for long under steady load, and says whether its memory or latency grew.";
const command = program("soak", description, NOTES)
  .option("--minutes <minutes>", "how long", number(0.05, 10_080), 30)
  .option("--load <load>", "service time asked for over what the fleet has, loads of hints not counted", number(0.01, 2), 0.7)
  .option("--seed <number>", "seed of the requests and of what befalls replicas", SEED, 1)
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
  if (json) {
    const took_s = Math.round((performance.now() - startMs) / 1000);
    const its = { ok, minutes, load, seed, took_s, requests_per_second: perSecond };
    print(JSON.stringify({ ...its, outcomes, churn, findings, windows }));
  } else {
    const step = Math.max(1, Math.floor(windows.length / LINES));
    const shown = windows.filter((_, index) => (windows.length - 1 - index) % step === 0);
    const course = (keys: readonly Key[]) => table([keys, ...shown.map((window) => keys.map((key) => window[key]))]);
    const counts = `outcomes: ${listed(outcomes)}\nchurn: ${listed(churn)}`;
    const legend = "router: neither in the queue nor at the replica. control: the same without the router. MiB are workerd's.";
    print([header, course(COURSE), course(SHARES), counts, verdict(findings), legend].join("\n\n"));
  }
  if (plot === undefined) return ok;
  // Loaded only when asked for: a charting library takes long to load.
  const { chart } = await import("./chart.ts");
  blaming("--plot", () => writeFileSync(plot, chart(windows, header)));
  return ok;
});

/** Outcomes of all windows together, most first. */
function totals(windows: readonly Window[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const { outcomes } of windows)
    for (const [name, count] of Object.entries(outcomes)) sums[name] = (sums[name] ?? 0) + count;
  return Object.fromEntries(Object.entries(sums).sort(([, a], [, b]) => b - a));
}
