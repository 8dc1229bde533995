// Contract, "Client traffic": what a client's response says of the decision, for each reason.
import { describe, expect, test } from "vitest";
import { freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

const router = sharedRouter();
const hinted = (hint: string) => ({ headers: { "x-fal-runner-hint": hint } });

test("RES-1 the response is the replica's own: status, reason phrase, headers, body", async () => {
  await using replica = await TestReplica.start((_request, response) => {
    response.writeHead(418, "Short and stout", { "x-mine": "yes", "set-cookie": ["a=1", "b=2"], "content-type": "text/tea" });
    response.end("no coffee");
  });
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin });
  const reply = await router().send(`/${app}/x`);
  expect(reply).toMatchObject({ status: 418, statusText: "Short and stout", text: "no coffee" });
  expect(reply.headers).toMatchObject({ "x-mine": "yes", "content-type": "text/tea", "set-cookie": ["a=1", "b=2"] });
});

test("RES-1 errors of a replica are its own, with no router's error type", async () => {
  await using replica = await TestReplica.start((_request, response) => {
    response.writeHead(500, { "content-type": "application/json" }).end('{"detail":"boom"}');
  });
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin });
  const reply = await router().send(`/${app}/x`);
  expect(reply).toMatchObject({ status: 500, text: '{"detail":"boom"}' });
  expect(reply.headers["x-fal-error-type"]).toBeUndefined();
  expect(reply.headers["x-fal-served-from"]).toBe("r1");
});

test("RES-1 redirects are passed on, not followed", async () => {
  await using replica = await TestReplica.start((_request, response) => response.writeHead(307, { location: "/there" }).end());
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin });
  const reply = await router().send(`/${app}/x`);
  expect(reply.status).toBe(307);
  expect(reply.headers.location).toBe("/there");
  expect(replica.received).toHaveLength(1);
});

test("RES-2 x-fal-served-from names the replica, RES-3 x-warmpath-reason the reason", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  await router().join({ app, replica: "gpu-7.eu/a", origin: replica.origin, hints: ["h"] });
  const { headers } = await router().send(`/${app}/x`, hinted("h"));
  expect(headers).toMatchObject({ "x-fal-served-from": "gpu-7.eu/a", "x-warmpath-reason": "hint_match" });
});

test("RES-2 a replica cannot speak for the router", async () => {
  const forged = { "x-fal-served-from": "me", "x-warmpath-reason": "mine", "x-fal-request-id": "forged" };
  await using replica = await TestReplica.start((_request, response) => response.writeHead(200, forged).end());
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin });
  const { headers } = await router().send(`/${app}/x`);
  expect(headers).toMatchObject({ "x-fal-served-from": "r1", "x-warmpath-reason": "least_loaded" });
  expect(headers["x-fal-request-id"]).not.toContain("forged");
});

test("RES-4 server-timing has queue and route, after the replica's own", async () => {
  await using replica = await TestReplica.start((_request, response) => {
    response.setHeader("server-timing", "gpu;dur=12.5");
    response.end();
  });
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin });
  const { headers } = await router().send(`/${app}/x`);
  expect(headers["server-timing"]).toMatch(/^gpu;dur=12\.5, queue;dur=\d+(\.\d+)?, route;dur=\d+(\.\d+)?$/);
});

test("RES-4 queue is the time waited, in milliseconds", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin });
  const first = router().send(`/${app}/x`);
  await until("the first request is held", () => held.holding === 1);
  const sentAt = Date.now();
  const second = router().send(`/${app}/x`);
  await until("the second request waits", async () => (await router().view(app)).waiting === 1);
  const waitsFrom = Date.now();
  await until("it has waited a while", () => Date.now() - waitsFrom >= 50);
  held.releaseAll();
  await first;
  const queueMs = Number(/queue;dur=([\d.]+)/.exec(String((await second).headers["server-timing"]))?.[1]);
  expect(queueMs).toBeGreaterThanOrEqual(45);
  expect(queueMs).toBeLessThanOrEqual(Date.now() - sentAt + 5);
});

test("RES-5 x-fal-request-id is new for each request and the one the replica was given", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin });
  const one = await router().send(`/${app}/x`, { headers: { "x-fal-request-id": "chosen-by-client" } });
  expect(one.headers["x-fal-request-id"]).toBe(replica.last.headers["x-fal-request-id"]);
  const two = await router().send(`/${app}/x`, { headers: { "x-fal-request-id": "chosen-by-client" } });
  expect(new Set([one.headers["x-fal-request-id"], two.headers["x-fal-request-id"], "chosen-by-client"]).size).toBe(3);
});

interface Explained {
  readonly candidates: readonly { readonly replica: string; readonly hash_rank: number }[];
}

