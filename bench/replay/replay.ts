// Replays a workload for real: a live fleet that holds, loads and serves as the simulated one. Whatever was started has ended when it
// returns or throws.
import { bundle } from "../../scripts/bundle.ts";
import { Fleet } from "../live/fleet.ts";
import { sendOpenLoop } from "../live/open-loop.ts";
import { FOUND_HEADER } from "../live/proof.ts";
import type { Run } from "../live/run.ts";
import { isProven, queuedMsOf, type Came, type Sending } from "../live/sending.ts";
import type { Outcome } from "../simulate/ledger.ts";
import type { WarmpathOptions } from "../simulate/routers/warmpath.ts";
import { DAY_MS } from "../simulate/inputs.ts";
import type { Request, Workload } from "../simulate/workload.ts";

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

export interface Replayed {
  /** In real time. */
  readonly outcomes: readonly Outcome[];
  /** Of served requests why their replica was chosen, of others what went wrong. */
  readonly reasons: readonly string[];
  readonly errors: readonly string[];
  /** What should not have happened; empty where all is well. */
  readonly faults: readonly string[];
}

/** In rendezvous hashing only hints and replicas count, so that the simulator's choices are the same. */
const APP = "simulated";
/** What a router may answer under load; anything else is a fault. */
const GIVEN_UP = new Set(["429 queue_full", "504 request_timeout"]);

interface ReplaySending extends Sending {
  readonly dueMs: number;
}

export async function replay(workload: Workload, replaying: Replaying): Promise<Replayed> {
  const { replicas, slots, loadMs, heartbeatMs, settings, seed, limitMs, signal, progress } = replaying;
  bundle();
  let [refusedBeats, overfull] = [0, 0];
  const onRun = ({ present, concurrency }: Run) => {
    if (present > concurrency) overfull++;
  };
  const onBeat = ({ answered }: { readonly answered: number | null }) => {
    // One that another has overtaken is refused as a late one.
    if (answered !== 200 && answered !== 409 && !signal.aborted) refusedBeats++;
  };
  await using fleet = await Fleet.start({
    ...{
      name: "replay",
      heartbeatMs,
      oneByOne: true,
      seed,
      signal,
      onBeat,
      log: (line: string) => console.error(`router: ${line}`),
    },
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
  const [reasons, errors]: [string[], string[]] = [[], []];
  const startMs = performance.now();
  const onCame = ({ dueMs }: ReplaySending, came: Came) => {
    const served = isProven(came);
    const found = came.headers[FOUND_HEADER] === "load" ? "load" : "warm";
    const inSystemMs = came.endedMs - startMs - dueMs;
    const waitedMs = queuedMsOf(came) ?? (served ? 0 : inSystemMs);
    outcomes.push({ waitedMs, inSystemMs, cold: found, loadMs: 0, home: 0, served, failed: false, refused: null });
    if (served) reasons.push(came.headers["x-warmpath-reason"] ?? "none");
    else errors.push(`${came.status ?? came.end} ${came.errorType ?? came.cause ?? "wrong answer"}`);
    progress(outcomes.length);
  };
  await sendOpenLoop(workload.map(timed), { way: () => fleet.way(limitMs), signal: fleet.signal, onCame });
  fleet.signal.throwIfAborted();
  const odd = errors.filter((error) => !GIVEN_UP.has(error));
  return {
    ...{ outcomes, reasons, errors },
    faults: [
      ...(odd.length === 0 ? [] : [`${odd.length} requests failed, the first: ${odd[0]}`]),
      ...(refusedBeats === 0 ? [] : [`${refusedBeats} heartbeats were refused or lost`]),
      ...(overfull === 0 ? [] : [`${overfull} times a replica got a request while as many as it takes were there`]),
    ],
  };
}

function timed({ atMs, hint, serviceMs }: Request, index: number): { atMs: number; sending: ReplaySending } {
  const asked = { key: `r${index}`, app: APP, hint, serviceMs, bytes: 2, shape: "whole" } as const;
  return { atMs, sending: { asked, target: `/${APP}`, dueMs: atMs } };
}
