// Clients that reset while they wait, before headers, or in the middle of a stream. Every slot is free afterwards, and the replica's request is
// cancelled.
import { connect, type Socket } from "node:net";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { BOUNDS } from "../../src/limits.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

const CLIENTS = 300;

let router: TestRouter;
const replicas: TestReplica[] = [];

beforeAll(async () => {
  router = await TestRouter.start();
});
afterEach(async () => {
  for (const replica of replicas.splice(0)) await replica[Symbol.asyncDispose]();
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

async function start(...args: Parameters<typeof TestReplica.start>): Promise<TestReplica> {
  const replica = await TestReplica.start(...args);
  replicas.push(replica);
  return replica;
}

test("300 clients that reset while they wait leave the queue and no slot behind", async () => {
  const replica = await start((_request, response) => void setImmediate(() => response.flushHeaders()));
  await router.join({ app: "wait", replica: "r", origin: replica.origin });
  const holder = await rawRequest(router.port, "/wait/hold");
  await until("the only slot is taken", async () => (await router.view("wait")).in_flight === 1);
  const sockets = await Promise.all(
    Array.from({ length: CLIENTS }, () => rawRequest(router.port, "/wait/x", { "x-fal-runner-hint": "m" })),
  );
  await until("all wait", async () => (await router.view("wait")).waiting === CLIENTS);
  resetAll(sockets);
  await until("the queue is empty", async () => (await router.view("wait")).waiting === 0);
  holder.resetAndDestroy();
  await until("the slot is free", async () => (await router.view("wait")).in_flight === 0);
  expect(replica.received.length).toBe(1);
  expect(replica.most).toBe(1);
});

test("300 clients that reset while they stream leave no slot behind, and their requests are cancelled", async () => {
  const replica = await start((_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: 1\n\n");
  });
  await router.join({ app: "stream", replica: "r", origin: replica.origin, concurrency: CLIENTS });
  const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => rawRequest(router.port, "/stream/x")));
  await Promise.all(sockets.map(firstEvent));
  expect((await router.view("stream")).in_flight).toBe(CLIENTS);
  resetAll(sockets);
  await until("every slot is free", async () => (await router.view("stream")).in_flight === 0);
  await until("every request is cancelled at the replica", () => replica.running === 0);
  expect(replica.aborted).toBe(CLIENTS);
});

test("300 clients that reset before the headers leave no slot behind, and their requests are cancelled", async () => {
  const replica = await start(() => {});
  await router.join({ app: "silent", replica: "r", origin: replica.origin, concurrency: CLIENTS });
  const sockets = await Promise.all(Array.from({ length: CLIENTS }, () => rawRequest(router.port, "/silent/x")));
  await until("all are at the replica", () => replica.running === CLIENTS);
  resetAll(sockets);
  await until("every slot is free", async () => (await router.view("silent")).in_flight === 0);
  await until("every request is cancelled at the replica", () => replica.running === 0);
});

test("bodies of clients that reset take no memory from other clients' retries for long", async () => {
  const bodyBytes = 1_000_000;
  const tooMany = Math.ceil(BOUNDS.keptBytesPerIsolate / bodyBytes);
  await router.join({ app: "kept", replica: "r", origin: "http://127.0.0.1:9" });
  const sockets = Array.from({ length: tooMany }, () => connect({ port: router.port, host: "127.0.0.1" }));
  for (const socket of sockets) {
    socket.on("error", () => {});
    socket.write(`POST /kept/x HTTP/1.1\r\nHost: r\r\nContent-Length: ${bodyBytes}\r\n\r\n`);
  }
  const good = await start();
  const bad = await start((_request, response) => response.writeHead(503).end());
  let apps = 0;
  const isTriedAgain = async () => {
    const app = `retried-${++apps}`;
    await router.join({ app, replica: "bad", origin: bad.origin, hints: ["h"] });
    await router.join({ app, replica: "good", origin: good.origin, hints: [] });
    const body = "x".repeat(bodyBytes);
    return (await router.send(`/${app}/x`, { method: "POST", headers: { "x-fal-runner-hint": "h" }, body })).status === 200;
  };
  await until("the router waits for every body", async () => !(await isTriedAgain()));
  resetAll(sockets);
  await until("a body is kept again", isTriedAgain);
});

test("clients that reset at random moments leave nothing behind", async () => {
  const replica = await start((_request, response) => {
    response.writeHead(200).write("x");
    setImmediate(() => response.end("y".repeat(100_000)));
  });
  await router.join({ app: "mixed", replica: "r", origin: replica.origin, concurrency: 4 });
  for (let round = 0; round < 10; round++) {
    const sockets = await Promise.all(Array.from({ length: 30 }, () => rawRequest(router.port, "/mixed/x")));
    for (const [index, socket] of sockets.entries()) {
      for (let turn = 0; turn < index % 5; turn++) await new Promise((resolve) => setImmediate(resolve));
      socket.resetAndDestroy();
    }
  }
  await until("nothing waits or runs", async () => {
    const { waiting, in_flight: inFlight } = await router.view("mixed");
    return waiting === 0 && inFlight === 0;
  });
  expect(replica.most).toBeLessThanOrEqual(4);
  expect((await router.send("/mixed/after")).status).toBe(200);
});

test("a client that closes in an orderly way in mid-stream frees its slot with the replica's next bytes", async () => {
  const replica = await start((_request, response) => {
    response.writeHead(200);
    const timer = setInterval(() => response.write("data\n"), 10);
    response.on("close", () => clearInterval(timer));
  });
  await router.join({ app: "fin", replica: "r", origin: replica.origin });
  const socket = await rawRequest(router.port, "/fin/x");
  await firstEvent(socket);
  socket.destroy();
  await until("the slot is free", async () => (await router.view("fin")).in_flight === 0);
  await until("the request is cancelled at the replica", () => replica.running === 0);
});

function firstEvent(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.on("data", (chunk: Buffer) => {
      if (chunk.includes("data")) resolve();
    });
    socket.once("close", () => reject(new Error("closed before the first event")));
  });
}

function resetAll(sockets: readonly Socket[]): void {
  for (const socket of sockets) socket.resetAndDestroy();
}
