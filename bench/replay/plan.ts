// From options to what is replayed: one compressed workload and one fleet, as the simulator takes them and as the router's settings.
// Both get the same numbers. Throws a BadInput that names the option.
import { hintFault } from "../../src/wire/hints.ts";
import { PRODUCTION, DAY_MS } from "../simulate/arguments.ts";
import type { RunPlan } from "../simulate/experiment.ts";
import { BadInput, requestsOf } from "../simulate/inputs.ts";
import { retime } from "../simulate/retime.ts";
import type { WarmpathOptions } from "../simulate/routers/warmpath.ts";
import { totalServiceMs, type Workload } from "../simulate/workload.ts";
import { NO_FAULTS } from "../simulate/faults.ts";
import type { Options } from "./options.ts";

export interface Plan {
  /** 1 where nothing is compressed; everything below is. */
  readonly compression: number;
  readonly workload: Workload;
  readonly fleet: RunPlan;
  readonly coldMs: number;
  readonly router: WarmpathOptions;
}

/** As QUEUE_TIMEOUT_MS and QUEUE_LENGTH_MAX can be at most: nobody is given up. */
const PATIENT = { queueTimeoutMs: DAY_MS, queueLengthMax: 10_000 };
/** Closer together the reports of a fleet are a load of their own. */
const HEARTBEAT_MIN_MS = 10;

/** The original first, in the workload's own time; then what is replayed. */
export function plansOf(options: Options): { readonly original: Plan; readonly compressed: Plan } {
  const { compression, heartbeatMs } = options;
  if (heartbeatMs / compression < HEARTBEAT_MIN_MS) {
    const most = Math.floor(heartbeatMs / HEARTBEAT_MIN_MS);
    throw new BadInput(`--compression can be at most ${most}: heartbeats would be less than ${HEARTBEAT_MIN_MS} ms apart`);
  }
  const workload = workloadOf(options);
  return { original: planOf(options, workload, 1), compressed: planOf(options, workload, compression) };
}

function workloadOf({ requests, retiming, load, replicas, concurrency, ...wanted }: Options): Workload {
  const all = retime(requestsOf({ ...wanted, requests: null }), retiming, load, replicas * concurrency);
  const first = all.slice(0, requests).map((request) => ({ ...request, hint: asHeader(request.hint) }));
  if (totalServiceMs(first) <= 0) throw new BadInput("--requests: none of them takes any time");
  return first;
}

/** A key that can't be sent as a hint is sent in the form that a URL would have it in. */
function asHeader(key: string): string {
  const fits = hintFault(key) === null && key.trim() === key;
  const hint = fits ? key : encodeURIComponent(key);
  const fault = hintFault(hint);
  if (fault !== null) throw new BadInput(`--trace: the key ${JSON.stringify(key.slice(0, 50))} ${fault}`);
  return hint;
}

function planOf(options: Options, workload: Workload, compression: number): Plan {
  const { replicas, slots, concurrency, costs, seed, affinityWait, evictAdvice, productionDefaults } = options;
  const coldMs = options.coldMs / compression;
  const patience = productionDefaults
    ? { ...PRODUCTION, queueTimeoutMs: Math.round(PRODUCTION.queueTimeoutMs / compression) }
    : PATIENT;
  return {
    compression,
    workload: workload.map((request) => ({
      ...request,
      atMs: request.atMs / compression,
      serviceMs: request.serviceMs / compression,
    })),
    fleet: {
      ...{ replicas, slots, concurrency, costs, seed },
      heartbeatMs: options.heartbeatMs / compression,
      makeLoadMs: () => () => coldMs,
      faults: NO_FAULTS,
      streams: false,
    },
    coldMs,
    router: { ...patience, affinityWait, evictAdvice, coldStartMs: Math.max(1, Math.round(coldMs)) },
  };
}

/**
 * The same for the real router. Replicas report as often as in the simulator whatever the router asks for, and the time to live that
 * follows from HEARTBEAT_INTERVAL_MS stays that of real time: nothing dies here, and a machine that stalls for a moment must not look as
 * if everything had.
 */
export function settingsOf({ router }: Plan): Record<string, string> {
  return {
    COLD_START_MS: String(router.coldStartMs),
    QUEUE_TIMEOUT_MS: String(router.queueTimeoutMs),
    QUEUE_LENGTH_MAX: String(router.queueLengthMax),
    AFFINITY_WAIT: router.affinityWait,
    FIRST_BYTE_TIMEOUT_MS: String(DAY_MS),
    HEARTBEAT_INTERVAL_MS: "5000",
    HEARTBEAT_RATE_MAX: "100000",
    ALLOW_PRIVATE_ORIGINS: "true",
  };
}
