// Contract, "Methods": requests that NO_SLOT names take no slot and never wait.
import { expect, test } from "vitest";
import { expectProblem, expectRetryAfter, freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const router = sharedRouter({ NO_SLOT: "GET */v1/models, /health, POST /tokenize", HINT_FROM_JSON: "model" });

test("SLOT-1 they take none, and pass while every slot is taken", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start((request, response) => {
    if (request.url === "/health" || request.url === "/a/v1/models?x=1") response.end("now");
    else void held.answer(request, response);
  });
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin });
  const slow = router().send(`/${app}/tokenize`, { method: "POST", body: "x" });
  await until("it is at the replica", () => held.holding === 1);
  expect((await router().view(app)).in_flight).toBe(0);
  const busy = router().send(`/${app}/run`);
  await until("the slot is taken", () => held.holding === 2);
  for (const target of [`/${app}/health`, `/${app}/a/v1/models?x=1`]) {
    const reply = await router().send(target);
    expect([reply.status, reply.text, reply.headers["x-fal-served-from"]]).toEqual([200, "now", "r1"]);
  }
  held.releaseAll();
  await Promise.all([slow, busy]);
});

test("SLOT-2 a method names itself, GET names HEAD too, and no method names all", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin, concurrency: 100 });
  const taken = async (method: string, target: string) => {
    const { holding } = held;
    const reply = router().send(`/${app}${target}`, { method });
    await until("it is at the replica", () => held.holding > holding);
    const before = slots;
    slots = (await router().view(app)).in_flight;
    replies.push(reply);
    return slots - before;
  };
  let slots = 0;
  const replies: Promise<unknown>[] = [];
  for (const [method, target] of [
    ["GET", "/v1/models"],
    ["HEAD", "/v1/models"],
    ["DELETE", "/health"],
    ["HEAD", "/health"],
    ["POST", "/tokenize"],
    ["OPTIONS", "/run"],
  ] as const)
    // prettier-ignore
    expect(await taken(method, target), `${method} ${target}`).toBe(0);
  for (const [method, target] of [
    ["POST", "/v1/models"],
    ["GET", "/v1/models/x"],
    ["GET", "/tokenize"],
    ["GET", "/healthz"],
    ["GET", "/x/health"],
  ] as const)
    // prettier-ignore
    expect(await taken(method, target), `${method} ${target}`).toBe(1);
  held.releaseAll();
  await Promise.all(replies);
});

test("SLOT-3 they never wait for a replica to become ready", async () => {
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: "http://127.0.0.1:9", status: "starting" });
  const reply = await router().send(`/${app}/health`);
  expectProblem(reply, 503, "no_replicas");
  expectRetryAfter(reply);
});

test("SLOT-4 they go to a warm replica, busy or not, and teach nothing", async () => {
  await using replica = await TestReplica.start((_request, response) => response.setHeader("x-fal-runner-hints", "taught").end());
  const app = freshApp();
  for (const hint of ["a", "b", "c"]) await router().join({ app, replica: hint, origin: replica.origin, hints: [hint] });
  for (const hint of ["a", "b", "c"]) {
    const body = JSON.stringify({ model: hint });
    const reply = await router().send(`/${app}/tokenize`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body,
    });
    expect([reply.headers["x-fal-served-from"], reply.headers["x-warmpath-reason"]]).toEqual([hint, "hint_match"]);
  }
  const { replicas, counters } = await router().view(app);
  expect(replicas.map(({ hints, served }) => [hints, served])).toEqual([
    [["a"], 0],
    [["b"], 0],
    [["c"], 0],
  ]);
  expect(Object.values(counters.granted).reduce((sum, count) => sum + count)).toBe(0);
});

test("SLOT-5 one that a replica fails is sent to another", async () => {
  await using bad = await TestReplica.start((_request, response) => response.writeHead(503).end());
  await using good = await TestReplica.start();
  const app = freshApp();
  await router().join({ app, replica: "bad", origin: bad.origin, hints: ["h"] });
  await router().join({ app, replica: "good", origin: good.origin });
  const reply = await router().send(`/${app}/health`, { headers: { "x-fal-runner-hint": "h" } });
  expect([reply.status, reply.headers["x-fal-served-from"], bad.received.length]).toEqual([200, "good", 1]);
});

test.each([
  ["path:2", "/owner/app-x/health", undefined],
  ["host", "/health", "app-x.example.com"],
  ["fixed:app-x", "/health", undefined],
])("SLOT-6 the path is the one that the replica gets, with APP_FROM=%s", async (from, target, host) => {
  await using own = await TestRouter.start({ NO_SLOT: "/health", APP_FROM: from });
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  const app = from === "path:2" ? "owner/app-x" : "app-x";
  await own.join({ app, replica: "r1", origin: replica.origin });
  const reply = own.send(target, host === undefined ? {} : { headers: { host } });
  await until("it is at the replica", () => held.holding === 1);
  expect((await own.view(app)).in_flight).toBe(0);
  held.releaseAll();
  await reply;
});
