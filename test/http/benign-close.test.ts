// Replicas that close idle connections, just as the next request comes by one: the request is sent again to the same replica, which has failed
// nothing.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { expectProblem, freshApp } from "../support/conformance.ts";
import { TestReplica, type Answer } from "../support/replica.ts";
import { TestRouter, type Sending } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start();
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

/**
 * Answers the first requests of each connection: all of one round. When one of a later round comes, all that have been used before that round
 * end, as where their time ran out together.
 */
function closesWhenUsedAgain(round: () => unknown = () => ({})): Answer {
  const used = new Map<Socket, unknown>();
  return ({ socket }, response) => {
    const now = round();
    if (!used.has(socket) || used.get(socket) === now) {
      used.set(socket, now);
      response.end("ok");
      return;
    }
    for (const [each, then] of used) {
      if (then === now) continue;
      each.destroy();
      used.delete(each);
    }
  };
}

async function lone(answer: Answer) {
  const replica = await TestReplica.start(answer);
  const app = freshApp("idle");
  await router.join({ app, replica: "r", origin: replica.origin, concurrency: 16 });
  const send = (sending: Sending = {}) => router.send(`/${app}/x`, sending);
  const failures = async () => {
    await until("all slots are free", async () => (await router.view(app)).in_flight === 0);
    const { counters, replicas } = await router.view(app);
    const failed = Object.entries(counters.failed).filter(([, count]) => count > 0);
    return { failed: Object.fromEntries(failed), ejected: counters.ejected, error: replicas[0]?.last_error };
  };
  return { app, replica, send, failures, [Symbol.asyncDispose]: () => replica[Symbol.asyncDispose]() };
}

const NOTHING = { failed: {}, ejected: 0, error: null };

test.each<[string, Sending]>([
  ["GET", {}],
  ["POST", { method: "POST", body: "abc" }],
  ["DELETE", { method: "DELETE" }],
])("%s one after the other: all are served, and the replica has failed nothing", async (_, sending) => {
  await using its = await lone(closesWhenUsedAgain());
  for (let n = 0; n < 6; n++) expect((await its.send(sending)).status).toBe(200);
  expect(await its.failures()).toEqual(NOTHING);
  const bodies = its.replica.received.map(({ body }) => body.toString());
  expect(new Set(bodies)).toEqual(new Set([sending.body ?? ""]));
});

test("four at a time, whose connections are all closed at once: all are served, and nobody is ejected", async () => {
  let round = 0;
  await using its = await lone(closesWhenUsedAgain(() => round));
  for (; round < 10; round++) {
    const replies = await Promise.all(Array.from({ length: 4 }, () => its.send({ method: "POST", body: "abc" })));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  }
  expect((await its.failures()).ejected).toBe(0);
});

test("six connections that are each found closed when they are used again: nobody is ejected, and they are used up", async () => {
  const used = new Set<Socket>();
  await using its = await lone(({ socket }, response) => {
    if (used.has(socket)) return socket.destroy();
    used.add(socket);
    return void setTimeout(() => response.end("ok"), 100);
  });
  await Promise.all(Array.from({ length: 6 }, () => its.send()));
  expect(used.size).toBe(6);
  // Two of them the request met, and the router's questions the others.
  expectProblem(await its.send(), 502, "runner_disconnected");
  expect((await its.send()).status).toBe(200);
  expect(await its.failures()).toMatchObject({ failed: { disconnected: 1 }, ejected: 0 });
});

describe("but a request that may not be sent twice is not", () => {
  test.each<[string, Sending]>([
    ["X-Fal-No-Retry", { method: "POST", headers: { "x-fal-no-retry": "1" }, body: "abc" }],
    ["a body that is streamed", { method: "POST", headers: { "transfer-encoding": "chunked" }, body: "abc" }],
  ])("%s: 502, and it came once", async (_, sending) => {
    const targets: string[] = [];
    await using its = await lone((request: IncomingMessage, response) => {
      targets.push(`${request.method} ${request.url}`);
      if (request.method === "OPTIONS") return response.end();
      return request.socket.destroy();
    });
    expectProblem(await its.send(sending), 502, "runner_disconnected");
    expect(targets.filter((target) => target === "POST /x")).toHaveLength(1);
    expect((await its.failures()).ejected).toBe(0);
  });
});

test("once only: what breaks off again has failed, and is sent to the replica no third time", async () => {
  await using its = await lone((request, response) => {
    if (request.method === "OPTIONS") return response.end();
    return request.socket.destroy();
  });
  const { replica, cause } = expectProblem(await its.send(), 502, "runner_disconnected");
  expect([replica, cause]).toEqual(["r", "reset"]);
  expect(its.replica.received.map(({ method }) => method)).toEqual(["GET", "GET", "OPTIONS"]);
  expect(await its.failures()).toMatchObject({ failed: { disconnected: 1 }, ejected: 0, error: { detail: "reset" } });
});

test("not after a second: what a replica worked on for so long did not meet a closed connection", async () => {
  await using its = await lone((request, response) => {
    if (request.method === "OPTIONS") return response.end();
    return setTimeout(() => request.socket.destroy(), 1200);
  });
  expectProblem(await its.send(), 502, "runner_disconnected");
  expect(its.replica.received.map(({ method }) => method)).toEqual(["GET", "OPTIONS"]);
});
