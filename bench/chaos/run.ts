// Runs a schedule for real and writes its history: the router under chaos on workerd, replicas and clients in this process. Whatever was
// started has ended when it returns or throws.
import { setTimeout as sleep } from "node:timers/promises";
import { bundle } from "../../scripts/bundle.ts";
import { keptConnections } from "../live/exchange.ts";
import { startFleet, untilWhole, type Fleet } from "../live/fleet.ts";
import type { Beat } from "../live/heartbeats.ts";
import { MemorySampler, type MemorySample } from "../live/memory.ts";
import { sendOpenLoop, type OpenLoop, type Sent } from "../live/open-loop.ts";
import { LiveRouter } from "../live/router.ts";
import type { Run } from "../live/run.ts";
import type { Way } from "../live/sending.ts";
import { seeded, seedFor } from "../simulate/random.ts";
import type { Injected } from "./faults.ts";
import type { End, History, LogLine, Sample, Touch } from "./history.ts";
import { inject } from "./inject.ts";
import type { Schedule } from "./schedule.ts";
import { APPS, HINTS, HINT_SLOTS, LOAD_MS, REPLICAS, SETTINGS, TIMES_MS } from "./settings.ts";
import { sendingOf, steadyTraffic, type ChaosSending } from "./traffic.ts";

export interface Running {
  readonly signal: AbortSignal;
  readonly progress: (doing: string, share: number) => void;
}

export interface Ran {
  readonly history: History;
  readonly memory: readonly MemorySample[];
}

/** The router under chaos has an entry of its own. */
const ENTRY = { name: "chaos", folder: "bench/chaos/worker" };
/** No request may take longer, whatever happens: attempts, waits and timeouts are all bounded. */
const PATIENCE_MS = 45_000;
const SAMPLE_MS = 500;
const MEMORY_MS = 1000;
/** After the last fault: until the fleet must be whole, and then until nothing may be held any more. */
const WHOLE_WITHIN_MS = 20_000;
const EMPTY_WITHIN_MS = 5000;
const POLL_MS = 100;
/** Replicas that were passed over come back by being tried. */
const HEALING_REQUESTS_PER_SECOND = 40;

export async function run(schedule: Schedule, { signal, progress }: Running): Promise<Ran> {
  await using started = new AsyncDisposableStack();
  const log: LogLine[] = [];
  const router = await LiveRouter.start({
    ...{ name: "chaos", settings: SETTINGS, bundle: bundle(ENTRY) },
    log: (line) => log.push({ atMs: performance.now(), line }),
  });
  started.use(router);
  const [runs, beats, injected, samples, sent] = [
    [] as Run[],
    [] as Beat[],
    [] as Injected[],
    [] as Sample[],
    [] as Sent<ChaosSending>[],
  ];
  const onRun = (its: Run) => runs.push(its);
  const options = {
    ...{ router, heartbeatMs: TIMES_MS.heartbeatMs, seed: seedFor(schedule.seed, "heartbeats") },
    replicas: REPLICAS.map((shape) => ({ ...shape, hintSlots: HINT_SLOTS, loadMs: LOAD_MS, onRun })),
    onBeat: (beat: Beat) => beats.push(beat),
  };
  const fleet = started.use(await startFleet(options));
  const memory = started.use(new MemorySampler(() => router.pid, MEMORY_MS));
  const over = new AbortController();
  started.defer(() => over.abort());
  const alive = AbortSignal.any([signal, router.failure, over.signal]);
  sampling(router, samples, alive).catch(() => {});

  const clients = keptConnections();
  started.defer(() => clients.destroy());
  const way = (): Way => ({ port: router.port, agent: clients, patienceMs: PATIENCE_MS, signal: alive });
  const loop: OpenLoop<ChaosSending> = { way, signal: alive, onSent: (line) => sent.push(line) };
  await untilWhole(fleet, WHOLE_WITHIN_MS, alive);
  const startMs = performance.now();
  const ticking = setInterval(() => progress(`${sent.length} sent`, (performance.now() - startMs) / schedule.forMs), POLL_MS);
  started.defer(() => clearInterval(ticking));
  const faults = schedule.faults.map(async (fault) => {
    const earlyMs = startMs + fault.atMs - performance.now();
    await sleep(Math.max(0, earlyMs), undefined, { signal: alive });
    await inject(fleet, fault, (its) => injected.push(its), alive);
  });
  await Promise.all([sendOpenLoop(schedule.requests, loop), ...faults]);
  clearInterval(ticking);
  const end = await heal(fleet, schedule, loop, alive);
  signal.throwIfAborted();
  router.failure.throwIfAborted();
  return { history: { replicas: REPLICAS, sent, runs, beats, injected, samples, log, end }, memory: memory.samples };
}

