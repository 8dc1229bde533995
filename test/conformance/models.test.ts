// Contract, "Models": with MODELS_ENDPOINT=openai the router lists the fleet's hints as OpenAI lists models.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter, type Reply } from "../support/router.ts";
import { until } from "../support/until.ts";

const router = sharedRouter({ MODELS_ENDPOINT: "openai", CORS_ORIGINS: "https://app.example.com" });
const NOBODY = "http://127.0.0.1:9";

interface List {
  readonly object: string;
  readonly data: readonly { readonly id: string; readonly warmpath: { readonly replicas: number; readonly loading: number } }[];
}

/** Each model with how many replicas hold it and how many load it. */
const counts = (reply: Reply) => reply.json<List>().data.map(({ id, warmpath }) => [id, warmpath.replicas, warmpath.loading]);

/** The list may be two seconds old, so an app is asked for it once, or until it says so. */
const list = (app: string) => router().send(`/${app}/v1/models`);

test("MODELS-1 the answer has OpenAI's shape, and a member that says what is warm", async () => {
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: NOBODY, hints: ["sdxl", "org/flux:dev"] });
  const reply = await list(app);
  expect(reply.status).toBe(200);
  expect(reply.headers).toMatchObject({ "content-type": "application/json", "cache-control": "no-store" });
  expect(reply.headers["x-fal-request-id"]).toMatch(/\S/);
  expect(reply.headers["x-fal-served-from"]).toBeUndefined();
  const model = { object: "model", created: 0, owned_by: "warmpath", warmpath: { replicas: 1, loading: 0 } };
  expect(reply.json()).toEqual({
    object: "list",
    data: [
      { id: "org/flux:dev", ...model },
      { id: "sdxl", ...model },
    ],
  });
});

test("MODELS-2 each model once, by name, with the ready replicas that hold it and that load it", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  const app = freshApp();
  const join = (name: string, hints: readonly string[] | null, more: object = {}) =>
    router().join({ app, replica: name, origin: replica.origin, hints, hint_slots: 4, ...more });
  await join("r1", ["b", "a"]);
  await join("r2", ["a"]);
  await join("r3", ["a", "c"], { status: "draining" });
  await join("r4", ["d"], { status: "starting" });
  const cold = router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "e" } });
  await until("it loads", () => held.holding === 1);
  const wanted = [["a", 2, 0], ["b", 1, 0], ["c", 0, 0], ["d", 0, 0], ["e", 0, 1]]; // prettier-ignore
  expect(counts(await list(app))).toEqual(wanted);
  held.releaseAll();
  await cold;
  await until("it has loaded", async () => JSON.stringify(counts(await list(app))) === JSON.stringify([...wanted.slice(0, 4), ["e", 1, 0]])); // prettier-ignore
});

test("MODELS-3 it takes no slot and reaches no replica", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin, hints: ["a"] });
  const busy = router().send(`/${app}/run`);
  await until("the slot is taken", () => held.holding === 1);
  expect(counts(await list(app))).toEqual([["a", 1, 0]]);
  expect(replica.received.length).toBe(1);
  held.releaseAll();
  await busy;
});

test("MODELS-4 HEAD has the headers alone; other methods and paths go to a replica", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin, hints: ["a"] });
  const head = await router().send(`/${app}/v1/models`, { method: "HEAD" });
  expect([head.status, head.text, head.headers["content-type"]]).toEqual([200, "", "application/json"]);
  expect(replica.received).toEqual([]);
  for (const [method, target] of [
    ["POST", "/v1/models"],
    ["OPTIONS", "/v1/models"],
    ["GET", "/v1/models/a"],
    ["GET", "/v1/models/"],
    ["GET", "/models"],
    ["GET", "//v1/models"],
  ] as const) {
    // prettier-ignore
    const reply = await router().send(`/${app}${target}`, { method });
    expect(reply.headers["x-fal-served-from"], `${method} ${target}`).toBe("r1");
  }
  expect((await router().send(`/${app}/v1/models?x=1`)).headers["x-fal-served-from"]).toBeUndefined();
});

test.each([
  ["path:2", "owner/app-x", "/owner/app-x/v1/models", undefined],
  ["host", "app-x", "/v1/models", "app-x.example.com"],
  ["fixed:app-x", "app-x", "/v1/models", undefined],
])("MODELS-5 the path is the one that a replica would get, with APP_FROM=%s", async (from, app, target, host) => {
  await using own = await TestRouter.start({ MODELS_ENDPOINT: "openai", APP_FROM: from });
  await own.join({ app, replica: "r1", origin: NOBODY, hints: ["a"] });
  expect(counts(await own.send(target, host === undefined ? {} : { headers: { host } }))).toEqual([["a", 1, 0]]);
});

test("MODELS-6 an app without hints or without replicas has an empty list, one that there is not is 404", async () => {
  const [hintless, left] = [freshApp(), freshApp()];
  await router().join({ app: hintless, replica: "r1", origin: NOBODY });
  await router().join({ app: left, replica: "r1", origin: NOBODY, hints: ["a"] });
  await router().join({ app: left, replica: "r1", origin: NOBODY, status: "stopped" });
  for (const app of [hintless, left]) expect((await list(app)).json()).toEqual({ object: "list", data: [] });
  expectProblem(await list(freshApp("nobody")), 404, "app_not_found");
});

test("MODELS-7 without the setting the path is a replica's", async () => {
  await using own = await TestRouter.start();
  await using replica = await TestReplica.start();
  await own.join({ app: "app", replica: "r1", origin: replica.origin, hints: ["a"] });
  expect((await own.send("/app/v1/models")).headers["x-fal-served-from"]).toBe("r1");
});

test("MODELS-8 aliases are listed by the name that they stand for", async () => {
  await using own = await TestRouter.start({ MODELS_ENDPOINT: "openai", HINT_ALIASES: '{"llama3":"llama3:latest"}' });
  await own.join({ app: "app", replica: "r1", origin: NOBODY, hints: ["llama3"] });
  await own.join({ app: "app", replica: "r2", origin: "http://127.0.0.2:9", hints: ["llama3:latest"] });
  expect(counts(await own.send("/app/v1/models"))).toEqual([["llama3:latest", 2, 0]]);
});

describe("a page of another origin", () => {
  test("MODELS-9 may read the list if CORS_ORIGINS admits it", async () => {
    const app = freshApp();
    await router().join({ app, replica: "r1", origin: NOBODY, hints: ["a"] });
    const from = (origin: string) => router().send(`/${app}/v1/models`, { headers: { origin } });
    const admitted = await from("https://app.example.com");
    expect(admitted.headers).toMatchObject({ "access-control-allow-origin": "https://app.example.com", vary: "origin" });
    expect((await from("https://other.example.com")).headers).not.toHaveProperty("access-control-allow-origin");
  });
});
