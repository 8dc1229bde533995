// A fleet that beats by WebSocket while nothing waits or runs: its Fleet object leaves memory, and comes back knowing every replica. Plain workerd
// hibernates objects after 10 s without an event, as Cloudflare does.
import { afterAll, beforeAll, expect, test } from "vitest";
import { HeartbeatSocket } from "../support/heartbeat-socket.ts";
import { readOpenMetrics, valueIn } from "../support/openmetrics.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

/** Longer than the time without an event after which the runtime hibernates an object. */
const IDLE_MS = 13_000;

let router: TestRouter;
let replica: TestReplica;
beforeAll(async () => {
  router = await TestRouter.start();
  replica = await TestReplica.start((request, response) => {
    response.writeHead(200).flushHeaders();
    setTimeout(() => response.end("served"), request.url === "/long" ? IDLE_MS + 3000 : 0);
  });
});
afterAll(async () => {
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

const report = (app: string, sequence: number) => ({ app, replica: "r", origin: replica.origin, hints: ["m"], sequence });

async function servedAt(app: string, path = "x"): Promise<void> {
  const reply = await router.send(`/${app}/${path}`, { headers: { "x-fal-runner-hint": "m" } });
  expect([reply.status, reply.text]).toEqual([200, "served"]);
}

/** As the metrics count. */
async function servedInAll(app: string): Promise<number> {
  const families = readOpenMetrics((await router.admin("/-/metrics")).text);
  return valueIn(families, "warmpath_requests_total", { app, reason: "hint_match", outcome: "success" });
}

const granted = async (app: string) => (await router.view(app)).counters.granted["hint_match"];

test("the object is out of memory only if every replica beats by WebSocket and no request runs", async () => {
  const sockets = new Map<string, HeartbeatSocket>();
  for (const app of ["asleep", "running"]) {
    const socket = await HeartbeatSocket.open(router, app);
    expect(await socket.ask(report(app, 1))).toHaveProperty("next_heartbeat_ms");
    sockets.set(app, socket);
  }
  expect((await router.beat(report("by-post", 1))).status).toBe(200);
  await servedAt("asleep");
  await servedAt("by-post");
  await until("a scrape knows", async () => (await servedInAll("asleep")) === 1);
  const runs = servedAt("running", "long");
  await until("it runs", async () => (await router.view("running")).in_flight === 1);
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));

  // The scrape has not kept the object awake, and its counters are stored. Those of the view are in memory only.
  expect(await servedInAll("asleep")).toBe(1);
  expect([await granted("asleep"), await granted("by-post"), await granted("running")]).toEqual([0, 1, 1]);
  expect((await router.view("running")).in_flight).toBe(1);
  await runs;
  const [known] = (await router.view("asleep")).replicas;
  expect(known).toMatchObject({ replica: "r", hints: ["m"], in_flight: 0 });
  expect(known?.expires_in_ms).toBeLessThan(180_000 - IDLE_MS);
  const asleep = sockets.get("asleep");
  expect(asleep?.messages).toHaveLength(1);
  expect(await asleep?.ask(report("asleep", 1))).toMatchObject({ status: 409, error_type: "stale_heartbeat" });
  expect(await asleep?.ask(report("asleep", 2))).toHaveProperty("next_heartbeat_ms");
  await servedAt("asleep");
});
