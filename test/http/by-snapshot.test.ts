// The Fleet object is out of reach, and requests are routed by the last snapshot: within what the edge itself knows of the replicas.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { LiveRouter } from "../../bench/live/router.ts";
import { bundle } from "../../scripts/bundle.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

const CONCURRENCY = 2;
/** Longer than any test here. */
const OUTAGE_MS = 60_000;
const HINT = { "x-fal-runner-hint": "h" };

let router: LiveRouter;
let replicas: TestReplica[] = [];
let held: ServerResponse[] = [];
let holds = false;
let app = "";
let apps = 0;

beforeAll(async () => {
  router = await LiveRouter.start({
    name: "by-snapshot",
    settings: { ALLOW_PRIVATE_ORIGINS: "true", HEARTBEAT_INTERVAL_MS: "60000" },
    bundle: bundle({ name: "chaos", folder: "bench/chaos/worker" }),
  });
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

/** Two replicas that the edge has a snapshot of, and an object that fails every call from then on. */
beforeEach(async () => {
  app = `cut-off-${++apps}`;
  [held, holds] = [[], false];
  const answer = (_request: unknown, response: ServerResponse) => {
    if (holds) held.push(response);
    else response.end("ok");
  };
  replicas = [await TestReplica.start(answer), await TestReplica.start(answer)];
  for (const [index, { origin }] of replicas.entries()) {
    const beat = { app, replica: `r${index}`, origin, concurrency: CONCURRENCY };
    const headers = { authorization: `Bearer ${router.token}` };
    const reply = await fetch(`${router.url}/-/heartbeat`, { method: "POST", headers, body: JSON.stringify(beat) });
    expect(reply.status).toBe(200);
  }
  expect((await send()).status).toBe(200);
  await fetch(`${router.url}/__chaos/${app}/throwing?ms=${OUTAGE_MS}`, { method: "POST" });
  await until("the snapshot serves", async () => (await send()).headers.get("x-warmpath-reason") === "snapshot_hash");
});
afterEach(async () => {
  for (const replica of replicas) await replica[Symbol.asyncDispose]();
});

const send = () => fetch(`${router.url}/${app}/x`, { headers: HINT });

async function open(count: number): Promise<Socket[]> {
  holds = true;
  return Promise.all(Array.from({ length: count }, () => rawRequest(Number(new URL(router.url).port), `/${app}/x`, HINT)));
}

const running = () => replicas.map((replica) => replica.running);

test("requests for one hint fill its replica, then the next", async () => {
  const sockets = await open(2 * CONCURRENCY);
  await until("all are there", () => held.length === 2 * CONCURRENCY);
  expect(running()).toEqual([CONCURRENCY, CONCURRENCY]);
  for (const socket of sockets) socket.destroy();
});

test("those whose clients reset are not counted for long", async () => {
  const sockets = await open(CONCURRENCY);
  await until("one replica is full", () => running().includes(CONCURRENCY));
  const owner = running().indexOf(CONCURRENCY);
  for (const socket of sockets) socket.resetAndDestroy();
  await until("they are over", () => replicas[owner]?.running === 0);
  holds = false;
  const served = async () => (await send()).headers.get("x-fal-served-from");
  expect(await served()).toBe(`r${1 - owner}`);
  await until("the owner serves again", async () => (await served()) === `r${owner}`);
});

test("a dead replica costs one request a second attempt, not each", async () => {
  const owner = replicas.findIndex((replica) => replica.received.length > 0);
  await replicas[owner]?.[Symbol.asyncDispose]();
  for (let n = 0; n < 2 * LIMITS.retryReserveLeast; n += 10) {
    for (const { status, headers } of await Promise.all(Array.from({ length: 10 }, send))) {
      expect([status, headers.get("x-fal-served-from")]).toEqual([200, `r${1 - owner}`]);
    }
  }
});
