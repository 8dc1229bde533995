// Replicas that close an idle connection just as the next request comes by it. The request is sent again to the same replica, and the replica has failed
// nothing.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BOUNDS } from "../../src/limits.ts";
import { expectProblem, freshApp } from "../support/conformance.ts";
import { holdAnswers, type HeldAnswers } from "../support/held.ts";
import { TestReplica, type Answer } from "../support/replica.ts";
import { TestRouter, type Reply, type Sending } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start();
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

/**
 * Answers the first request of each connection, all of one round. When a request of a later round comes, all connections that were used in earlier rounds
 * end, as if their idle time ran out together.
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

/** Each connection takes one request. When a second request comes by a connection, that connection alone is closed. */
function closesEachWhenUsedAgain(answer: Answer = (_request, response) => response.end("ok")): Answer {
  const used = new Set<Socket>();
  return (request, response) => {
    if (used.has(request.socket)) return request.socket.destroy();
    used.add(request.socket);
    return request.method === "OPTIONS" ? response.end() : answer(request, response);
  };
}

/** Sends so many requests, which are answered once all are there. So each has a connection of its own, which the runtime then keeps. */
async function keepConnections(count: number, held: HeldAnswers, send: () => Promise<Reply>): Promise<void> {
  const replies = Promise.all(Array.from({ length: count }, send));
  await until("all are there", () => held.holding === count);
  held.releaseAll();
  expect((await replies).map(({ status }) => status)).toEqual(Array(count).fill(200));
}

/** A replica that can be reached. It answers until the test makes it break off every request. */
function breaker() {
  const held = holdAnswers();
  let breaks = false;
  const answer: Answer = (request, response) => {
    if (request.method === "OPTIONS") return response.end();
    return breaks ? request.socket.destroy() : held.answer(request, response);
  };
  return { held, answer, begin: () => (breaks = true) };
}

test.each<[string, Sending]>([
  ["GET", {}],
  ["POST", { method: "POST", body: "abc" }],
])("six connections that are each found closed when they are used again: %s goes by a new one at last", async (_, sending) => {
  const held = holdAnswers();
  await using its = await lone(closesEachWhenUsedAgain(held.answer));
  await keepConnections(6, held, () => its.send(sending));
  expect((await its.send(sending)).status).toBe(200);
  // The request came by all six connections, and by a new one.
  expect(its.replica.received).toHaveLength(6 + 6 + 1);
  expect(await its.failures()).toEqual(NOTHING);
});

test("four at a time, each of whose connections is found closed by itself: all are served", async () => {
  await using its = await lone(closesEachWhenUsedAgain());
  for (let round = 0; round < 8; round++) {
    const replies = await Promise.all(Array.from({ length: 4 }, () => its.send({ method: "POST", body: "abc" })));
    expect(replies.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  }
  expect(await its.failures()).toEqual(NOTHING);
});

test("two replicas that close connections: each request is served by the replica that holds its hint", async () => {
  await using one = await TestReplica.start(closesEachWhenUsedAgain());
  await using other = await TestReplica.start(closesEachWhenUsedAgain());
  const app = freshApp("idle");
  await router.join({ app, replica: "one", origin: one.origin, hints: ["h"], concurrency: 16 });
  await router.join({ app, replica: "other", origin: other.origin, hints: [], concurrency: 16 });
  const headers = { "x-fal-runner-hint": "h" };
  for (let round = 0; round < 8; round++) {
    const replies = await Promise.all(Array.from({ length: 4 }, () => router.send(`/${app}/x`, { headers })));
    expect(replies.map((reply) => `${reply.status} ${String(reply.headers["x-fal-served-from"])}`)).toEqual(
      Array(4).fill("200 one"),
    );
  }
  expect((await router.view(app)).counters).toMatchObject({ ejected: 0, failed: { disconnected: 0, unreachable: 0 } });
});

test.each([
  [6, 6 + 1],
  [16, BOUNDS.keptConnections + 1],
])("with %i connections that may be kept, a replica that breaks off every request gets it %i times", async (kept, times) => {
  const { held, answer, begin } = breaker();
  await using its = await lone(answer);
  await keepConnections(kept, held, () => its.send());
  begin();
  expectProblem(await its.send(), 502, "runner_disconnected");
  expect(its.replica.received.filter(({ method }) => method === "GET")).toHaveLength(kept + times);
  expect(await its.failures()).toMatchObject({ failed: { disconnected: 1 }, ejected: 0 });
});

describe("but a request that may not be sent twice is not", () => {
  const once: [string, Sending][] = [
    ["X-Fal-No-Retry", { method: "POST", headers: { "x-fal-no-retry": "1" }, body: "abc" }],
    ["a body that is streamed", { method: "POST", headers: { "transfer-encoding": "chunked" }, body: "abc" }],
  ];
  test.each(once)("%s: 502, and it came once", async (_, sending) => {
    const targets: string[] = [];
    await using its = await lone((request: IncomingMessage, response) => {
      targets.push(`${request.method} ${request.url}`);
      if (request.method === "OPTIONS") return response.end();
      return request.socket.destroy();
    });
    expectProblem(await its.send(sending), 502, "runner_disconnected");
    expect(targets.filter((target) => target === "POST /x")).toHaveLength(1);
    // The client's body may have broken off.
    expect(await its.failures()).toMatchObject({
      failed: sending.headers?.["transfer-encoding"] ? {} : { disconnected: 1 },
      ejected: 0,
    });
  });

  test.each(once)("%s: if the connection may have been kept, the replica has failed nothing", async (_, sending) => {
    await using its = await lone(closesEachWhenUsedAgain());
    const statuses: number[] = [];
    for (let n = 0; n < 10; n++) {
      statuses.push((await its.send()).status, (await its.send(sending)).status);
    }
    expect(statuses.filter((status) => status === 502)).not.toEqual([]);
    expect(statuses.filter((status) => status !== 502 && status !== 200)).toEqual([]);
    expect(await its.failures()).toEqual(NOTHING);
  });

  test.each(once)("%s: unless it can't be reached any more", async (_, sending) => {
    let gone = false;
    const its = await lone(({ socket }, response) => (gone ? socket.destroy() : response.end("ok")));
    await using _its = its;
    expect((await its.send()).status).toBe(200);
    gone = true;
    expectProblem(await its.send(sending), 502, "runner_disconnected");
    expect(await its.failures()).toMatchObject({ failed: { unreachable: 1 }, ejected: 1 });
  });
});

test("once only by new connections: what breaks off again has failed, and is sent to the replica no third time", async () => {
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
