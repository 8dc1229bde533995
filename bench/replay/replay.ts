// Runs a plan for real: the built router on workerd, replicas and clients in this process. Whatever was started has ended when it
// returns or throws.
import { bundle } from "../../scripts/bundle.ts";
import { keptConnections } from "../live/exchange.ts";
import { LiveRouter } from "../live/router.ts";
import { sendAll, type Answer } from "./client.ts";
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
  const router = await LiveRouter.start({ name: "replay", port, settings: settingsOf(plan), log });
  started.use(router);

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
  const ends = [signal, router.failure];
  const beats = await startReporting(replicas, {
    ...{ routerUrl: router.url, token: router.token, app: APP, agent, slots, concurrency, everyMs: heartbeatMs },
    signal: AbortSignal.any([...ends, over.signal]),
  });
  const limit = AbortSignal.any([...ends, AbortSignal.timeout(Math.ceil(limitMs))]);
  const answers = await sendAll(plan.workload, { appUrl: `${router.url}/${APP}`, costs, signal: limit, progress });
  signal.throwIfAborted();
  router.failure.throwIfAborted();
  const overfull = replicas.reduce((sum, replica) => sum + replica.overfull(), 0);
  return { answers, heartbeats: beats.accepted, failedHeartbeats: beats.failed, overfull };
}
