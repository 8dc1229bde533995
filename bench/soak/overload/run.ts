// Runs an overload for real, phase by phase. Whatever was started has ended when it returns or throws.
import { setTimeout as sleep } from "node:timers/promises";
import { bundle } from "../../../scripts/bundle.ts";
import type { Running } from "../../command.ts";
import { send } from "../../live/client.ts";
import { poisson, sendOpenLoop, serviceMs, type ServiceTimes, zipf } from "../../live/load.ts";
import { Fleet } from "../../live/fleet.ts";
import { residentMib } from "../../live/machine.ts";
import { queuedMsOf, resultOf, type Came, type Sending } from "../../live/records.ts";
import { short } from "../../report.ts";
import { seeded, seedFor } from "../../simulate/random.ts";
import { capacityOf, PHASES, type History, type Line, type Phase, type Sample, type Span } from "./figures.ts";

export interface Overloading extends Pick<Running, "signal" | "progress"> {
  readonly times: number;
  readonly forMs: number;
  readonly seed: number;
  readonly queueLengthMax: number;
  readonly queueTimeoutMs: number;
}

interface OverloadSending extends Sending {
  readonly phase: Phase;
  readonly low: boolean;
}

/** Begins to send. The promise is wrapped, as `await` would wait for both otherwise: it is fulfilled when the last request has ended. */
type Offer = (lastsMs: number) => { readonly ended: Promise<unknown> };

/** Parts of the whole time. The rest is for warming up and for the pauses in which everything ends. */
const SHARES: Readonly<Record<Phase, number>> = { saturated: 0.15, before: 0.2, overload: 1 / 3, after: 0.1, low_flood: 0.15 };
const HALF = 0.5;
const LOW_SHARE = 0.1;
const REPLICAS = 8;
/** Clients in the closed loop for each slot: two of three wait, so that no slot is ever idle. */
const CLIENTS_PER_SLOT = 3;
/** `after` lasts so many times as long as the longest backlog should take, and as long as `before`, but at most `moreMostMs`, on top. */
const RECOVERY = { times: 1.5, moreMostMs: 10_000 };
const SAMPLE_MS = 250;
const PATIENCE_MS = 120_000;
const EMPTY_WITHIN_MS = 60_000;

const APP = "overloaded";
const HINTS = { count: 16, exponent: 1 };
const SERVICE: ServiceTimes = { leastMs: 150, meanMs: 250, mostMs: 1000 };
const LOAD_MS = 100;
const HEARTBEAT_MS = 1000;

