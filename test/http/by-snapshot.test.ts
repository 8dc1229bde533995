// The Fleet object is out of reach, and requests are routed by the last snapshot and by what the edge itself knows of the replicas.
import type { ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LiveRouter } from "../../bench/live/router.ts";
import { bundle } from "../../scripts/bundle.ts";
import { BOUNDS } from "../../src/limits.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

const CONCURRENCY = 2;
const QUEUE_LENGTH_MAX = 10;
/** Longer than any test of this file. */
const OUTAGE_MS = 60_000;
const HINT = { "x-fal-runner-hint": "h" };

let router: LiveRouter;
let replicas: TestReplica[] = [];
let held: ServerResponse[] = [];
let holds = false;
let app = "";
let apps = 0;
const log: string[] = [];

beforeAll(async () => {
  router = await LiveRouter.start({
    name: "by-snapshot",
    settings: {
      ALLOW_PRIVATE_ORIGINS: "true",
      HEARTBEAT_INTERVAL_MS: "60000",
      QUEUE_LENGTH_MAX: String(QUEUE_LENGTH_MAX),
    },
    bundle: bundle({ name: "chaos", folder: "bench/chaos/worker" }),
    log: (line) => log.push(line),
  });
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

/** Two replicas in the edge's snapshot, and an object that from then on fails every call. */
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

const port = () => Number(new URL(router.url).port);
const send = () => fetch(`${router.url}/${app}/x`, { headers: HINT });

async function open(count: number): Promise<Socket[]> {
  holds = true;
  return Promise.all(Array.from({ length: count }, () => rawRequest(port(), `/${app}/x`, HINT)));
}

const running = () => replicas.map((replica) => replica.running);

test("requests for one hint fill its replica, then the next", async () => {
  await open(2 * CONCURRENCY);
  await until("all are there", () => held.length === 2 * CONCURRENCY);
  expect(running()).toEqual([CONCURRENCY, CONCURRENCY]);
});

test("the log says once that the fleet is out of reach, however many requests find that", async () => {
  for (let request = 0; request < 10; request++) expect((await send()).status).toBe(200);
  const said = log.filter((line) => line.includes("out of reach") && line.includes(`"${app}"`));
  expect(said.map((line) => JSON.parse(line) as object)).toEqual([
    { message: "the fleet is out of reach; requests go by the last snapshot", app },
  ]);
});

describe("while every replica is full", () => {
  beforeEach(async () => {
    await open(2 * CONCURRENCY);
    await until("all are full", () => held.length === 2 * CONCURRENCY);
    holds = false;
  });

  /** Sends a request, and waits until the object has not answered it as often as a request asks at first. */
  async function sendAndWait(): Promise<{ readonly reply: Promise<Response> }> {
    log.length = 0;
    const reply = send();
    await until("it waits", () => log.filter((line) => line.includes("did not answer")).length >= BOUNDS.objectAttempts);
    return { reply };
  }

  test("a request waits until a replica is not full", async () => {
    const waiting = await sendAndWait();
    held[0]?.end("ok");
    const { status, headers } = await waiting.reply;
    expect([status, headers.get("x-warmpath-reason")]).toEqual([200, "snapshot_hash"]);
    expect(running().every((count) => count <= CONCURRENCY)).toBe(true);
  });

  test("a request waits until the object is back", async () => {
    const waiting = await sendAndWait();
    await fetch(`${router.url}/__chaos/${app}/throwing?ms=1`, { method: "POST" });
    const { status, headers } = await waiting.reply;
    expect([status, headers.get("x-warmpath-reason")]).toEqual([200, "hint_match"]);
  });

  test("a client that would join no queue gets 429 at once", async () => {
    const { status, headers } = await fetch(`${router.url}/${app}/x?fal_max_queue_length=0`, { headers: HINT });
    expect([status, headers.get("x-fal-error-type"), headers.get("retry-after")]).toEqual([429, "queue_full", "4"]);
  });

  test("no more wait than the queue takes", async () => {
    const many = await Promise.all(Array.from({ length: QUEUE_LENGTH_MAX + 5 }, () => rawRequest(port(), `/${app}/x`, HINT)));
    const answers = many.map((socket) => new Promise((resolve) => socket.once("data", (chunk) => resolve(String(chunk)))));
    expect(await Promise.race(answers)).toMatch(/^HTTP\/1\.1 429 /);
    for (const socket of many) socket.resetAndDestroy();
  });

  test("a request whose deadline passes gets 504", async () => {
    const { status, headers } = await fetch(`${router.url}/${app}/x`, { headers: { ...HINT, "x-fal-request-timeout": "0.6" } });
    expect([status, headers.get("x-fal-error-type")]).toEqual([504, "request_timeout"]);
  });

  test("OPTIONS, which takes no slot, is sent on", async () => {
    expect((await fetch(`${router.url}/${app}/x`, { method: "OPTIONS", headers: HINT })).status).toBe(200);
  });
});

test("requests whose clients reset are not counted for long", async () => {
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

test("a snapshot older than SNAPSHOT_MAX_AGE_MS serves nobody", async () => {
  await using cautious = await LiveRouter.start({
    name: "by-old-snapshot",
    settings: { ALLOW_PRIVATE_ORIGINS: "true", HEARTBEAT_INTERVAL_MS: "60000", SNAPSHOT_MAX_AGE_MS: "1500" },
    bundle: bundle({ name: "chaos", folder: "bench/chaos/worker" }),
  });
  const beat = { app: "ages", replica: "r", origin: replicas[0]?.origin };
  const headers = { authorization: `Bearer ${cautious.token}` };
  await fetch(`${cautious.url}/-/heartbeat`, { method: "POST", headers, body: JSON.stringify(beat) });
  const ask = () => fetch(`${cautious.url}/ages/x`, { headers: HINT });
  expect((await ask()).status).toBe(200);
  await fetch(`${cautious.url}/__chaos/ages/throwing?ms=${OUTAGE_MS}`, { method: "POST" });
  await until("the snapshot serves", async () => (await ask()).headers.get("x-warmpath-reason") === "snapshot_hash");
  let last = await ask();
  await until("it is too old", async () => (last = await ask()).status !== 200);
  expect([last.status, last.headers.get("x-fal-error-type")]).toEqual([503, "runner_scheduling_failure"]);
});
