// Runs a soak for real: fleet, clients, churn, and a reading at the end of each window. Whatever was started has ended when it returns or
// throws.
import { setTimeout as sleep } from "node:timers/promises";
import { send } from "../live/client.ts";
import { keptConnections } from "../live/exchange.ts";
import { MEBIBYTE, residentBytes } from "../live/memory.ts";
import { sendOpenLoop, type Sent } from "../live/open-loop.ts";
import { LiveReplica } from "../live/replica.ts";
import type { Run } from "../live/run.ts";
import type { Sending, Way } from "../live/sending.ts";
import { seedFor } from "../simulate/random.ts";
import { startChurn, type ChurnKind } from "./churn.ts";
import { APP, empty, retainedOf, slotsOf, startFleet, whole, type Fleet, type FleetShape } from "./fleet.ts";
import { cpuMs, LoopWatch, starvedMs } from "./machine.ts";
import { outcomeOf } from "./outcome.ts";
import { Said } from "./said.ts";
import { SERVICE, soakTraffic, type SoakSending } from "./traffic.ts";
import type { Ending } from "./verdict.ts";
import { short, Windows, type Ended, type Window } from "./windows.ts";

export interface Soaking {
  readonly forMs: number;
  readonly load: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  readonly progress: (doing: string, share: number) => void;
}

export interface Soaked {
  readonly windows: readonly Window[];
  readonly ending: Ending;
  readonly churn: Readonly<Record<ChurnKind, number>>;
  readonly perSecond: number;
  /** Lines of the router's log by what they say. */
  readonly log: Readonly<Record<string, number>>;
}

/** Of 16 slots; as many hints fit as 32 slots hold, so that the rarest are loaded now and then. Otherwise production's settings. */
export const SHAPE: FleetShape = {
  concurrencies: [1, 2, 2, 3, 1, 2, 2, 3],
  hintSlots: 4,
  loadMs: 80,
  heartbeatMs: 1000,
  settings: { COLD_START_MS: "80" },
};

const WINDOW_MS = { least: 150, most: 5000 };
/** A run has at least this many windows. */
const WINDOWS = 40;
const CHURN_MS = { least: 1500, most: 15_000 };
/** A short run sees all kinds of churn. */
const CHURNS = 6;
const PATIENCE_MS = 60_000;
const CONTROL_EVERY_MS = 100;
/** Of one kind of outcome that may not happen, the cases that are told. */
const CASES_MOST = 3;

export async function soak({ forMs, load, seed, signal, progress }: Soaking): Promise<Soaked> {
  await using started = new AsyncDisposableStack();
  /** Requests that have not ended, with what replicas noted of them. */
  const open = new Map<string, Run[]>();
  const onRun = (run: Run) => open.get(run.key)?.push(run);
  const said = new Said();
  const beating = { name: "soak", seed: seedFor(seed, "heartbeats"), onRun, log: said.take };
  const fleet = started.use(await startFleet(SHAPE, beating));
  const clients = keptConnections();
  started.defer(() => clients.destroy());
  const over = new AbortController();
  started.defer(() => over.abort());
  const alive = AbortSignal.any([signal, fleet.router.failure, over.signal]);
  await whole(fleet, alive);
  const heap = await retainedOf(fleet);

  const windowMs = clamp(forMs / WINDOWS, WINDOW_MS);
  const startMs = performance.now();
  const windows = new Windows(startMs);
  const churning = new AbortController();
  const churn = startChurn(fleet, {
    ...{ seed: seedFor(seed, "churn"), everyMs: clamp(forMs / CHURNS, CHURN_MS) },
    signal: AbortSignal.any([alive, churning.signal]),
  });
  const unexpected = new Map<string, string[]>();
  const onCame = ({ sending, came }: Sent<SoakSending>) => {
    const runs = open.get(sending.asked.key) ?? [];
    open.delete(sending.asked.key);
    // An interrupted request says nothing.
    if (came === null || alive.aborted) return;
    const outcome = outcomeOf(sending, came, churn.diedBetween(came.sentMs, came.endedMs));
    windows.note(endedOf(outcome.name, came, runs));
    if (outcome.expected) return;
    const cases = unexpected.get(outcome.name) ?? [];
    const where = `${sending.kind} ${sending.asked.key} at ${((came.sentMs - startMs) / 1000).toFixed(1)} s`;
    const why = came.cause ?? (typeof came.proof === "string" ? came.proof : came.detail);
    unexpected.set(outcome.name, [...cases, `${where}${why === null ? "" : ` (${why})`}`]);
  };
  const reading = new AbortController();
  const watched = AbortSignal.any([alive, reading.signal]);
  const way = (port: number): Way => ({ port, agent: clients, patienceMs: PATIENCE_MS, signal: alive });
  const watching = [
    readWindows(fleet, windows, windowMs, watched, (doing) => progress(doing, (performance.now() - startMs) / forMs)),
    readControls(windows, way, watched),
  ];
  const perSecond = (load * slotsOf(SHAPE) * 1000) / SERVICE.meanMs;
  await sendOpenLoop(soakTraffic(seedFor(seed, "traffic"), perSecond, forMs), {
    ...{ way: () => way(fleet.router.port), signal: alive, onCame },
    onSent: ({ sending }) => open.set(sending.asked.key, []),
  });
  reading.abort();
  churning.abort();
  await Promise.all([churn.over, ...watching]);
  signal.throwIfAborted();
  fleet.router.failure.throwIfAborted();
  const ending: Ending = {
    unexpected: [...unexpected].map(([name, cases]) => `${cases.length} x ${name}: ${cases.slice(0, CASES_MOST).join(", ")}`),
    missing: await whole(fleet, alive),
    held: await empty(fleet, alive),
    heap: { first: heap.heap_mib, last: (await retainedOf(fleet)).heap_mib },
  };
  return { windows: windows.closed, ending, churn: churn.counts, perSecond, log: said.counts };
}

