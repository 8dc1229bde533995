// Replays a workload for real: a live fleet that holds, loads and serves like the simulated one. Whatever was started has ended when it
// returns or throws.
import { bundle } from "../../scripts/bundle.ts";
import { printTrouble } from "../../scripts/router-process.ts";
import { Fleet } from "../live/fleet.ts";
import { sendOpenLoop } from "../live/load.ts";
import { FOUND_HEADER } from "../live/proof.ts";
import { type Came, queuedMsOf, resultOf, type Run, type Sending } from "../live/records.ts";
import { blank, type Outcome } from "../simulate/outcome.ts";
import type { WarmpathOptions } from "../simulate/routers/warmpath.ts";
import { DAY_MS } from "../simulate/inputs.ts";
import type { Workload } from "../simulate/workload.ts";

export interface Replaying {
  readonly replicas: number;
  readonly slots: number;
  readonly loadMs: number;
  readonly heartbeatMs: number;
  readonly settings: WarmpathOptions;
  readonly seed: number;
  /** A request that is open after this long counts as not answered. */
  readonly limitMs: number;
  readonly signal: AbortSignal;
  readonly progress: (answered: number) => void;
}

/** Hash orders follow from hints and replicas alone, so they are the same as in the simulator. */
const APP = "simulated";
/** What a router may answer under load. Anything else is a fault. */
const GIVEN_UP = new Set(["429 queue_full", "504 request_timeout"]);

interface ReplaySending extends Sending {
  readonly dueMs: number;
}

export async function replay(workload: Workload, replaying: Replaying) {
  const { replicas, slots, loadMs, heartbeatMs, settings, seed, limitMs, signal, progress } = replaying;
  bundle();
  let [refusedBeats, overfull] = [0, 0];
  const onRun = ({ present, concurrency }: Run) => {
    if (present > concurrency) overfull++;
  };
  const onBeat = ({ answered }: { readonly answered: number | null }) => {
    // 409: a later report has overtaken it.
    if (answered !== 200 && answered !== 409 && !signal.aborted) refusedBeats++;
  };
  await using fleet = await Fleet.start({
    ...{ name: "replay", heartbeatMs, oneByOne: true, seed, signal, onBeat },
    log: printTrouble,
    settings: {
      COLD_START_MS: String(settings.coldStartMs),
      QUEUE_TIMEOUT_MS: String(settings.queueTimeoutMs),
      QUEUE_LENGTH_MAX: String(settings.queueLengthMax),
      FIRST_BYTE_TIMEOUT_MS: String(DAY_MS),
      // Replicas report as often as in the simulator. The time to live stays that of real time: nothing dies here, and a machine that
      // stalls for a moment must not look as if everything had.
      HEARTBEAT_INTERVAL_MS: "5000",
      HEARTBEAT_RATE_MAX: "100000",
    },
    replicas: Array.from({ length: replicas }, (_, index) => {
      return { app: APP, replica: String(index), concurrency: 1, hintSlots: slots, loadMs, onRun };
    }),
  });
  const outcomes: Outcome[] = [];
  /** Why the replica of a served request was chosen, and what went wrong with the others. */
  const [reasons, errors]: [string[], string[]] = [[], []];
  const startMs = performance.now();
  const onCame = ({ dueMs }: ReplaySending, came: Came) => {
    const result = resultOf(came);
    const served = result === "200";
    const cold = came.headers[FOUND_HEADER] === "load" ? "load" : "warm";
    const inSystemMs = came.endedMs - startMs - dueMs;
    const waitedMs = queuedMsOf(came) ?? (served ? 0 : inSystemMs);
    outcomes.push({ ...blank(), waitedMs, inSystemMs, cold, served });
    if (served) reasons.push(came.headers["x-warmpath-reason"] ?? "none");
    else errors.push(result);
    progress(outcomes.length);
  };
  const requests = workload.map(({ atMs, hint, serviceMs }, index) => {
    const asked = { key: `r${index}`, app: APP, hint, serviceMs, bytes: 2, shape: "whole" } as const;
    return { atMs, sending: { asked, target: `/${APP}`, dueMs: atMs } };
  });
  await sendOpenLoop(requests, { way: () => fleet.way(limitMs), signal: fleet.signal, onCame });
  fleet.signal.throwIfAborted();
  const odd = errors.filter((error) => !GIVEN_UP.has(error));
  const faults = [
    ...(odd.length === 0 ? [] : [`${odd.length} requests failed, the first: ${odd[0]}`]),
    ...(refusedBeats === 0 ? [] : [`${refusedBeats} heartbeats were refused or lost`]),
    ...(overfull === 0 ? [] : [`${overfull} times a replica got a request while as many as it takes were there`]),
  ];
  return { outcomes, reasons, errors, faults };
}