/** After the last fault: until the fleet is whole again, every hint asked for twice, and nothing held any more. */
async function heal(fleet: Fleet, { seed }: Schedule, loop: OpenLoop<ChaosSending>, signal: AbortSignal): Promise<End> {
  const quietMs = performance.now();
  const random = seeded(seedFor(seed, "healing"));
  const trickle = new AbortController();
  const requests = steadyTraffic(random, HEALING_REQUESTS_PER_SECOND, WHOLE_WITHIN_MS).map(({ atMs, sending }, index) => {
    return { atMs, sending: sendingOf(random, `h${index}`, "get", sending.asked.app) };
  });
  const trickling = sendOpenLoop(requests, { ...loop, signal: AbortSignal.any([signal, trickle.signal]) });
  const missing = await untilWhole(fleet, WHOLE_WITHIN_MS, signal);
  const wholeMs = missing.length === 0 ? performance.now() : null;
  trickle.abort();
  await trickling;
  const touches: Touch[] = [];
  for (const app of APPS) {
    for (const hint of HINTS) {
      for (const touch of [1, 2]) {
        const sending = sendingOf(random, `f.${app}.${hint}.${touch}`, "get", app, hint);
        const line: Sent<ChaosSending>[] = [];
        await sendOpenLoop([{ atMs: 0, sending }], { ...loop, onSent: (its) => (loop.onSent?.(its), line.push(its)) });
        if (line[0] !== undefined) touches.push({ app, hint, sent: line[0] });
      }
    }
  }
  const running = () => fleet.members.reduce((sum, { replica }) => sum + replica.service.inFlight, 0);
  const deadlineMs = performance.now() + EMPTY_WITHIN_MS;
  let held: { app: string; waiting: number; inFlight: number }[];
  do {
    await sleep(POLL_MS, undefined, { signal });
    const views = await Promise.all(APPS.map(async (app) => ({ app, view: await fleet.router.view(app) })));
    held = views.map(({ app, view }) => ({ app, waiting: view?.waiting ?? -1, inFlight: view?.in_flight ?? -1 }));
  } while ((held.some((its) => its.waiting !== 0 || its.inFlight !== 0) || running() > 0) && performance.now() < deadlineMs);
  return { quietMs, wholeMs, missing, touches, held, stillRunning: running(), apps: await listedApps(fleet.router) };
}

async function sampling(router: LiveRouter, samples: Sample[], signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(SAMPLE_MS, undefined, { signal });
    for (const app of APPS) {
      const atMs = performance.now();
      const view = router.pid === null ? null : await router.view(app);
      if (view === null) continue;
      const reclaimed = Number(view.counters["reclaimed"]);
      const listed = view.replicas.map(({ replica }) => replica);
      samples.push({ atMs, app, waiting: view.waiting, inFlight: view.in_flight, reclaimed, listed });
    }
  }
}

async function listedApps(router: LiveRouter): Promise<string[]> {
  try {
    const { apps } = (await (await router.admin("/-/apps")).json()) as { apps: readonly { app: string }[] };
    return apps.map(({ app }) => app);
  } catch {
    return [];
  }
}
