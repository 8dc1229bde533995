// The router's process is killed and started again on the same state folder.
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { ADMIN, TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

let router: TestRouter;
let replica: TestReplica;
beforeAll(async () => {
  router = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "500" });
  replica = await TestReplica.start((request, response) => {
    if (request.url !== "/hang") response.end("ok");
  });
});
afterAll(async () => {
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

test("the fleet is there again, hints and drain included, and serves without a heartbeat", async () => {
  await router.join({
    app: "back",
    replica: "a",
    origin: replica.origin,
    hints: ["sdxl"],
    hint_slots: 3,
    concurrency: 2,
    incarnation: 7,
  });
  await router.join({ app: "back", replica: "b", origin: replica.origin, hints: ["flux"], concurrency: 2 });
  await router.admin("/-/apps/back/replicas/b/drain", "POST");
  await router.restart();
  const reply = await router.send("/back/x", { headers: { "x-fal-runner-hint": "sdxl" } });
  expect([reply.status, reply.headers["x-fal-served-from"]]).toEqual([200, "a"]);
  const view = await router.view("back");
  expect(view.replicas).toMatchObject([
    { replica: "a", hints: ["sdxl"], concurrency: 2, drained: false },
    { replica: "b", hints: ["flux"], drained: true },
  ]);
});

test("after the restart the first sequence is believed, a lower incarnation is not", async () => {
  await router.join({ app: "seq", replica: "a", origin: replica.origin, incarnation: 7, sequence: 100 });
  await router.restart();
  expect((await router.beat({ app: "seq", replica: "a", origin: replica.origin, incarnation: 6 })).status).toBe(409);
  expect((await router.beat({ app: "seq", replica: "a", origin: replica.origin, incarnation: 7, sequence: 3 })).status).toBe(200);
});

test("a replica that went away with the router is gone one time to live after the restart", async () => {
  await router.join({ app: "gone", replica: "a", origin: replica.origin });
  await router.restart();
  expect((await router.view("gone")).replicas.length).toBe(1);
  await until("the replica has expired", async () => (await router.admin("/-/apps/gone")).status === 404);
  const { apps } = (await router.admin("/-/apps")).json<{ apps: { app: string }[] }>();
  expect(apps.map(({ app }) => app)).not.toContain("gone");
  expect((await router.send("/gone/x")).status).toBe(503);
});

test("requests that a replica still runs for the router of before take their slots until it reports them gone", async () => {
  await router.join({ app: "busy", replica: "a", origin: replica.origin, concurrency: 2 });
  await rawRequest(router.port, "/busy/hang");
  await until("the request runs", async () => (await router.view("busy")).in_flight === 1);
  await router.restart();
  await router.join({ app: "busy", replica: "a", origin: replica.origin, concurrency: 2, in_flight: 1 });
  expect((await router.view("busy")).replicas[0]?.in_flight).toBe(1);
  await router.join({ app: "busy", replica: "a", origin: replica.origin, concurrency: 2, in_flight: 0 });
  expect((await router.view("busy")).replicas[0]?.in_flight).toBe(0);
});

test("clients served, killed and restarted ten times: nothing but broken connections, and no slot left", async () => {
  const statuses = new Map<number, number>();
  let stop = false;
  const beating = (async () => {
    while (!stop) {
      await router.beat({ app: "many", replica: "a", origin: replica.origin, hints: ["m"], concurrency: 4 }).catch(() => {});
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  })();
  await until("the replica is there", async () => (await router.admin("/-/apps/many").catch(() => null))?.status === 200);
  const client = async () => {
    while (!stop) {
      const reply = await router.send("/many/x", { headers: { "x-fal-runner-hint": "m" } }).catch(() => null);
      const status = reply?.status ?? 0;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (reply === null) await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  const clients = Array.from({ length: 4 }, client);
  for (let kill = 0; kill < 10; kill++) {
    const served = statuses.get(200) ?? 0;
    await until("requests are served", () => (statuses.get(200) ?? 0) > served + 20);
    await router.restart();
  }
  stop = true;
  await Promise.all([...clients, beating]);
  expect([...statuses.keys()].filter((status) => status !== 200 && status !== 0)).toEqual([]);
  expect((await router.view("many")).in_flight).toBe(0);
  expect(replica.most).toBeLessThanOrEqual(5);
});

test("what the settings do not admit any more is not restored, and gets nothing", async () => {
  await using router = await TestRouter.start();
  await using replica = await TestReplica.start();
  await router.join({ app: "narrowed", replica: "r", origin: replica.origin });
  expect((await router.send("/narrowed/x")).status).toBe(200);
  await router.restart(async () => {}, { ALLOW_PRIVATE_ORIGINS: "false", ORIGIN_ALLOW: "*.gpu.example.com" });
  const refused = await router.send("/narrowed/x?fal_max_queue_length=0");
  expect([refused.status, refused.headers["x-fal-error-type"]]).toEqual([429, "queue_full"]);
  await until("the Directory knows that it has left", async () => {
    const listed = await router.send("/-/apps", { headers: { authorization: `Bearer ${ADMIN}` } });
    return !listed.text.includes("narrowed");
  });
  expect(replica.received).toHaveLength(1);
  expect(router.log.filter((line) => line.includes("not admitted any more"))).toHaveLength(1);
});
