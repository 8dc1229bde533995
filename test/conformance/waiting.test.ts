// Contract, "Waiting": which requests wait, for how long, and what the others are answered.
import { describe, expect, test } from "vitest";
import { keepBeating } from "../support/beating.ts";
import { expectProblem, expectRetryAfter, freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers, type HeldAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const router = sharedRouter({ QUEUE_LENGTH_MAX: "3", QUEUE_TIMEOUT_MS: "20000" });

interface Busy extends AsyncDisposable {
  readonly app: string;
  readonly held: HeldAnswers;
  readonly replica: TestReplica;
}

/** An app with one replica whose only slot is taken. */
async function busyApp(through: TestRouter = router()): Promise<Busy> {
  const held = holdAnswers();
  const replica = await TestReplica.start(held.answer);
  const app = freshApp("busy");
  await through.join({ app, replica: "r1", origin: replica.origin });
  const first = through.send(`/${app}/first`);
  await until("the slot is taken", () => held.holding === 1);
  const dispose = async () => {
    held.releaseAll();
    await first;
    await replica[Symbol.asyncDispose]();
  };
  return { app, held, replica, [Symbol.asyncDispose]: dispose };
}

const waiting = (app: string, count: number, through: TestRouter = router()) =>
  until(`${count} wait`, async () => (await through.view(app)).waiting === count);

test("WAIT-1 when every candidate is full the request waits, and is served in order of arrival", async () => {
  await using busy = await busyApp();
  const replies = [];
  for (let n = 1; n <= 3; n++) {
    replies.push(router().send(`/${busy.app}/${n}`));
    await waiting(busy.app, n);
  }
  expect(busy.replica.received).toHaveLength(1);
  busy.held.releaseAll();
  for (const reply of await Promise.all(replies)) expect(reply.status).toBe(200);
  expect(busy.replica.received.map((request) => request.target)).toEqual(["/first", "/1", "/2", "/3"]);
});

describe("the deadline", () => {
  test("WAIT-2 X-Fal-Request-Timeout: expiry is 504 request_timeout of type user", async () => {
    await using busy = await busyApp();
    const startedAt = Date.now();
    const reply = await router().send(`/${busy.app}/x`, { headers: { "x-fal-request-timeout": "0.25" } });
    expectProblem(reply, 504, "request_timeout");
    expect(reply.headers["x-fal-request-timeout-type"]).toBe("user");
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(245);
    await waiting(busy.app, 0);
    expect(busy.replica.received).toHaveLength(1);
  });

  test("WAIT-3 QUEUE_TIMEOUT_MS: expiry is 504 request_timeout of type router, the smaller of the two counts", async () => {
    await using impatient = await TestRouter.start({ QUEUE_TIMEOUT_MS: "300" });
    await using busy = await busyApp(impatient);
    for (const headers of [{}, { "x-fal-request-timeout": "60" }]) {
      const startedAt = Date.now();
      const reply = await impatient.send(`/${busy.app}/x`, { headers });
      expectProblem(reply, 504, "request_timeout");
      expect(reply.headers["x-fal-request-timeout-type"]).toBe("router");
      expect(Date.now() - startedAt).toBeGreaterThanOrEqual(295);
    }
    const user = await impatient.send(`/${busy.app}/x`, { headers: { "x-fal-request-timeout": "0.1" } });
    expect(user.headers["x-fal-request-timeout-type"]).toBe("user");
  });

  test("WAIT-4 the deadline ends with the first dispatch: a replica may take longer", async () => {
    const held = holdAnswers();
    await using replica = await TestReplica.start(held.answer);
    const app = freshApp("slow");
    await router().join({ app, replica: "r1", origin: replica.origin });
    const startedAt = Date.now();
    const reply = router().send(`/${app}/x`, { headers: { "x-fal-request-timeout": "0.1" } });
    await until("it runs beyond its deadline", () => held.holding === 1 && Date.now() - startedAt > 200);
    held.releaseAll();
    expect((await reply).status).toBe(200);
  });

  test.each(["0", "-1", "", "soon", "1s", "1e3", "1,5", "0x10", "Infinity", "NaN", "1 2", "0.0"])(
    "WAIT-5 X-Fal-Request-Timeout %j is malformed: 400",
    async (value) => {
      const app = freshApp();
      await router().join({ app, replica: "r1", origin: "http://127.0.0.1:9" });
      const reply = await router().send(`/${app}/x`, { headers: { "x-fal-request-timeout": value } });
      expectProblem(reply, 400, "bad_request");
    },
  );

  test.each(["1", "0.5", "30.25", "30.000000000000004", "007", "86400"])(
    "WAIT-5 X-Fal-Request-Timeout %j is well formed",
    async (value) => {
      await using replica = await TestReplica.start();
      const app = freshApp();
      await router().join({ app, replica: "r1", origin: replica.origin });
      const reply = await router().send(`/${app}/x`, { headers: { "x-fal-request-timeout": value } });
      expect(reply.status, reply.text).toBe(200);
    },
  );
});

describe("429 queue_full", () => {
  test("WAIT-6 when QUEUE_LENGTH_MAX requests wait, at once and with Retry-After", async () => {
    await using busy = await busyApp();
    const replies = [1, 2, 3].map((n) => router().send(`/${busy.app}/${n}`));
    await waiting(busy.app, 3);
    const refused = await router().send(`/${busy.app}/4`);
    expectProblem(refused, 429, "queue_full");
    expectRetryAfter(refused);
    busy.held.releaseAll();
    for (const reply of await Promise.all(replies)) expect(reply.status).toBe(200);
  });

  test("WAIT-7 when the queue is longer than fal_max_queue_length asks", async () => {
    await using busy = await busyApp();
    const replies = [router().send(`/${busy.app}/1?fal_max_queue_length=1`)];
    await waiting(busy.app, 1);
    replies.push(router().send(`/${busy.app}/2?x=y&fal_max_queue_length=2`));
    await waiting(busy.app, 2);
    const refused = await router().send(`/${busy.app}/3?fal_max_queue_length=1`);
    expectProblem(refused, 429, "queue_full");
    expectRetryAfter(refused);
    replies.push(router().send(`/${busy.app}/4?fal_max_queue_length=1000`));
    await waiting(busy.app, 3);
    busy.held.releaseAll();
    await Promise.all(replies);
    expect(busy.replica.received.at(1)?.target).toBe("/1?fal_max_queue_length=1");
  });

  test("WAIT-7 fal_max_queue_length=0 asks not to wait at all, and does not matter if a replica is free", async () => {
    await using busy = await busyApp();
    expectProblem(await router().send(`/${busy.app}/x?fal_max_queue_length=0`), 429, "queue_full");
    busy.held.releaseAll();
    await until("the slot is free", async () => (await router().view(busy.app)).in_flight === 0);
    expect((await router().send(`/${busy.app}/x?fal_max_queue_length=0`)).status).toBe(200);
  });

  test("WAIT-8 when the predicted wait exceeds the deadline", async () => {
    const held = holdAnswers();
    await using replica = await TestReplica.start((request, response) => {
      if (request.url === "/hold") void held.answer(request, response);
      else setTimeout(() => response.end(), 40);
    });
    const app = freshApp("learned");
    await router().join({ app, replica: "r1", origin: replica.origin, concurrency: 8 });
    await Promise.all(Array.from({ length: 8 }, () => router().send(`/${app}/x`)));
    for (let round = 0; round < 3; round++) await Promise.all(Array.from({ length: 8 }, () => router().send(`/${app}/x`)));
    await router().join({ app, replica: "r1", origin: replica.origin, concurrency: 1 });
    const first = router().send(`/${app}/hold`);
    await until("the slot is taken", () => held.holding === 1);
    const patient = [router().send(`/${app}/1`), router().send(`/${app}/2`)];
    await waiting(app, 2);
    const refused = await router().send(`/${app}/3`, { headers: { "x-fal-request-timeout": "0.01" } });
    expectProblem(refused, 429, "queue_full");
    expectRetryAfter(refused);
    held.releaseAll();
    for (const reply of await Promise.all([first, ...patient])) expect(reply.status).toBe(200);
  });
});

describe("replicas known but none ready", () => {
  test("WAIT-9 wait for one that is starting", async () => {
    await using replica = await TestReplica.start();
    const app = freshApp("starting");
    await router().join({ app, replica: "r1", origin: replica.origin, status: "starting" });
    const reply = router().send(`/${app}/x`);
    await waiting(app, 1);
    expect(replica.received).toHaveLength(0);
    await router().join({ app, replica: "r1", origin: replica.origin, status: "ready" });
    expect((await reply).status).toBe(200);
  });

  test.each(["draining", "stopped", "DELETE"])("WAIT-10 wait if a replica was live within one time to live (%s)", async (how) => {
    await using replica = await TestReplica.start();
    const app = freshApp("gone");
    await router().join({ app, replica: "r1", origin: replica.origin });
    if (how === "DELETE") await router().admin(`/-/apps/${app}/replicas/r1`, "DELETE");
    else await router().join({ app, replica: "r1", origin: replica.origin, status: how });
    let done = false;
    const reply = router()
      .send(`/${app}/x`)
      .finally(() => (done = true));
    const since = Date.now();
    await until("it has waited a while", () => done || Date.now() - since > 150);
    expect(done).toBe(false);
    await router().join({ app, replica: "r2", origin: replica.origin });
    expect((await reply).headers["x-fal-served-from"]).toBe("r2");
  });

  test("WAIT-12 if an administrator has drained all: 503 no_replicas after one time to live", async () => {
    await using short = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "250" });
    await using replica = await TestReplica.start();
    await using _beating = await keepBeating(short, { app: "a", replica: "r1", origin: replica.origin });
    await short.admin("/-/apps/a/replicas/r1/drain", "POST");
    const startedAt = Date.now();
    const waited = await short.send("/a/x");
    expectProblem(waited, 503, "no_replicas");
    expectRetryAfter(waited);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(600);
    expect(Date.now() - startedAt).toBeLessThan(3000);
    const secondAt = Date.now();
    expectProblem(await short.send("/a/x"), 503, "no_replicas");
    expect(Date.now() - secondAt).toBeLessThan(600);
    await short.admin("/-/apps/a/replicas/r1/undrain", "POST");
    expect((await short.send("/a/x")).status).toBe(200);
  });

  test("WAIT-13 if all drain by themselves: 503 no_replicas after one time to live, however often they say so", async () => {
    await using short = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "250" });
    await using replica = await TestReplica.start();
    const says = { app: "a", replica: "r1", origin: replica.origin };
    await short.join(says);
    const startedAt = Date.now();
    await using _beating = await keepBeating(short, { ...says, status: "draining" });
    const waited = await short.send("/a/x");
    expectProblem(waited, 503, "no_replicas");
    expectRetryAfter(waited);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(745);
    expect(Date.now() - startedAt).toBeLessThan(3000);
    const secondAt = Date.now();
    expectProblem(await short.send("/a/x"), 503, "no_replicas");
    expect(Date.now() - secondAt).toBeLessThan(600);
    expect(replica.received).toEqual([]);
    await short.join({ ...says, replica: "r2" });
    expect((await short.send("/a/x")).headers["x-fal-served-from"]).toBe("r2");
  });

  test("WAIT-11 else 503 no_replicas with Retry-After", async () => {
    await using short = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "250" });
    await short.join({ app: "a", replica: "r1", origin: "http://127.0.0.1:9", status: "starting" });
    const startedAt = Date.now();
    const waited = await short.send("/a/x");
    expectProblem(waited, 503, "no_replicas");
    expectRetryAfter(waited);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(745);
    const secondAt = Date.now();
    expectProblem(await short.send("/a/x"), 503, "no_replicas");
    expect(Date.now() - secondAt).toBeLessThan(600);
  });
});
