// Runs a plan for real: the built router on workerd, replicas and clients in this process. Whatever was started has ended when it
// returns or throws.
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { bundle } from "../../scripts/bundle.ts";
import { startRouter } from "../../scripts/router-process.ts";
import { sendAll, type Answer } from "./client.ts";
import { keptConnections } from "./exchange.ts";
import { startReporting } from "./heartbeats.ts";
import { settingsOf, type Plan } from "./plan.ts";
import { startReplica, type HttpReplica } from "./replica.ts";

export interface Replayed {
  readonly answers: readonly Answer[];
  readonly heartbeats: number;
  /** Heartbeats that were refused or lost, in the router's words. */
  readonly failedHeartbeats: readonly string[];
  /** Times a replica got more requests than it takes. */
  readonly overfull: number;
}

export interface Running {
  /** 0: any free one. */
  readonly port: number;
  /** What is open after this long counts as not answered. */
  readonly limitMs: number;
  /** Interrupts everything. */
  readonly signal: AbortSignal;
  readonly log: (line: string) => void;
  readonly progress: (answered: number) => void;
}

/** In rendezvous hashing only hints and replicas count, so that the simulator's choices are the same. */
const APP = "simulated";

export async function replay(plan: Plan, { port, limitMs, signal, log, progress }: Running): Promise<Replayed> {
  await using started = new AsyncDisposableStack();
  bundle();
  const stateFolder = mkdtempSync(path.join(tmpdir(), "warmpath-replay-"));
  started.defer(() => rmSync(stateFolder, { recursive: true, force: true }));
  const token = randomBytes(16).toString("hex");
  const settings = { ...settingsOf(plan), HEARTBEAT_TOKENS: token };
  const router = await startRouter({ port, stateFolder, settings, log });
  started.defer(() => router.stop());
  const failure = new AbortController();
  void router.ended.then(() => failure.abort(new Error("workerd ended")));

  const { replicas: count, slots, concurrency, heartbeatMs, costs } = plan.fleet;
  const replicas: HttpReplica[] = [];
  for (let index = 0; index < count; index++) {
    const options = { slots, concurrency, loadMs: () => plan.coldMs };
    replicas.push(started.use(await startReplica(options, plan.router.evictAdvice)));
  }
  const over = new AbortController();
  started.defer(() => over.abort());
  const agent = keptConnections();
  started.defer(() => agent.destroy());
  const ends = [signal, failure.signal];
  const beats = await startReporting(replicas, {
    ...{ routerUrl: router.url, token, app: APP, agent, slots, concurrency, everyMs: heartbeatMs },
    signal: AbortSignal.any([...ends, over.signal]),
  });
  const limit = AbortSignal.any([...ends, AbortSignal.timeout(Math.ceil(limitMs))]);
  const answers = await sendAll(plan.workload, { appUrl: `${router.url}/${APP}`, costs, signal: limit, progress });
  signal.throwIfAborted();
  failure.signal.throwIfAborted();
  const overfull = replicas.reduce((sum, replica) => sum + replica.overfull(), 0);
  return { answers, heartbeats: beats.accepted, failedHeartbeats: beats.failed, overfull };
}
