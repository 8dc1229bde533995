// One point a client's request in Analytics Engine, however the request ends, and never at a request's cost.
import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { Socket } from "node:net";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { BUNDLE, bundle } from "../../scripts/bundle.ts";
import { freshApp } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

interface Point {
  readonly indexes: readonly string[];
  /** Reason, status class, hint, replica, method, how it ended. */
  readonly blobs: readonly string[];
  /** Waited, first byte, total: ms; status; attempts. */
  readonly doubles: readonly number[];
}

let router: TestRouter;
let replica: TestReplica;
let sockets: WebSocketServer;

beforeAll(async () => {
  router = await TestRouter.start({}, bundle({ name: "points", folder: "test/support/points" }));
  replica = await TestReplica.start((request, response) => {
    switch (request.url) {
      case "/silent":
        break;
      case "/503":
      case "/teapot":
        response.writeHead(request.url === "/503" ? 503 : 418).end("no");
        break;
      case "/large":
        response.end("x".repeat(200_000));
        break;
      case "/never":
      case "/breaks":
      case "/slow":
        response.writeHead(200, { "content-type": "text/event-stream" });
        response.write("data: 1\n\n");
        if (request.url === "/breaks") setTimeout(() => request.socket.resetAndDestroy(), 100);
        if (request.url === "/slow") setTimeout(() => response.end("data: 2\n\n"), 300);
        break;
      default:
        response.end("ok");
    }
  });
  sockets = new WebSocketServer({ server: replica.server });
  sockets.on("connection", (socket) => socket.on("message", (data) => socket.send(data)));
});
afterAll(async () => {
  sockets.close();
  for (const socket of sockets.clients) socket.terminate();
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

const pointsOf = (app: string, its = router): Point[] =>
  its.log
    .filter((line) => line.startsWith('{"message":"point"'))
    .map((line) => JSON.parse(line) as Point)
    .filter(({ indexes }) => indexes[0] === app);

async function joined(concurrency = 4): Promise<string> {
  const app = freshApp("points");
  await router.join({ app, replica: "gpu-1", origin: replica.origin, hints: ["sdxl"], concurrency });
  return app;
}

/** The points of the app, once there are so many. */
async function counted(app: string, count: number): Promise<Point[]> {
  await until(`${count} points`, () => pointsOf(app).length >= count);
  return pointsOf(app);
}

const idle = async (app: string) => {
  const { in_flight, waiting } = await router.view(app);
  return in_flight === 0 && waiting === 0;
};

async function firstBytes(socket: Socket): Promise<void> {
  await once(socket, "data");
}

test("a request is one point: where it went and why, its times, how it ended", async () => {
  const app = await joined();
  const headers = { "x-fal-runner-hint": "sdxl" };
  expect((await router.send(`/${app}/x?secret=1`, { method: "POST", headers, body: "secret" })).status).toBe(200);
  expect((await router.send(`/${app}/teapot`)).status).toBe(418);
  expect((await router.send(`/${app}/x`, { method: "HEAD" })).status).toBe(200);
  const points = await counted(app, 3);
  expect(points.map(({ blobs }) => blobs)).toEqual([
    ["hint_match", "2xx", "sdxl", "gpu-1", "POST", "complete"],
    ["least_loaded", "4xx", "", "gpu-1", "GET", "complete"],
    ["least_loaded", "2xx", "", "gpu-1", "HEAD", "complete"],
  ]);
  for (const { doubles } of points) {
    const [waitedMs = -1, firstByteMs = -1, totalMs = -1] = doubles;
    expect([waitedMs, firstByteMs >= 0, totalMs >= 0, doubles.length]).toEqual([0, true, true, 5]);
  }
  expect(points.map(({ doubles }) => doubles.slice(3))).toEqual([
    [200, 1],
    [418, 1],
    [200, 1],
  ]);
  expect(JSON.stringify(points)).not.toContain("secret");
});

test("what the router answers itself has its error, and no app if the app is not known; calls of the control plane have no point", async () => {
  const app = await joined(1);
  expect((await router.send(`/${app}/x`, { headers: { "x-fal-request-timeout": "never" } })).status).toBe(400);
  expect((await router.send("/nosuch-app/x")).status).toBe(404);
  await router.view(app);
  await until("both are there", () => pointsOf("").length >= 2);
  expect(pointsOf("").map(({ blobs, doubles }) => [blobs, doubles.slice(3)])).toEqual([
    [
      ["", "4xx", "", "", "GET", "bad_request"],
      [400, 0],
    ],
    [
      ["", "4xx", "", "", "GET", "app_not_found"],
      [404, 0],
    ],
  ]);
  expect(pointsOf(app)).toEqual([]);
});

test("a request that waits, and one that is tried again", async () => {
  const app = freshApp("points");
  await router.join({ app, replica: "gpu-1", origin: replica.origin, concurrency: 1 });
  const first = router.send(`/${app}/slow`);
  await until("it runs", async () => (await router.view(app)).in_flight === 1);
  expect((await router.send(`/${app}/x`, { headers: { "x-fal-request-timeout": "0.05" } })).status).toBe(504);
  expect((await router.send(`/${app}/x`)).status).toBe(200);
  await first;
  const points = await counted(app, 3);
  const waited = points.find(({ blobs }) => blobs[5] === "complete" && blobs[4] === "GET" && blobs[0] === "least_loaded");
  expect(points.map(({ blobs }) => blobs[5])).toEqual(expect.arrayContaining(["request_timeout", "complete"]));
  expect(waited?.doubles[4]).toBe(1);
  expect(Math.max(...points.map(({ doubles }) => doubles[0] ?? 0))).toBeGreaterThan(0);
  const again = freshApp("points");
  for (const name of ["gpu-1", "gpu-2"]) await router.join({ app: again, replica: name, origin: replica.origin, concurrency: 4 });
  expect((await router.send(`/${again}/503`)).status).toBe(503);
  expect((await counted(again, 1)).map(({ doubles }) => doubles.slice(3))).toEqual([[503, 2]]);
});

test("a stream is counted with its end", async () => {
  const app = await joined();
  const socket = await rawRequest(router.port, `/${app}/slow`);
  await firstBytes(socket);
  expect(pointsOf(app)).toEqual([]);
  const [point] = await counted(app, 1);
  expect(point?.blobs[5]).toBe("complete");
  const [, firstByteMs = 0, totalMs = 0] = point?.doubles ?? [];
  expect(totalMs).toBeGreaterThan(firstByteMs);
  socket.destroy();
});

test("clients that reset in a stream, before the headers or in the queue are counted once each, and leave no slot behind", async () => {
  const app = await joined(20);
  const streams = await Promise.all(Array.from({ length: 10 }, () => rawRequest(router.port, `/${app}/never`)));
  const silent = await Promise.all(Array.from({ length: 10 }, () => rawRequest(router.port, `/${app}/silent`)));
  await Promise.all(streams.map(firstBytes));
  await until("all run", async () => (await router.view(app)).in_flight === 20);
  const waiting = await Promise.all(Array.from({ length: 10 }, () => rawRequest(router.port, `/${app}/x`)));
  await until("the others wait", async () => (await router.view(app)).waiting === 10);
  for (const socket of waiting) socket.resetAndDestroy();
  await until("the queue is empty", async () => (await router.view(app)).waiting === 0);
  for (const socket of [...streams, ...silent]) socket.resetAndDestroy();
  await until("every slot is free", () => idle(app));
  await until("their requests are cancelled at the replica", () => replica.running === 0);
  const points = await counted(app, 30);
  const seen = new Map<string, number>();
  for (const { blobs, doubles } of points) {
    const what = `${blobs[5]} ${blobs[1]} ${doubles[3]} ${blobs[0]}`;
    seen.set(what, (seen.get(what) ?? 0) + 1);
  }
  expect(seen.get("client_gone 2xx 200 least_loaded")).toBe(10);
  expect(seen.get("client_gone 4xx 499 ")).toBe(20);
  expect(points).toHaveLength(30);
  expect((await router.send(`/${app}/x`)).status).toBe(200);
  expect(await counted(app, 31)).toHaveLength(31);
});

test("an answer that the replica breaks off", async () => {
  const app = await joined();
  const socket = await rawRequest(router.port, `/${app}/breaks`);
  const [point] = await counted(app, 1);
  expect([point?.blobs[1], point?.blobs[5]]).toEqual(["2xx", "broken"]);
  socket.destroy();
});

test("a WebSocket is counted when it is over, whoever ends it", async () => {
  const app = await joined();
  const open = async () => {
    const client = new WebSocket(`ws://127.0.0.1:${router.port}/${app}/live`);
    client.on("error", () => {});
    await once(client, "open");
    client.send("x");
    await once(client, "message");
    return client;
  };
  const [orderly, vanishing] = [await open(), await open()];
  expect(pointsOf(app)).toEqual([]);
  orderly.close(1000);
  expect((await counted(app, 1)).map(({ blobs }) => blobs[5])).toEqual(["complete"]);
  vanishing.terminate();
  expect((await counted(app, 2)).map(({ blobs, doubles }) => [blobs[1], blobs[5], doubles[3]])).toEqual([
    ["1xx", "complete", 101],
    ["1xx", "client_gone", 101],
  ]);
  await until("no slot is held", () => idle(app));
});

test("requests that the edge sends by itself are counted too, large answers with their headers", async () => {
  await using edge = await TestRouter.start({ DISPATCH: "edge" }, bundle({ name: "points", folder: "test/support/points" }));
  await edge.join({ app: "wide", replica: "gpu-1", origin: replica.origin, hints: ["sdxl"], concurrency: 64 });
  const headers = { "x-fal-runner-hint": "sdxl" };
  for (let sent = 0; sent < 40; sent++)
    expect((await edge.send(`/wide/${sent % 2 === 0 ? "large" : "x"}`, { headers })).status).toBe(200);
  await until("all are counted", () => pointsOf("wide", edge).length >= 40);
  const points = pointsOf("wide", edge);
  expect(points).toHaveLength(40);
  expect(new Set(points.map(({ blobs }) => blobs.join()))).toEqual(new Set(["hint_match,2xx,sdxl,gpu-1,GET,complete"]));
});

test("a dataset that fails costs no request, and is a line of the log", async () => {
  await router.join({ app: "unwritable", replica: "gpu-1", origin: replica.origin });
  expect((await router.send("/unwritable/x")).text).toBe("ok");
  await until("it is logged", () => router.log.some((line) => line.includes("a request could not be counted")));
  await until("the slot is free", () => idle("unwritable"));
});

test("names longer than an index may be are cut", async () => {
  const app = `long-${"x".repeat(110)}`;
  await router.join({ app, replica: "gpu-1", origin: replica.origin });
  expect((await router.send(`/${app}/x`)).status).toBe(200);
  await until("it is counted", () => pointsOf(app.slice(0, 96)).length === 1);
});

test("with the real binding, and without one, requests are served", async () => {
  for (const analyticsEngineDatasets of [{ ANALYTICS: { dataset: "warmpath" } }, {}]) {
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        modules: [{ type: "ESModule", path: "index.js", contents: readFileSync(BUNDLE, "utf8") }],
        compatibilityDate: "2026-11-02",
        durableObjects: {
          FLEET: { className: "Fleet", useSQLite: true },
          DIRECTORY: { className: "Directory", useSQLite: true },
        },
        bindings: { HEARTBEAT_TOKENS: "t", ALLOW_PRIVATE_ORIGINS: true, HEARTBEAT_INTERVAL_MS: 60_000 },
        analyticsEngineDatasets,
      }),
    );
    try {
      const beat = { app: "a", replica: "r", origin: replica.origin };
      const headers = { authorization: "Bearer t" };
      await miniflare.dispatchFetch("http://router/-/heartbeat", { method: "POST", headers, body: JSON.stringify(beat) });
      const reply = await miniflare.dispatchFetch("http://router/a/x");
      expect([reply.status, await reply.text()]).toEqual([200, "ok"]);
    } finally {
      await miniflare.dispose();
    }
  }
});