function endedOf(outcome: string, came: NonNullable<Sent<SoakSending>["came"]>, runs: readonly Run[]): Ended {
  const [run] = runs;
  const queuedMs = Number(/queue;dur=([\d.]+)/.exec(came.headers["server-timing"] ?? "")?.[1] ?? NaN);
  const heldMs = heldMsOf(run);
  const once = outcome === "200" && runs.length === 1 && Number.isFinite(queuedMs);
  if (!once || heldMs === null) return { outcome, inSystemMs: null, queuedMs: null, routerMs: null };
  const inSystemMs = came.endedMs - came.sentMs;
  return { outcome, inSystemMs, queuedMs, routerMs: Math.max(0, inSystemMs - queuedMs - heldMs) };
}

function heldMsOf(run: Run | null | undefined): number | null {
  if (run === null || run === undefined || run.endedMs === null) return null;
  return run.endedMs - run.beganMs;
}

/** A window at a time until the signal; the last one is dropped where it is not whole. */
async function readWindows(
  { router }: Fleet,
  windows: Windows,
  windowMs: number,
  signal: AbortSignal,
  tell: (doing: string) => void,
): Promise<void> {
  using loop = new LoopWatch();
  let [openedMs, cpuBefore, starvedBefore] = [performance.now(), cpuMs(router.pid) ?? 0, starvedMs(router.pid)];
  for (let number = 1, startMs = openedMs; ; number++) {
    await sleep(Math.max(0, startMs + number * windowMs - performance.now()), undefined, { signal }).catch(() => {});
    const view = signal.aborted ? null : await router.view(APP);
    if (signal.aborted) return;
    const [nowMs, cpu, { busy, delayMs }] = [performance.now(), cpuMs(router.pid) ?? cpuBefore, loop.look()];
    const starved = starvedMs(router.pid);
    const bytes = router.pid === null ? null : residentBytes(router.pid);
    windows.close(nowMs, {
      resident_mb: short((bytes ?? 0) / MEBIBYTE),
      cpu_share: Math.round(((cpu - cpuBefore) / (nowMs - openedMs)) * 10_000) / 10_000,
      starved_share: starvedShare(cpu - cpuBefore, starved === null ? null : starved - (starvedBefore ?? 0)),
      waiting: view?.waiting ?? 0,
      in_flight: view?.in_flight ?? 0,
      generator_busy: short(busy),
      generator_delay_ms: short(delayMs),
    });
    [openedMs, cpuBefore, starvedBefore] = [nowMs, cpu, starved];
    const { resident_mb, router_p50_ms, router_p95_ms, waiting } = windows.closed.at(-1) as Window;
    tell(`${resident_mb.toFixed(0)} MiB, router ${router_p50_ms ?? "-"} / ${router_p95_ms ?? "-"} ms, ${waiting} waiting`);
  }
}

/** A thread that ended takes its time with it: less than before is nothing. */
function starvedShare(ranMs: number, starvedMs: number | null): number | null {
  if (starvedMs === null) return null;
  const waitedMs = Math.max(0, starvedMs);
  return waitedMs === 0 ? 0 : short(waitedMs / (waitedMs + ranMs));
}

/** Requests to a replica that the router does not know, from the same clients. */
async function readControls(windows: Windows, way: (port: number) => Way, signal: AbortSignal): Promise<void> {
  let run: Run | null = null;
  const options = { app: APP, replica: "control", concurrency: 1000, hintSlots: 0, loadMs: 0, onRun: (its: Run) => (run = its) };
  await using replica = await LiveReplica.start(options);
  const port = Number(new URL(replica.origin).port);
  const asked = { app: APP, hint: null, serviceMs: 0, bytes: 2000, shape: "whole" } as const;
  const rest = { method: "GET", target: "/run", headers: {}, upload: null, leaving: null, readPauseMs: 0, webSocket: false };
  for (let number = 1; ; number++) {
    await sleep(CONTROL_EVERY_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const sending: Sending = { ...rest, asked: { ...asked, key: `c${number}` } };
    const came = await send(sending, way(port));
    const heldMs = heldMsOf(run);
    if (came.end === "answered" && heldMs !== null) windows.noteControl(Math.max(0, came.endedMs - came.sentMs - heldMs));
  }
}

function clamp(value: number, { least, most }: { readonly least: number; readonly most: number }): number {
  return Math.min(most, Math.max(least, value));
}