describe("reasons", () => {
  /** Two replicas of one slot each. The hint's owner is busy with a request for another hint that it owns. */
  async function halfBusy(hint: string) {
    const stack = new AsyncDisposableStack();
    const app = freshApp("busy");
    const held = holdAnswers();
    for (const name of ["a", "b"]) {
      const replica = stack.use(
        await TestReplica.start((request, response) => {
          if (request.url === "/hold") void held.answer(request, response);
          else response.end();
        }),
      );
      await router().join({ app, replica: name, origin: replica.origin });
    }
    const idle = () => until("all slots are free", async () => (await router().view(app)).in_flight === 0);
    const ownerOf = async (its: string) => {
      const { candidates } = (await router().admin(`/-/apps/${app}/explain?hint=${its}`)).json<Explained>();
      return candidates.find(({ hash_rank: rank }) => rank === 1)?.replica;
    };
    const owner = await ownerOf(hint);
    let alike = 0;
    while ((await ownerOf(`other-${alike}`)) !== owner) alike++;
    const busy = router().send(`/${app}/hold`, hinted(`other-${alike}`));
    await until("a slot is taken", () => held.holding === 1);
    return { app, owner, held, busy, idle, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  }

  test("RES-6 hint_match, hash_owner, least_loaded", async () => {
    await using replica = await TestReplica.start();
    const app = freshApp();
    await router().join({ app, replica: "r1", origin: replica.origin, hints: ["h"] });
    const reason = async (sending = {}) => (await router().send(`/${app}/x`, sending)).headers["x-warmpath-reason"];
    expect(await reason(hinted("h"))).toBe("hint_match");
    expect(await reason(hinted("cold"))).toBe("hash_owner");
    expect(await reason()).toBe("least_loaded");
  });

  test("RES-7 hash_spill: the owner is busy, another replica loads the hint", async () => {
    await using fleet = await halfBusy("cold");
    const reply = await router().send(`/${fleet.app}/x`, hinted("cold"));
    expect(reply.headers["x-warmpath-reason"]).toBe("hash_spill");
    expect(reply.headers["x-fal-served-from"]).not.toBe(fleet.owner);
    fleet.held.releaseAll();
    await fleet.busy;
    await fleet.idle();
    const after = await router().send(`/${fleet.app}/x`, hinted("cold"));
    const from = reply.headers["x-fal-served-from"];
    expect(after.headers).toMatchObject({ "x-warmpath-reason": "hint_match", "x-fal-served-from": from });
  });

  test("RES-8 hint_wait: the request waited for a warm replica", async () => {
    const held = holdAnswers();
    await using replica = await TestReplica.start(held.answer);
    const app = freshApp();
    await router().join({ app, replica: "r1", origin: replica.origin, hints: ["h"] });
    const first = router().send(`/${app}/x`, hinted("h"));
    await until("the first request is held", () => held.holding === 1);
    const second = router().send(`/${app}/x`, hinted("h"));
    await until("the second request waits", async () => (await router().view(app)).waiting === 1);
    held.releaseAll();
    expect((await first).headers["x-warmpath-reason"]).toBe("hint_match");
    expect((await second).headers["x-warmpath-reason"]).toBe("hint_wait");
  });
});

describe("OPTIONS and HEAD", () => {
  test("OPT-1 OPTIONS takes no slot and does not wait for one", async () => {
    const held = holdAnswers();
    await using replica = await TestReplica.start((request, response) => {
      if (request.method === "OPTIONS" && request.url === "/x") response.writeHead(204, { allow: "GET" }).end();
      else void held.answer(request, response);
    });
    const app = freshApp();
    await router().join({ app, replica: "r1", origin: replica.origin });
    const options = router().send(`/${app}/hold`, { method: "OPTIONS" });
    await until("OPTIONS is held", () => held.holding === 1);
    expect((await router().view(app)).in_flight).toBe(0);
    const get = router().send(`/${app}/x`);
    await until("GET has the slot", () => held.holding === 2);
    const reply = await router().send(`/${app}/x`, { method: "OPTIONS" });
    expect(reply.status).toBe(204);
    expect(reply.headers["x-fal-served-from"]).toBe("r1");
    held.releaseAll();
    await Promise.all([options, get]);
  });

  test("OPT-2 OPTIONS never waits for a replica to become ready", async () => {
    const app = freshApp();
    await router().join({ app, replica: "r1", origin: "http://127.0.0.1:9", status: "starting" });
    const reply = await router().send(`/${app}/x`, { method: "OPTIONS" });
    expect(reply.headers["x-fal-error-type"]).toBe("no_replicas");
  });

  test("OPT-3 OPTIONS teaches nothing, HEAD does", async () => {
    await using replica = await TestReplica.start((request, response) => {
      response.setHeader("x-fal-runner-hints", request.method ?? "");
      response.end();
    });
    const app = freshApp();
    await router().join({ app, replica: "r1", origin: replica.origin, concurrency: 4 });
    const hints = async () => (await router().view(app)).replicas[0]?.hints;
    await router().send(`/${app}/x`, { method: "OPTIONS" });
    expect(await hints()).toBeNull();
    const head = await router().send(`/${app}/x`, { method: "HEAD" });
    expect(head).toMatchObject({ status: 200, text: "" });
    expect(head.headers["x-warmpath-reason"]).toBe("least_loaded");
    expect(replica.last.method).toBe("HEAD");
    await until("HEAD has taught", async () => (await hints())?.[0] === "HEAD");
    await router().send(`/${app}/x`, { method: "OPTIONS" });
    expect(await hints()).toEqual(["HEAD"]);
  });
});
