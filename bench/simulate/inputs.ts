// What the simulator and the replay have in common: which requests there are, as options and as a workload.
import { Option, type Command } from "@commander-js/extra-typings";
import { parseSettings } from "../../src/settings/settings.ts";
import { BadInput, blaming, number, SEED } from "../command.ts";
import { GENTD26_LIKE, synthetic } from "./synthetic.ts";
import { readTrace } from "./trace.ts";
import { RETIMINGS, totalServiceMs, type Workload } from "./workload.ts";

export const DAY_MS = 86_400_000;

/** The defaults of production's settings. */
export const PRODUCTION = production();

function production() {
  const defaults = parseSettings({});
  if (!defaults.ok) throw new Error(`${defaults.setting} ${defaults.detail}`);
  const { QUEUE_TIMEOUT_MS, QUEUE_LENGTH_MAX } = defaults.settings;
  return { queueTimeoutMs: QUEUE_TIMEOUT_MS, queueLengthMax: QUEUE_LENGTH_MAX };
}

export function withWorkload(command: Command) {
  return command
    .optionsGroup("Workload:")
    .option(
      "--trace <file>",
      `CSV or CSV.gz with the columns t_ms,key,service_ms; without it ${GENTD26_LIKE.requests} requests drawn like a production fleet's`,
    )
    .option("--service-scale <factor>", "scales service times", number(0.001, 1000), 1)
    .option("--service-ms <ms>", "service time of rows that give none, not scaled", number(1, DAY_MS), 1000)
    .addOption(new Option("--retime <how>", "what an hour's length follows").choices(RETIMINGS).default("count" as const))
    .option("--seed <number>", "seed of everything drawn", SEED, 1);
}

export interface Wanted {
  readonly trace?: string | undefined;
  readonly requests?: number | undefined;
  readonly serviceScale: number;
  readonly serviceMs: number;
  readonly seed: number;
}

/** The first so many, before they are retimed. Throws a BadInput that names the option. */
export function requestsOf({ trace, requests, serviceScale, serviceMs, seed }: Wanted): Workload {
  const workload =
    trace === undefined
      ? drawn(requests ?? GENTD26_LIKE.requests, serviceScale, seed)
      : blaming("--trace", () => readTrace(trace, { serviceScale, serviceMs })).slice(0, requests);
  if (totalServiceMs(workload) <= 0) throw new BadInput("--trace: no request takes any time, so there is no load");
  return workload;
}

/** A shorter workload is as busy, but not as long. */
function drawn(requests: number, serviceScale: number, seed: number): Workload {
  const spanMs = (GENTD26_LIKE.spanMs * requests) / GENTD26_LIKE.requests;
  const workload = synthetic({ ...GENTD26_LIKE, requests, spanMs }, seed);
  return workload.map((request) => ({ ...request, serviceMs: request.serviceMs * serviceScale }));
}
