// The ways that are compared: what stands before the replicas. Each starts with replicas that have nothing in memory.
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { onPath } from "../../../bench/http/child.ts";
import { cpuMs } from "../../../bench/live/machine.ts";
import { LiveRouter } from "../../../bench/live/router.ts";
import { startNginx } from "./nginx.ts";
import { startReplicas, type Fleet } from "./replicas.ts";
import { startRoundRobin } from "./round-robin.ts";

/** What an operator would give as COLD_START_MS: about what a load takes on a machine that does nothing else. */
const LOAD_MS = 150;
const POLL_MS = 50;
const READY_WITHIN_MS = 15_000;

export interface Size {
  readonly replicas: number;
  /** Languages in memory at once. */
  readonly slots: number;
}

export interface Front extends AsyncDisposable {
  /** Pages are posted there, with ?language=. */
  readonly url: string;
  readonly fleet: Fleet;
  /** CPU time of what stands before the replicas; null: it is a part of this process. */
  readonly cpuMs: () => number | null;
}

export interface Way {
  readonly name: string;
  readonly start: (size: Size, signal: AbortSignal) => Promise<Front>;
}

/** Without nginx: a round robin of the example's own, and nothing in the place of the others. */
export function ways(): { readonly ways: readonly Way[]; readonly notice: string | null } {
  const warmpath: Way = { name: "Warmpath", start: startWarmpath };
  if (!onPath("nginx")) {
    const notice =
      "nginx is not installed: a round robin of this example's own stands in for nginx's, and the other ways of nginx are left out.";
    return { ways: [warmpath, { name: "round robin, no nginx", start: behindRoundRobin }], notice };
  }
  const nginx = (method: string, directive: string): Way => ({
    name: `nginx, ${method}`,
    start: (size, signal) => behindNginx(directive, size, signal),
  });
  const others = [nginx("round robin", ""), nginx("least_conn", "least_conn;"), nginx("hash", "hash $arg_language consistent;")];
  return { ways: [warmpath, ...others], notice: null };
}

async function startWarmpath({ replicas, slots }: Size, signal: AbortSignal): Promise<Front> {
  await using started = new AsyncDisposableStack();
  const settings = { ALLOW_PRIVATE_ORIGINS: "true", COLD_START_MS: String(LOAD_MS) };
  const router = started.use(await LiveRouter.start({ name: "ocr", settings }));
  const fleet = started.use(
    await startReplicas(replicas, slots, { ROUTER_URL: router.url, HEARTBEAT_TOKEN: router.token }, signal),
  );
  const deadlineMs = performance.now() + READY_WITHIN_MS;
  for (;;) {
    const view = await router.view("ocr");
    if (view?.replicas.filter(({ status }) => status === "ready").length === replicas) break;
    if (performance.now() > deadlineMs) throw new Error("the router does not list the replicas as ready");
    await sleep(POLL_MS, undefined, { signal });
  }
  return front(`${router.url}/ocr/`, fleet, () => cpuMs(router.pid), started.move());
}

async function behindNginx(directive: string, { replicas, slots }: Size, signal: AbortSignal): Promise<Front> {
  await using started = new AsyncDisposableStack();
  const fleet = started.use(await startReplicas(replicas, slots, {}, signal));
  const nginx = started.use(await startNginx(directive, fleet.origins, signal));
  return front(nginx.url, fleet, () => cpuMs(nginx.pid), started.move());
}

async function behindRoundRobin({ replicas, slots }: Size, signal: AbortSignal): Promise<Front> {
  await using started = new AsyncDisposableStack();
  const fleet = started.use(await startReplicas(replicas, slots, {}, signal));
  const server = started.adopt(startRoundRobin(fleet.origins), (its) => {
    its.closeAllConnections();
    its.close();
  });
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the round robin listens nowhere");
  return front(`http://127.0.0.1:${address.port}/`, fleet, () => null, started.move());
}

function front(url: string, fleet: Fleet, cpuMs: () => number | null, started: AsyncDisposableStack): Front {
  return { url, fleet, cpuMs, [Symbol.asyncDispose]: () => started.disposeAsync() };
}
