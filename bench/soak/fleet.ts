// The fleet of a soak or an overload: the built router on workerd, and replicas of one app that serve and send heartbeats.
import { setTimeout as sleep } from "node:timers/promises";
import { bundle } from "../../scripts/bundle.ts";
import { keptConnections } from "../live/exchange.ts";
import { Heartbeats } from "../live/heartbeats.ts";
import { MEBIBYTE } from "../live/memory.ts";
import { LiveReplica } from "../live/replica.ts";
import { LiveRouter } from "../live/router.ts";
import type { Run } from "../live/run.ts";
import { short } from "./windows.ts";

export const APP = "soaked";

export interface FleetShape {
  /** One replica each. */
  readonly concurrencies: readonly number[];
  readonly hintSlots: number;
  readonly loadMs: number;
  readonly heartbeatMs: number;
  /** Of the router, beside the interval of heartbeats. */
  readonly settings: Readonly<Record<string, string>>;
}

export interface Member {
  readonly replica: LiveReplica;
  readonly heartbeats: Heartbeats;
}

export interface Fleet extends AsyncDisposable {
  readonly router: LiveRouter;
  readonly members: readonly Member[];
}

export interface FleetOptions {
  readonly name: string;
  readonly seed: number;
  readonly onRun: (run: Run) => void;
  readonly log: (line: string) => void;
}

const WHOLE_WITHIN_MS = 20_000;
const EMPTY_WITHIN_MS = 60_000;
const POLL_MS = 100;

/** Every replica is listed and ready when this returns. */
export async function startFleet(shape: FleetShape, { name, seed, onRun, log }: FleetOptions): Promise<Fleet> {
  await using started = new AsyncDisposableStack();
  bundle();
  const { concurrencies, hintSlots, loadMs, heartbeatMs } = shape;
  const settings = { ...shape.settings, HEARTBEAT_INTERVAL_MS: String(heartbeatMs), ALLOW_PRIVATE_ORIGINS: "true" };
  const router = started.use(await LiveRouter.start({ name, settings, log, inspect: true }));
  const agent = keptConnections();
  started.defer(() => agent.destroy());
  const members: Member[] = [];
  for (const [index, concurrency] of concurrencies.entries()) {
    const its = { app: APP, replica: `r${index + 1}`, concurrency, hintSlots, loadMs, onRun };
    const replica = started.use(await LiveReplica.start(its));
    const heartbeats = started.use(new Heartbeats(replica, { router, agent, everyMs: heartbeatMs, seed: seed + index }));
    await heartbeats.start();
    members.push({ replica, heartbeats });
  }
  const all = started.move();
  return { router, members, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

export function slotsOf({ concurrencies }: FleetShape): number {
  return concurrencies.reduce((sum, concurrency) => sum + concurrency, 0);
}

/** Waits until the router lists every replica as ready. Gives the ids of those that it does not in time. */
export async function whole({ router, members }: Fleet, signal: AbortSignal): Promise<readonly string[]> {
  const deadlineMs = performance.now() + WHOLE_WITHIN_MS;
  for (;;) {
    const view = await router.view(APP);
    const missing = members.flatMap(({ replica: { options, incarnation } }) => {
      const seen = view?.replicas.find(({ replica }) => replica === options.replica);
      const well = seen?.incarnation === incarnation && seen.status === "ready" && seen.ejected_for_ms === 0;
      return well ? [] : [options.replica];
    });
    if (missing.length === 0 || performance.now() > deadlineMs) return missing;
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** What the router holds at a moment, in MiB, once garbage is collected. */
export interface RetainedMib {
  readonly heap_mib: number;
  readonly resident_mib: number;
}

/** For moments in which nothing is under way: it collects garbage. */
export async function retainedOf({ router }: Fleet): Promise<RetainedMib> {
  const retained = await router.retained();
  if (retained === null) throw new Error("the router is down");
  const { heapBytes, residentBytes } = retained;
  return { heap_mib: short(heapBytes / MEBIBYTE), resident_mib: short(residentBytes / MEBIBYTE) };
}

export interface Held {
  readonly waiting: number;
  readonly in_flight: number;
  /** By the replicas' own count. */
  readonly running: number;
}

/** Waits until nothing waits and nothing runs. Gives what does nevertheless when the time is over. */
export async function empty({ router, members }: Fleet, signal: AbortSignal): Promise<Held> {
  const deadlineMs = performance.now() + EMPTY_WITHIN_MS;
  for (;;) {
    const view = await router.view(APP);
    const running = members.reduce((sum, { replica }) => sum + replica.service.inFlight, 0);
    const held = { waiting: view?.waiting ?? -1, in_flight: view?.in_flight ?? -1, running };
    const nothing = held.waiting === 0 && held.in_flight === 0 && running === 0;
    if (nothing || performance.now() > deadlineMs) return held;
    await sleep(POLL_MS, undefined, { signal });
  }
}
