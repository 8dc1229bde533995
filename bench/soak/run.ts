// Runs a soak for real: fleet, clients, churn, and a reading at the end of each window. Whatever was started has ended when it returns or
// throws.
import { setTimeout as sleep } from "node:timers/promises";
import { bundle } from "../../scripts/bundle.ts";
import type { Running } from "../command.ts";
import { send } from "../live/client.ts";
import { Fleet } from "../live/fleet.ts";
import { cpuMs, residentMib } from "../live/machine.ts";
import { sendOpenLoop } from "../live/load.ts";
import { LiveReplica } from "../live/replica.ts";
import type { Came, Run } from "../live/records.ts";
import { short } from "../report.ts";
import { seedFor } from "../simulate/random.ts";
import { startChurn } from "./churn.ts";
import { APP, outcomeOf, SERVICE, soakTraffic, type SoakSending } from "./traffic.ts";
import type { Ending } from "./verdict.ts";
import { endedOf, heldMsOf, windowOf, type Open, type Window } from "./windows.ts";

export interface Soaking extends Pick<Running, "signal" | "progress"> {
  readonly forMs: number;
  readonly perSecond: number;
  readonly seed: number;
}

/** 16 slots. As many hints fit as 32 slots hold, so that the rarest are loaded now and then. Other settings are production's. */
export const CONCURRENCIES = [1, 2, 2, 3, 1, 2, 2, 3];
export const HINT_SLOTS = 4;
const LOAD_MS = 80;
const HEARTBEAT_MS = 1000;
const SLOTS = CONCURRENCIES.reduce((sum, concurrency) => sum + concurrency, 0);

const WINDOW_MS = { least: 150, most: 5000 };
/** A run has at least this many windows. */
const WINDOWS = 40;
const CHURN_MS = { least: 1500, most: 15_000 };
/** A short run sees all kinds of churn. */
const CHURNS = 6;
const PATIENCE_MS = 60_000;
const EMPTY_WITHIN_MS = 60_000;
const CONTROL_EVERY_MS = 100;
/** Of one kind of outcome that may not happen, so many cases are told. */
const CASES_MOST = 3;

/** The requests a second whose service times add up to such a part of what the fleet has. */
export function perSecondAt(load: number): number {
  return (load * SLOTS * 1000) / SERVICE.meanMs;
}

export async function soak({ forMs, perSecond, seed, signal, progress }: Soaking) {
  /** Requests that have not ended, with the runs that replicas noted of them. */
  const open = new Map<string, Run[]>();
  const onRun = (run: Run) => open.get(run.key)?.push(run);
  bundle();
  await using fleet = await Fleet.start({
    ...{ name: "soak", inspect: true, signal, heartbeatMs: HEARTBEAT_MS, seed: seedFor(seed, "heartbeats") },
    settings: { COLD_START_MS: String(LOAD_MS), HEARTBEAT_INTERVAL_MS: String(HEARTBEAT_MS) },
    replicas: CONCURRENCIES.map((concurrency, index) => {
      return { app: APP, replica: `r${index + 1}`, concurrency, hintSlots: HINT_SLOTS, loadMs: LOAD_MS, onRun };
    }),
  });
  await fleet.whole();
  const before = await fleet.router.retained();
  const startMs = performance.now();
  const since: Open = { ended: [], controls: [] };
  const windows: Window[] = [];
  const ending = new AbortController();
  const watched = AbortSignal.any([fleet.signal, ending.signal]);
  const churn = startChurn(fleet, seedFor(seed, "churn"), clamp(forMs / CHURNS, CHURN_MS), watched);
  const unexpected = new Map<string, string[]>();
  const onCame = (sending: SoakSending, came: Came) => {
    const { key } = sending.asked;
    const runs = open.get(key) ?? [];
    open.delete(key);
    // An interrupted request says nothing.
    if (fleet.signal.aborted) return;
    const { name, expected } = outcomeOf(sending, came, churn.diedBetween(came.sentMs, came.endedMs));
    since.ended.push(endedOf(name, came, runs));
    if (expected) return;
    const why = came.cause ?? (typeof came.proof === "string" ? came.proof : (came.detail ?? ""));
    const told = `${sending.kind} ${key} at ${((came.sentMs - startMs) / 1000).toFixed(1)} s (${why})`;
    unexpected.set(name, [...(unexpected.get(name) ?? []), told]);
  };
  const reading = readWindows();
  const controlling = readControls(fleet, since, watched);
  await sendOpenLoop(soakTraffic(seedFor(seed, "traffic"), perSecond, forMs), {
    ...{ way: () => fleet.way(PATIENCE_MS), signal: fleet.signal, onCame },
    onSent: ({ sending }) => open.set(sending.asked.key, []),
  });
  ending.abort();
  await Promise.all([churn.over, reading, controlling]);
  fleet.signal.throwIfAborted();
  const missing = await fleet.whole();
  const held = await fleet.empty(EMPTY_WITHIN_MS);
  const heap = { first: before.heap_mib, last: (await fleet.router.retained()).heap_mib };
  const told = [...unexpected].map(([name, cases]) => `${cases.length} x ${name}: ${cases.slice(0, CASES_MOST).join(", ")}`);
  const end: Ending = { unexpected: told, missing, held, heap };
  return { windows, ending: end, churn: churn.counts };

  /** Closes one window after the other until the signal. The last window is dropped if it is not whole. */
  async function readWindows(): Promise<void> {
    const { router } = fleet;
    const windowMs = clamp(forMs / WINDOWS, WINDOW_MS);
    for (let last = { atMs: startMs, usedMs: cpuMs(router.pid) ?? 0 }, number = 1; ; number++) {
      const closesMs = startMs + number * windowMs;
      await sleep(Math.max(0, closesMs - performance.now()), undefined, { signal: watched }).catch(() => {});
      if (watched.aborted) return;
      const now = { atMs: performance.now(), usedMs: cpuMs(router.pid) ?? last.usedMs };
      const residentMb = short(residentMib(router.pid) ?? 0);
      windows.push(windowOf((now.atMs - startMs) / 1000, now.atMs - last.atMs, since, residentMb, now.usedMs - last.usedMs));
      Object.assign(since, { ended: [], controls: [] });
      last = now;
      progress(`${residentMb.toFixed(0)} MiB, ${windows.length} windows`, (now.atMs - startMs) / forMs);
    }
  }
}

/** Requests from the same clients to a replica that the router does not know. */
async function readControls(fleet: Fleet, since: Open, signal: AbortSignal): Promise<void> {
  let run: Run | undefined;
  const onRun = (its: Run) => (run = its);
  await using replica = await LiveReplica.start({
    app: APP,
    replica: "control",
    concurrency: 1000,
    hintSlots: 0,
    loadMs: 0,
    onRun,
  });
  for (let number = 1; ; number++) {
    await sleep(CONTROL_EVERY_MS, undefined, { signal }).catch(() => {});
    if (signal.aborted) return;
    const asked = { key: `c${number}`, app: APP, hint: null, serviceMs: 0, bytes: 2000, shape: "whole" } as const;
    const came = await send({ asked, target: "/run" }, fleet.way(PATIENCE_MS, replica.port));
    const heldMs = heldMsOf(run);
    if (came.end === "answered" && heldMs !== null) since.controls.push(Math.max(0, came.endedMs - came.sentMs - heldMs));
  }
}

function clamp(value: number, { least, most }: { readonly least: number; readonly most: number }): number {
  return Math.min(most, Math.max(least, value));
}
