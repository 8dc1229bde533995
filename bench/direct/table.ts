// `node bench/direct/table.ts`: what it costs that isolates send by their own copies of the fleet, beside an object that decides everything: the same
// simulated slots as many small replicas or as few large ones, and few or many isolates.
import { costPolicy } from "../../src/routing/policy/cost.ts";
import { main, names, number, program, SEED } from "../command.ts";
import { table } from "../report.ts";
import { runOf } from "../simulate/experiment.ts";
import { NO_FAULTS } from "../simulate/faults.ts";
import { idealRun } from "../simulate/ideal.ts";
import type { Run } from "../simulate/outcome.ts";
import { RULES, type Dispatch } from "../simulate/routers/isolates.ts";
import { warmpath } from "../simulate/routers/warmpath.ts";
import { measure, yardstick } from "../simulate/statistics.ts";
import { GENTD26_LIKE, synthetic } from "../simulate/synthetic.ts";
import { retime } from "../simulate/workload.ts";

const RATE = 2000;
const HINTS = 32;
const COLD_MS = 1000;
const HINT_SLOTS = 3;
const HEARTBEAT_MS = 5000;
/** As the setting's default. */
const COLD_START_MS = 12_000;
/** Not measured: first everything has to be loaded. */
const WARM_UP_SHARE = 0.4;
/** Each isolate has a copy of all replicas: what fits some gigabytes. */
const COPIES_MOST = 3_000_000;
const CONCURRENCIES = ["1", "4", "16", "64"] as const;
const ISOLATES = ["4", "64", "3000"] as const;
const PATIENT = { queueTimeoutMs: Infinity, queueLengthMax: Infinity, coldStartMs: COLD_START_MS };

const command = program("table", `Simulates ${RATE} requests a second for ${HINTS} hints, with and without edge dispatch.`)
  .option("--requests <number>", "requests", number(1000, 2_000_000, "integer"), 100_000)
  .option("--load <load>", "service time asked for over what the fleet has", number(0.01, 2), 0.6)
  .option("--service-ms <ms>", "what requests take on average, about", number(1, 60_000), 1000)
  .option("--snapshot-ms <ms>", "how often an isolate refreshes its copy", number(1, 60_000), 1000)
  .option("--concurrency <numbers>", `some of ${CONCURRENCIES.join(", ")}`, names(CONCURRENCIES), CONCURRENCIES)
  .option("--isolates <numbers>", `some of ${ISOLATES.join(", ")}`, names(ISOLATES), ISOLATES)
  .option("--deviations <number>", "in place of the rule's", number(0, 100), RULES.auto.deviations)
  .option("--spare-share <share>", "in place of the rule's", number(0, 1), RULES.auto.spareShare)
  .option("--seed <number>", "of everything drawn", SEED, 1);

await main(command, async (options, { print, progress, signal }) => {
  const { requests, load, serviceMs, snapshotMs, seed, deviations, spareShare } = options;
  const largest = Number(CONCURRENCIES.at(-1));
  const slots = Math.max(1, Math.round((RATE * serviceMs) / 1000 / load / largest)) * largest;
  // One rate, and hints that stay the same: what is measured is what isolates add.
  const flat = { hints: HINTS, zipfExponent: 1, newHintShare: 0, swapShare: 0, repeatShare: 0, hourSigma: 0 };
  const { serviceSigmaOfHints: ofHints, serviceSigmaOfRequests: ofRequests } = GENTD26_LIKE;
  const serviceMedianMs = serviceMs * Math.exp(-(ofHints ** 2 + ofRequests ** 2) / 2);
  const workload = retime(synthetic({ ...GENTD26_LIKE, ...flat, requests, serviceMedianMs }, seed), "count", load, slots);
  const from = Math.floor(WARM_UP_SHARE * requests);
  const later = ({ outcomes, ...run }: Run): Run => ({ ...run, outcomes: outcomes.slice(from) });
  print(
    `${requests} requests of ${serviceMs} ms in ${Math.round((workload.at(-1)?.atMs ?? 0) / 1000)} s, load ${load}, ${slots} slots\n`,
  );
  const measures = yardstick(workload.slice(from), later(idealRun(workload, { replicas: 1, concurrency: slots })));
  for (const concurrency of options.concurrency.map(Number)) {
    const fleet = {
      ...{ replicas: slots / concurrency, slots: HINT_SLOTS, concurrency, costs: false, seed, faults: NO_FAULTS },
      ...{ heartbeatMs: HEARTBEAT_MS, makeLoadMs: () => () => COLD_MS },
    };
    const mode = concurrency < RULES.auto.concurrencyLeast ? "edge" : "auto";
    const rule = { ...RULES[mode], deviations, spareShare };
    const isolates = options.isolates.map(Number).filter((its) => its * fleet.replicas <= COPIES_MOST);
    const dispatches: (Dispatch | null)[] = [null, ...isolates.map((its) => ({ isolates: its, snapshotMs, rule }))];
    const rows = dispatches.map((dispatch) => {
      signal.throwIfAborted();
      const name = dispatch === null ? "registry" : `${mode}, ${dispatch.isolates} isolates`;
      const run = runOf(workload, warmpath(PATIENT, costPolicy, dispatch), fleet, (arrived) =>
        progress(name, arrived / requests),
      );
      const its = measure(workload.slice(from), later(run), measures);
      const share = (value: number) => (100 * value).toFixed(1);
      const [mean, p99] = [its.ratio_mean.toFixed(3), its.p99_s.toFixed(2)];
      return [name, mean, p99, share(its.miss), share(its.direct), share(its.found_full), Math.round(1000 * its.queued_p99_s)];
    });
    const heading = `concurrency ${concurrency}`;
    print(`${table([[heading, "x ideal", "p99 s", "cold %", "direct %", "found full %", "p99 queued ms"], ...rows])}\n`);
  }
  return true;
});
