// Replicas that stop in the middle of an answer. The bytes that were sent are passed on, and the router waits for the rest at most IDLE_TIMEOUT_MS.
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { openRequest } from "../support/wire.ts";

const IDLE_MS = 600;
/** More than the sockets under way can hold. */
const LARGE = 48_000_000;

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start({ IDLE_TIMEOUT_MS: String(IDLE_MS) });
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

let apps = 0;

/** An app with one replica, which gives this answer. */
async function appOf(answer: (response: ServerResponse) => unknown, through: TestRouter = router) {
  const replica = await TestReplica.start((_request, response) => answer(response));
  const app = `stalled-${++apps}`;
  await through.join({ app, replica: "r", origin: replica.origin, concurrency: 8 });
  const open = async () => {
    const client = openRequest(through.port, `/${app}/x`);
    client.outgoing.end();
    return client.response;
  };
  const broken = async () => (await through.view(app)).counters.failed["broken"];
  const idle = () => until("the slot is free", async () => (await through.view(app)).in_flight === 0);
  return { app, open, broken, idle, [Symbol.asyncDispose]: () => replica[Symbol.asyncDispose]() };
}

/** The part of a body that came, and whether the body ended properly. */
async function bodyOf(response: IncomingMessage): Promise<{ readonly bytes: number; readonly complete: boolean }> {
  let bytes = 0;
  response.on("data", (chunk: Buffer) => (bytes += chunk.length));
  const ended = new Promise((resolve) => response.once("close", resolve));
  response.on("error", () => {});
  await ended;
  return { bytes, complete: response.complete };
}

describe("an answer that stalls", () => {
  test.each<[string, Record<string, string>]>([
    ["short", { "content-length": "10" }],
    ["long", { "content-length": "500000" }],
    ["of unknown length", {}],
  ])("%s: what there is comes at once, then a truncation, and the replica has failed", async (_, headers) => {
    await using its = await appOf((response) => response.writeHead(200, headers).write("abc"));
    const sentAtMs = Date.now();
    const response = await its.open();
    // This comes long before IDLE_TIMEOUT_MS is over.
    expect([response.statusCode, Date.now() - sentAtMs < IDLE_MS / 2]).toEqual([200, true]);
    expect(await bodyOf(response)).toEqual({ bytes: 3, complete: false });
    expect(Date.now() - sentAtMs).toBeGreaterThanOrEqual(IDLE_MS);
    await its.idle();
    expect(await its.broken()).toBe(1);
    const [replica] = (await router.view(its.app)).replicas;
    expect(replica?.last_error).toMatchObject({ kind: "broken", detail: "stalled" });
  });

  test("without a byte of its body: the headers come all the same", async () => {
    await using its = await appOf((response) => response.writeHead(200, { "content-length": "10" }).flushHeaders());
    const response = await its.open();
    expect(response.statusCode).toBe(200);
    expect(await bodyOf(response)).toEqual({ bytes: 0, complete: false });
    await its.idle();
    expect(await its.broken()).toBe(1);
  });

  test("three in a row eject", async () => {
    await using its = await appOf((response) => response.writeHead(200).write("abc"));
    for (let n = 0; n < 3; n++) {
      expect((await router.view(its.app)).counters.ejected).toBe(0);
      await bodyOf(await its.open());
      await its.idle();
    }
    expect((await router.view(its.app)).counters.ejected).toBe(1);
  });

  test("is cut off at the replica too", async () => {
    const closed = Promise.withResolvers<boolean>();
    await using its = await appOf((response) => {
      response.on("close", () => closed.resolve(response.writableFinished));
      response.writeHead(200).write("abc");
    });
    await bodyOf(await its.open());
    expect(await closed.promise).toBe(false);
  });

  test("with IDLE_TIMEOUT_MS=0 goes on for as long as its client waits", async () => {
    await using patient = await TestRouter.start({ IDLE_TIMEOUT_MS: "0" });
    let goOn = () => {};
    await using its = await appOf((response) => {
      response.writeHead(200, { "content-length": "6" }).write("abc");
      goOn = () => response.end("def");
    }, patient);
    const response = await its.open();
    await sleep(2 * IDLE_MS);
    goOn();
    expect(await bodyOf(response)).toEqual({ bytes: 6, complete: true });
    expect(await its.broken()).toBe(0);
  });
});

describe("no stall is", () => {
  test("an answer that goes on now and then, for longer in all", async () => {
    await using its = await appOf(async (response) => {
      response.writeHead(200);
      for (let n = 0; n < 8; n++) {
        response.write("tick");
        await sleep(IDLE_MS / 4);
      }
      response.end();
    });
    expect(await bodyOf(await its.open())).toEqual({ bytes: 32, complete: true });
    expect(await its.broken()).toBe(0);
  });

  test.each<[string, Record<string, string>]>([
    ["known", { "content-length": String(LARGE) }],
    ["unknown", {}],
  ])("a client that reads slowly, where the length is %s", async (_, headers) => {
    await using its = await appOf((response) => response.writeHead(200, headers).end(Buffer.alloc(LARGE)));
    const response = await its.open();
    await once(response, "readable");
    await sleep(3 * IDLE_MS);
    expect(await bodyOf(response)).toEqual({ bytes: LARGE, complete: true });
    expect(await its.broken()).toBe(0);
  });

  test("a client that goes meanwhile: nobody has failed", async () => {
    await using its = await appOf((response) => response.writeHead(200).write("abc"));
    const response = await its.open();
    response.socket.resetAndDestroy();
    await its.idle();
    expect(await its.broken()).toBe(0);
  });
});
