// Contract, "Heartbeat": time to live, what stays after expiry, and what `in_flight` changes. The intervals are short, which only development
// settings allow.
import { once } from "node:events";
import { describe, expect, test } from "vitest";
import { keepBeating } from "../support/beating.ts";
import { expectProblem, expectRetryAfter, freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { openRequest } from "../support/wire.ts";

const INTERVAL_MS = 250;
const brief = sharedRouter({ HEARTBEAT_INTERVAL_MS: String(INTERVAL_MS) });
const lasting = sharedRouter({ HEARTBEAT_INTERVAL_MS: "60000" });

const listed = async (app: string) => (await brief().admin("/-/apps")).text.includes(`"${app}"`);

describe("time to live", () => {
  test("LIVE-1 is 3 x next_heartbeat_ms, in development without a floor", async () => {
    expect(await brief().join(validBeat(freshApp()))).toEqual({
      time_to_live_ms: 3 * INTERVAL_MS,
      next_heartbeat_ms: INTERVAL_MS,
    });
    expect(await lasting().join(validBeat(freshApp()))).toEqual({ time_to_live_ms: 180_000, next_heartbeat_ms: 60_000 });
  });

  test("LIVE-2 outside development it is never below 15 s", async () => {
    const settings = { ALLOW_PRIVATE_ORIGINS: "false", ORIGIN_ALLOW: "gpu.example.com", HEARTBEAT_INTERVAL_MS: "1000" };
    await using production = await TestRouter.start(settings);
    const times = await production.join(validBeat("a", { origin: "https://gpu.example.com" }));
    expect(times).toEqual({ time_to_live_ms: 15_000, next_heartbeat_ms: 1000 });
  });

  test.concurrent("LIVE-3 a replica that stops beating is gone, also from a fleet that nobody asks for anything", async () => {
    const app = freshApp("idle");
    const joinedAt = Date.now();
    await brief().join(validBeat(app));
    expect(await listed(app)).toBe(true);
    await until("the app has left the list", async () => !(await listed(app)));
    expect(Date.now() - joinedAt).toBeGreaterThanOrEqual(3 * INTERVAL_MS - 5);
  });

  test.concurrent("LIVE-3 one of many that stops beating gets nothing more", async () => {
    await using quiet = await TestReplica.start();
    await using lively = await TestReplica.start();
    const app = freshApp("two");
    await using _beating = await keepBeating(brief(), { app, replica: "lively", origin: lively.origin, concurrency: 8 });
    await brief().join({ app, replica: "quiet", origin: quiet.origin, concurrency: 8, hints: ["h"] });
    const ask = () => brief().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "h" } });
    expect((await ask()).headers["x-fal-served-from"]).toBe("quiet");
    await until("it is gone", async () => (await ask()).headers["x-fal-served-from"] === "lively");
    const before = quiet.received.length;
    for (let n = 0; n < 5; n++) expect((await ask()).status).toBe(200);
    expect(quiet.received).toHaveLength(before);
    expect((await brief().view(app)).replicas.map(({ replica }) => replica)).toEqual(["lively"]);
  });

  test.concurrent("LIVE-5 an app whose replicas have gone is still known: 503, not 404", async () => {
    const app = freshApp("known");
    await brief().join(validBeat(app));
    await until("the app has left the list", async () => !(await listed(app)));
    expectProblem(await brief().send(`/${app}/x`), 503, "no_replicas");
  });

  test("LIVE-4 traffic does not replace heartbeats", async () => {
    await using replica = await TestReplica.start();
    const app = freshApp("talking");
    await brief().join({ app, replica: "r1", origin: replica.origin });
    const end = await (async () => {
      for (;;) {
        const reply = await brief().send(`/${app}/x`);
        if (reply.status !== 200) return reply;
      }
    })();
    expectProblem(end, 503, "no_replicas");
    expectRetryAfter(end);
  });
});

