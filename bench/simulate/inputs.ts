// From options to what is run: reads the trace and the percentiles, or makes the workload. Throws a BadInput that names the option.
import { readFileSync } from "node:fs";
import { compulsoryMissShare, pooledBeladyMissShare } from "./bounds.ts";
import { blockCount } from "./bootstrap.ts";
import type { Plan } from "./experiment.ts";
import { drawnLoadMs, parsePercentiles, type LoadMs } from "./load-times.ts";
import type { Options } from "./options.ts";
import { allPolicies } from "./policies.ts";
import { seedFor } from "./random.ts";
import { GENTD26_LIKE, synthetic } from "./synthetic.ts";
import { readTrace } from "./trace.ts";
import { totalServiceMs, type Workload } from "./workload.ts";

/** The user's fault, not the program's. */
export class BadInput extends Error {}

/** Misses that no policy avoids, as shares of requests. */
export interface Bounds {
  readonly compulsory: number;
  readonly belady: number;
}

/** Requests may die with their replica again and again, but not for ever: one survives at least every e⁴ = 55 tries. */
const LIVES_MIN = 1 / 4;

/** Which requests there are, before they are retimed. */
export type Wanted = Pick<Options, "trace" | "requests" | "cutPlus" | "serviceScale" | "serviceMs" | "seed">;

export function requestsOf(wanted: Wanted): Workload {
  const workload = wanted.trace === null ? made(wanted) : blaming("--trace", () => read(wanted.trace ?? "", wanted));
  if (totalServiceMs(workload) <= 0) throw new BadInput("--trace: no request takes any time, so there is no load");
  return workload;
}

export function workloadOf(options: Options): Workload {
  const workload = requestsOf(options);
  if (options.bootstraps > 0 && blockCount(workload, options.blockMs) < 2) {
    throw new BadInput("--bootstrap: the workload is no longer than one block, see --bootstrap-block-h");
  }
  const longestMs = workload.reduce((longest, { serviceMs }) => Math.max(longest, serviceMs), 0);
  if (options.faults.churnMs < longestMs * LIVES_MIN) {
    throw new BadInput(
      `--churn-s must be at least ${Math.ceil((longestMs * LIVES_MIN) / 1000)}: requests take up to four times that`,
    );
  }
  return workload;
}

function made({ requests, serviceScale, seed, cutPlus }: Wanted): Workload {
  if (cutPlus) throw new BadInput("--cut-plus: the keys of a synthetic workload have no +");
  const count = requests ?? GENTD26_LIKE.requests;
  // A shorter one is as busy, not as long.
  const spanMs = (GENTD26_LIKE.spanMs * count) / GENTD26_LIKE.requests;
  const workload = synthetic({ ...GENTD26_LIKE, requests: count, spanMs }, seed);
  return workload.map((request) => ({ ...request, serviceMs: request.serviceMs * serviceScale }));
}

function read(path: string, { requests, ...how }: Wanted): Workload {
  const workload = readTrace(path, how);
  return requests === null ? workload : workload.slice(0, requests);
}

export function planOf(options: Options): Plan {
  const known = allPolicies(options.warmpath);
  const { loads, retiming, replicas, slots, concurrency, heartbeatMs, faults, costs, streams, seed, bootstraps, blockMs } =
    options;
  return {
    ...{ loads, retiming, replicas, slots, concurrency, heartbeatMs, faults, costs, streams, seed, bootstraps, blockMs },
    policies: new Map([...known].filter(([name]) => options.policies.includes(name))),
    makeLoadMs: loadTimes(options),
  };
}

function loadTimes({ coldMs, coldPercentiles, coldEntry, seed }: Options): () => LoadMs {
  if (coldPercentiles === null) {
    if (coldEntry !== null) throw new BadInput("--cold-entry chooses from --cold-percentiles, which is not given");
    return () => () => coldMs;
  }
  const percentiles = blaming("--cold-percentiles", () =>
    parsePercentiles(readFileSync(coldPercentiles, "utf8"), coldPercentiles, coldEntry),
  );
  return () => drawnLoadMs(percentiles, seedFor(seed, "loads"));
}

export function boundsOf(workload: Workload, { replicas, slots }: Options): Bounds {
  return { compulsory: compulsoryMissShare(workload), belady: pooledBeladyMissShare(workload, replicas * slots) };
}

/** Whatever goes wrong while reading is the option's, unless the message names another. */
function blaming<T>(option: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new BadInput(message.startsWith("--") ? message : `${option}: ${message}`, { cause: error });
  }
}
