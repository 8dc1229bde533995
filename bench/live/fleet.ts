// A live fleet: replicas that serve and send reports to a live router. Put together, a run of any kind looks like this:
//
//   await using started = new AsyncDisposableStack();
//   bundle();                                                                    // scripts/bundle.ts
//   const router = started.use(await LiveRouter.start({ name: "soak", settings }));
//   const fleet = started.use(await startFleet({ router, replicas, heartbeatMs, seed }));
//   await untilWhole(fleet, withinMs, signal);
//   const memory = started.use(new MemorySampler(() => router.pid, 1000));
//   await sendOpenLoop(requests, { way, signal, onCame });                       // each at its time; what came of it: sending.ts
//
// Faults: `member.replica.trouble`, `.freeze()`, `.thaw()`, `.cut()`, `.die()`, `.revive()`; `member.heartbeats.disturbance`, `.status`, `.pause()`,
// `.resume()`; `router.kill()`, `.restart()`. What a replica ran comes to `onRun`, what it was answered as a report to `onBeat`.
import { setTimeout as sleep } from "node:timers/promises";
import { keptConnections } from "./exchange.ts";
import { Heartbeats, type Beat } from "./heartbeats.ts";
import { LiveReplica, type ReplicaOptions } from "./replica.ts";
import type { LiveRouter } from "./router.ts";

/** A replica and its reports. */
export interface Member {
  readonly replica: LiveReplica;
  readonly heartbeats: Heartbeats;
}

export interface Fleet extends AsyncDisposable {
  readonly router: LiveRouter;
  readonly members: readonly Member[];
  member(app: string, replica: string): Member;
}

export interface FleetOptions {
  readonly router: LiveRouter;
  readonly replicas: readonly ReplicaOptions[];
  /** How often they report, whatever the router asks for. */
  readonly heartbeatMs: number;
  /** Of what is drawn for disturbed reports. */
  readonly seed: number;
  readonly onBeat?: (beat: Beat) => void;
}

const POLL_MS = 100;

/** Every replica has sent its first report when this returns. */
export async function startFleet({ router, replicas, heartbeatMs, seed, onBeat }: FleetOptions): Promise<Fleet> {
  await using started = new AsyncDisposableStack();
  const agent = keptConnections();
  started.defer(() => agent.destroy());
  const members: Member[] = [];
  for (const [index, its] of replicas.entries()) {
    const replica = started.use(await LiveReplica.start(its));
    const heard = onBeat === undefined ? {} : { onBeat };
    const heartbeats = started.use(
      new Heartbeats(replica, { router, agent, everyMs: heartbeatMs, seed: seed + index, ...heard }),
    );
    await heartbeats.start();
    members.push({ replica, heartbeats });
  }
  const all = started.move();
  return {
    router,
    members,
    member(app, id) {
      const found = members.find(({ replica }) => replica.options.app === app && replica.options.replica === id);
      if (found === undefined) throw new Error(`there is no replica ${id} of ${app}`);
      return found;
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

/** Waits until the router knows the whole fleet. Gives what is missing where it does not in time. */
export async function untilWhole(fleet: Fleet, withinMs: number, signal: AbortSignal): Promise<readonly string[]> {
  const deadlineMs = performance.now() + withinMs;
  for (;;) {
    const missing = await missingOf(fleet);
    if (missing.length === 0 || performance.now() > deadlineMs) return missing;
    await sleep(POLL_MS, undefined, { signal });
  }
}

/** What the router still lacks to know the whole fleet: every replica listed, ready, not passed over. Empty: nothing. */
async function missingOf({ router, members }: Fleet): Promise<string[]> {
  const missing: string[] = [];
  for (const app of new Set(members.map(({ replica }) => replica.options.app))) {
    const view = await router.view(app);
    for (const { replica } of members) {
      const { app: its, replica: id } = replica.options;
      if (its !== app) continue;
      const seen = view?.replicas.find((each) => each.replica === id);
      if (seen === undefined) missing.push(`${app} ${id} is not listed`);
      else if (seen.incarnation !== replica.incarnation) missing.push(`${app} ${id} is listed with an incarnation of before`);
      else if (seen.status !== "ready" || seen.drained) missing.push(`${app} ${id} is ${seen.drained ? "drained" : seen.status}`);
      else if (seen.ejected_for_ms > 0 || seen.on_probation === true) missing.push(`${app} ${id} is passed over`);
    }
  }
  return missing;
}