describe("expiry", () => {
  test.concurrent("LIVE-6 requests of an expired replica that are being answered run on, and count again when it returns", async () => {
    const held = holdAnswers();
    await using replica = await TestReplica.start((request, response) => {
      response.writeHead(200).flushHeaders();
      void held.answer(request, response);
    });
    const app = freshApp("returns");
    const says = { app, replica: "r1", origin: replica.origin, incarnation: 1 };
    await brief().join(says);
    const { outgoing, response } = openRequest(brief().port, `/${app}/x`);
    outgoing.end();
    const first = await response;
    await until("the replica has expired", async () => !(await listed(app)));
    await using _beating = await keepBeating(brief(), says);
    expect((await brief().view(app)).replicas).toMatchObject([{ in_flight: 1 }]);
    const second = brief().send(`/${app}/x`);
    await until("the second waits", async () => (await brief().view(app)).waiting === 1);
    expect(held.holding).toBe(1);
    held.releaseAll();
    expect((await second).status).toBe(200);
    await once(first.resume(), "end");
    expect([first.statusCode, first.complete]).toEqual([200, true]);
    expect(replica.most).toBe(1);
  });
});

describe("in_flight", () => {
  async function oneRunning(concurrency: number) {
    const held = holdAnswers();
    const replica = await TestReplica.start(held.answer);
    const says = { app: freshApp("load"), replica: "r1", origin: replica.origin, concurrency };
    await lasting().join(says);
    const reply = lasting().send(`/${says.app}/x`);
    await until("it runs", () => held.holding === 1);
    const slots = async () => (await lasting().view(says.app)).in_flight;
    const dispose = async () => {
      held.releaseAll();
      await reply;
      await replica[Symbol.asyncDispose]();
    };
    return { says, held, slots, [Symbol.asyncDispose]: dispose };
  }

  test("LIVE-7 more than the slots held only informs", async () => {
    await using its = await oneRunning(4);
    for (let n = 0; n < 3; n++) await lasting().join({ ...its.says, in_flight: 4 });
    expect(await its.slots()).toBe(1);
    const second = lasting().send(`/${its.says.app}/x`);
    await until("a second is let through", () => its.held.holding === 2);
    its.held.releaseAll();
    expect((await second).status).toBe(200);
  });

  test("LIVE-8 less than the slots held: two beats running release the surplus, one does not", async () => {
    await using its = await oneRunning(1);
    await lasting().join({ ...its.says, in_flight: 0 });
    expect(await its.slots()).toBe(1);
    await lasting().join({ ...its.says, in_flight: 1 });
    await lasting().join({ ...its.says, in_flight: 0 });
    expect(await its.slots()).toBe(1);
    const second = lasting().send(`/${its.says.app}/x`);
    await until("the second waits", async () => (await lasting().view(its.says.app)).waiting === 1);
    await lasting().join({ ...its.says, in_flight: 0 });
    await until("the second has the slot", () => its.held.holding === 2);
    its.held.releaseAll();
    expect((await second).status).toBe(200);
  });

  test("LIVE-8 a beat that says nothing of it releases nothing", async () => {
    await using its = await oneRunning(1);
    for (let n = 0; n < 3; n++) await lasting().join(its.says);
    expect(await its.slots()).toBe(1);
  });
});

describe("the rate", () => {
  test("LIVE-9 HEARTBEAT_RATE_MAX stretches the interval of a large fleet", async () => {
    await using rated = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "10", HEARTBEAT_RATE_MAX: "100" });
    let last = { next_heartbeat_ms: 0, time_to_live_ms: 0 };
    for (let n = 0; n < 20; n++) {
      last = await rated.join(validBeat("a", { replica: `r${n}` }));
      expect(last.time_to_live_ms).toBe(3 * last.next_heartbeat_ms);
    }
    const { replicas } = await rated.view("a");
    expect(last.next_heartbeat_ms).toBeGreaterThanOrEqual(replicas.length * 10);
    expect(last.next_heartbeat_ms).toBeGreaterThan(10);
  });

  test("LIVE-10 above 4 x HEARTBEAT_RATE_MAX a second: 429", async () => {
    await using rated = await TestRouter.start({ HEARTBEAT_RATE_MAX: "2" });
    for (let n = 0; n < 4; n++) await rated.join(validBeat("calm"));
    const replies = await Promise.all(Array.from({ length: 40 }, () => rated.beat(validBeat("storm"))));
    const refused = replies.filter((reply) => reply.status !== 200);
    expect(refused.length).toBeGreaterThan(0);
    for (const reply of refused) expectProblem(reply, 429, "rate_limited");
    expect((await rated.beat(validBeat("other"))).status).toBe(200);
    await until("the storm is over", async () => (await rated.beat(validBeat("storm"))).status === 200);
  });
});