export async function overload({ times, forMs, seed, signal, progress, ...queue }: Overloading): Promise<History> {
  bundle();
  await using fleet = await Fleet.start({
    ...{ name: "overload", inspect: true, signal, heartbeatMs: HEARTBEAT_MS, seed: seedFor(seed, "heartbeats") },
    settings: {
      ...{ COLD_START_MS: String(LOAD_MS), HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS) },
      ...{ QUEUE_LENGTH_MAX: String(queue.queueLengthMax), QUEUE_TIMEOUT_MS: String(queue.queueTimeoutMs) },
    },
    replicas: Array.from({ length: REPLICAS }, (_, index) => {
      return { app: APP, replica: `r${index + 1}`, concurrency: 1, hintSlots: 3, loadMs: LOAD_MS };
    }),
  });
  await fleet.whole();
  const { router } = fleet;
  const way = () => fleet.way(PATIENCE_MS);
  const lines: Line[] = [];
  const samples: Sample[] = [];
  const spans = {} as Record<Phase, Span>;
  void fleet.sample(SAMPLE_MS, async () => {
    const [view, mib] = [await router.view(APP), residentMib(router.pid)];
    if (view !== null && mib !== null) samples.push({ atMs: performance.now(), resident_mb: short(mib), waiting: view.waiting });
  });
  const onCame = (sending: OverloadSending, came: Came) => {
    if (!fleet.signal.aborted) lines.push(lineOf(sending, came));
  };

  const warmUpMs = (1 - PHASES.reduce((sum, phase) => sum + SHARES[phase], 0)) * forMs;
  await offerClosed(seed)(warmUpMs).ended;
  lines.length = 0;
  await perform("saturated", offerClosed(seed + 1));
  const capacity = capacityOf(lines, spans.saturated);
  await perform("before", offerOpen("before", HALF, 0));
  const before = await router.retained();
  const backlogMs = Math.min(queue.queueTimeoutMs / HALF, (queue.queueLengthMax / (capacity * (1 - HALF))) * 1000);
  const moreMs = Math.min(RECOVERY.moreMostMs, SHARES.before * forMs);
  const rest = await measure("overload", offerOpen("overload", times, LOW_SHARE));
  const afterMs = Math.max(SHARES.after * forMs, backlogMs * RECOVERY.times + moreMs);
  const recovering = await measure("after", offerOpen("after", HALF, 0), afterMs);
  await Promise.all([rest.ended, recovering.ended]);
  const after = await router.retained();
  await perform("low_flood", offerOpen("low_flood", times, 1 - HALF / times));
  const retained = { before, after, low_flood: await router.retained() };
  const missing = await fleet.whole();
  return { lines, samples, spans, retained, missing, held: await fleet.empty(EMPTY_WITHIN_MS) };

  /** Clients that each wait for their answer before they send again. */
  function offerClosed(seed: number): Offer {
    return (lastsMs) => {
      const next = requestsOf(seed, "saturated", 0);
      const untilMs = performance.now() + lastsMs;
      const client = async () => {
        while (!fleet.signal.aborted && performance.now() < untilMs) {
          const sending = next();
          onCame(sending, await send(sending, way()));
        }
      };
      return { ended: Promise.all(Array.from({ length: CLIENTS_PER_SLOT * REPLICAS }, client)) };
    };
  }

  /** Requests at random times, `load` times the capacity, whatever becomes of those before. */
  function offerOpen(phase: Phase, load: number, lowShare: number): Offer {
    return (lastsMs) => {
      const next = requestsOf(seed, phase, lowShare);
      const times = poisson(seeded(seedFor(seed, `arrivals of ${phase}`)), load * capacity, 0, lastsMs);
      const arriving = Array.from(times, (atMs) => ({ atMs, sending: next() }));
      return { ended: sendOpenLoop(arriving, { way, signal: fleet.signal, onCame }) };
    };
  }

  /** Measures a phase, and waits until its requests have ended. */
  async function perform(phase: Phase, offer: Offer): Promise<void> {
    const { ended } = await measure(phase, offer);
    await ended;
    await fleet.empty(EMPTY_WITHIN_MS);
    fleet.signal.throwIfAborted();
  }

  async function measure(phase: Phase, offer: Offer, lastsMs = SHARES[phase] * forMs): Promise<ReturnType<Offer>> {
    progress(phase, PHASES.indexOf(phase) / PHASES.length);
    const fromMs = performance.now();
    const offered = offer(lastsMs);
    await sleep(lastsMs, undefined, { signal: fleet.signal }).catch(() => {});
    spans[phase] = { fromMs, toMs: performance.now() };
    return offered;
  }
}

/** Requests that differ in their hint, time of service and priority, drawn from the seed alone. */
function requestsOf(seed: number, phase: Phase, lowShare: number): () => OverloadSending {
  const random = seeded(seedFor(seed, phase));
  const drawHint = zipf(HINTS.count, HINTS.exponent, random);
  let number = 0;
  return () => {
    const low = random() < lowShare;
    const key = `${phase}${++number}`;
    const asked = { key, app: APP, hint: drawHint(), serviceMs: serviceMs(random, SERVICE), bytes: 500, shape: "whole" } as const;
    return { phase, low, asked, target: `/${APP}/run`, headers: low ? { "x-fal-queue-priority": "low" } : {} };
  };
}

function lineOf({ phase, low }: OverloadSending, came: Came): Line {
  const { sentMs, endedMs, headers } = came;
  const retryAfterS = headers["retry-after"] === undefined ? null : Number(headers["retry-after"]);
  return { phase, low, sentMs, endedMs, outcome: resultOf(came), queuedMs: queuedMsOf(came), retryAfterS };
}
