// Runs an overload for real, phase by phase. Whatever was started has ended when it returns or throws.
import { setTimeout as sleep } from "node:timers/promises";
import { keptConnections } from "../../live/exchange.ts";
import { MEBIBYTE, residentBytes } from "../../live/memory.ts";
import type { Way } from "../../live/sending.ts";
import { seedFor } from "../../simulate/random.ts";
import { APP, empty, retainedOf, slotsOf, startFleet, whole, type Fleet, type FleetShape, type Held } from "../fleet.ts";
import { cpuMs, LoopWatch } from "../machine.ts";
import { Said } from "../said.ts";
import { at, short, sorted } from "../windows.ts";
import { capacityOf } from "./figures.ts";
import { offerClosed, offerOpen, type Offering, type Offers } from "./offer.ts";
import { lineOf, PHASES, type Generator, type History, type Line, type Phase, type Sample, type Span } from "./phases.ts";

export interface Overloading {
  readonly times: number;
  readonly forMs: number;
  readonly seed: number;
  readonly queueLengthMax: number;
  readonly queueTimeoutMs: number;
  readonly signal: AbortSignal;
  readonly progress: (doing: string, share: number) => void;
}

export interface Overloaded {
  readonly history: History;
  readonly missing: readonly string[];
  readonly held: Held;
  /** Lines of the router's log by what they say. */
  readonly log: Readonly<Record<string, number>>;
}

/** Parts of the whole time; what is left is for warming up and for the pauses in which everything ends. */
const SHARES: Readonly<Record<Phase, number>> = { saturated: 0.15, before: 0.2, overload: 1 / 3, after: 0.1, low_flood: 0.15 };
const HALF = 0.5;
const LOW_SHARE = 0.1;
/** Clients in the closed loop for each slot: two of three wait, so that no slot is ever idle. */
const CLIENTS_PER_SLOT = 3;
/** `after` lasts so many times as long as the longest backlog should take, and as `before`, but no more than this on top. */
const RECOVERY = { times: 1.5, moreMostMs: 10_000 };
const SAMPLE_MS = 250;
const PATIENCE_MS = 120_000;

export async function overload(overloading: Overloading): Promise<Overloaded> {
  const { times, forMs, seed, queueLengthMax, queueTimeoutMs, signal, progress } = overloading;
  await using started = new AsyncDisposableStack();
  const said = new Said();
  const shape: FleetShape = {
    ...{ concurrencies: Array.from({ length: 8 }, () => 1), hintSlots: 3, loadMs: 100, heartbeatMs: 1000 },
    settings: { COLD_START_MS: "100", QUEUE_LENGTH_MAX: String(queueLengthMax), QUEUE_TIMEOUT_MS: String(queueTimeoutMs) },
  };
  const beating = { name: "overload", seed: seedFor(seed, "heartbeats"), onRun: () => {}, log: said.take };
  const fleet = started.use(await startFleet(shape, beating));
  const agent = keptConnections();
  started.defer(() => agent.destroy());
  const over = new AbortController();
  started.defer(() => over.abort());
  const alive = AbortSignal.any([signal, fleet.router.failure, over.signal]);
  await whole(fleet, alive);
  const loop = started.use(new LoopWatch());
  const [lines, samples] = [[] as Line[], [] as Sample[]];
  const [spans, generator] = [{} as Record<Phase, Span>, {} as Record<Phase, Generator>];
  sampling(fleet, samples, alive).catch(() => {});
  const way = (): Way => ({ port: fleet.router.port, agent, patienceMs: PATIENCE_MS, signal: alive });
  const offering: Offering = { way, signal: alive, onCame: (sending, came) => lines.push(lineOf(sending, came)) };

  const warmUp = { seed, phase: "saturated", lowShare: 0, clients: CLIENTS_PER_SLOT * slotsOf(shape) } as const;
  await (
    await offerClosed(warmUp, (1 - PHASES.reduce((sum, phase) => sum + SHARES[phase], 0)) * forMs, offering)
  ).ended;
  lines.length = 0;
  await perform("saturated", () => offerClosed({ ...warmUp, seed: seed + 1 }, SHARES.saturated * forMs, offering));
  const capacity = capacityOf(lines, spans.saturated);
  await perform("before", open("before", HALF * capacity, 0, SHARES.before * forMs));
  const before = await retainedOf(fleet);
  const backlogMs = Math.min(queueTimeoutMs / HALF, (queueLengthMax / (capacity * (1 - HALF))) * 1000);
  const moreMs = Math.min(RECOVERY.moreMostMs, SHARES.before * forMs);
  const afterMs = Math.max(SHARES.after * forMs, backlogMs * RECOVERY.times + moreMs);
  const rest = await measure("overload", open("overload", times * capacity, LOW_SHARE, SHARES.overload * forMs));
  await perform("after", open("after", HALF * capacity, 0, afterMs));
  await rest.ended;
  const after = await retainedOf(fleet);
  await perform("low_flood", open("low_flood", times * capacity, 1 - HALF / times, SHARES.low_flood * forMs));
  const retained = { before, after, low_flood: await retainedOf(fleet) };
  const missing = await whole(fleet, alive);
  const held = await empty(fleet, alive);
  return { history: { lines, samples, spans, generator, retained }, missing, held, log: said.counts };

  function open(phase: Phase, perSecond: number, lowShare: number, lastsMs: number) {
    return (late: number[]) => offerOpen({ seed, phase, perSecond, lowShare }, lastsMs, offering, (ms) => late.push(ms));
  }

  /** Measures a phase, and waits until what it began has ended. */
  async function perform(phase: Phase, offer: (late: number[]) => Promise<Offers>): Promise<void> {
    await (
      await measure(phase, offer)
    ).ended;
    if (phase !== "after") await empty(fleet, alive);
    signal.throwIfAborted();
    fleet.router.failure.throwIfAborted();
  }

  async function measure(phase: Phase, offer: (late: number[]) => Promise<Offers>): Promise<Offers> {
    progress(phase, PHASES.indexOf(phase) / PHASES.length);
    loop.look();
    const [fromMs, cpuBefore, late] = [performance.now(), cpuMs(fleet.router.pid) ?? 0, [] as number[]];
    const offers = await offer(late);
    const [toMs, { busy, delayMs }] = [performance.now(), loop.look()];
    spans[phase] = { fromMs, toMs };
    generator[phase] = {
      busy: short(busy),
      delay_ms: short(delayMs),
      late_p99_ms: at(sorted(late), 0.99),
      router_cpu_share: short(((cpuMs(fleet.router.pid) ?? cpuBefore) - cpuBefore) / (toMs - fromMs)),
    };
    return offers;
  }
}

async function sampling({ router }: Fleet, samples: Sample[], signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(SAMPLE_MS, undefined, { signal });
    const view = await router.view(APP);
    const bytes = router.pid === null ? null : residentBytes(router.pid);
    if (view === null || bytes === null) continue;
    const { waiting, in_flight } = view;
    samples.push({ atMs: performance.now(), resident_mb: short(bytes / MEBIBYTE), waiting, in_flight });
  }
}
