// Contract, "The document": what the router answers is what GET /-/openapi.json shows, for each route, in good cases and bad ones. A linter reads it, and
// its schemas admit what the router takes.
import { createConfig, lintFromString } from "@redocly/openapi-core";
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { OpenApi, type Operation } from "../support/openapi.ts";
import { TestReplica } from "../support/replica.ts";
import { ADMIN, TestRouter, TOKEN, type Reply } from "../support/router.ts";
import { until } from "../support/until.ts";

const router = sharedRouter({
  HEARTBEAT_TOKENS: `{"*": "${TOKEN}", "only": "only-token"}`,
  METRICS_TOKEN: "metrics-token",
  HEARTBEAT_RATE_MAX: "10000",
});
let api: OpenApi;
beforeAll(async () => {
  api = await OpenApi.of(router());
});

/** The document shows that answer. `errorType`: null if it is none of the router's errors. */
function expectShown(operationId: string, reply: Reply, errorType: string | null = null): void {
  expect(reply.headers["x-fal-error-type"] ?? null, reply.text).toBe(errorType);
  expect(api.faults(api.operation(operationId), reply)).toEqual([]);
}

/** The path with names for its parameters. */
function targetOf({ path }: Operation): string {
  return path.replace("{app}", "a").replace("{replica}", "r").replace("{path}", "x");
}

/** What is told of an app while one request runs and another waits. */
async function waitedOn(ask: (app: string) => Promise<Reply>): Promise<Reply> {
  const held = holdAnswers();
  await using busy = await TestReplica.start(held.answer);
  const app = freshApp();
  await router().join({ app, replica: "busy", origin: busy.origin, hints: ["h"] });
  const replies = [1, 2].map(() => router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "h" } }));
  await until("one waits", async () => (await router().view(app)).waiting === 1);
  const told = await ask(app);
  held.releaseAll();
  await Promise.all(replies);
  return told;
}

/** An app with one replica that nobody reaches. */
async function joined(change: Record<string, unknown> = {}): Promise<string> {
  const app = freshApp();
  await router().join(validBeat(app, change));
  return app;
}

test("API-1 needs no token, is the same for every router, and may be read by its HEAD", async () => {
  const reply = await router().send("/-/openapi.json");
  expect(reply.status).toBe(200);
  expect(reply.headers["content-type"]).toMatch(/^application\/json\b/);
  await using other = await TestRouter.start({ ADMIN_TOKEN: "", APP_FROM: "fixed:internal-name", HINT_HEADERS: "x-internal" });
  expect((await other.send("/-/openapi.json")).text).toBe(reply.text);
  expect(await router().send("/-/openapi.json", { method: "HEAD" })).toMatchObject({ status: 200, text: "" });
});

test("API-2 is OpenAPI 3.1 of this version, and a linter finds nothing", async () => {
  const { openapi, info } = JSON.parse(api.text) as { openapi: string; info: { version: string } };
  expect(openapi).toMatch(/^3\.1\./);
  const { version } = JSON.parse(readFileSync(path.join(PROJECT, "package.json"), "utf8")) as { version: string };
  expect(info.version).toBe(version);
  const config = await createConfig({ extends: ["recommended-strict"] });
  const problems = await lintFromString({ source: api.text, config });
  expect(problems.map(({ ruleId, message, location }) => `${ruleId}: ${message} (${location[0]?.pointer})`)).toEqual([]);
});

type Case = readonly [operationId: string, errorType: string | null, what: string, () => Promise<Reply>];

const explain = (app: string, query = "") => router().admin(`/-/apps/${app}/explain${query}`);
const onReplica = (app: string, what: string, method = "POST") => router().admin(`/-/apps/${app}/replicas/${what}`, method);

const CASES: readonly Case[] = [
  ["health", null, "good", () => router().send("/-/healthz")],
  ["openApi", null, "good", () => router().send("/-/openapi.json")],
  ["heartbeat", null, "good", () => router().beat(validBeat(freshApp()))],
  [
    "heartbeat",
    null,
    "with advice",
    async () => {
      const beat = validBeat(freshApp(), { hints: ["old"], hint_slots: 1 });
      await router().join(beat);
      await router().admin(`/-/apps/${beat.app}/warm?hint=new`, "POST");
      const told = await router().beat(beat);
      expect(told.json()).toMatchObject({ load: ["new"], evict: ["old"] });
      return told;
    },
  ],
  ["heartbeat", null, "with warnings", () => router().beat(validBeat(freshApp(), { hint_slot: 1 }))],
  ["heartbeat", "bad_request", "no JSON", () => router().beat("{")],
  ["heartbeat", "payload_too_large", "too long", () => router().beat(" ".repeat(300_000))],
  ["heartbeat", "forbidden", "another app's token", () => router().beat(validBeat("a"), { authorization: "Bearer only-token" })],
  ["heartbeat", "invalid_heartbeat", "a bad field", () => router().beat(validBeat("a", { concurrency: 0 }))],
  [
    "heartbeat",
    "stale_heartbeat",
    "an older report",
    async () => router().beat(validBeat(await joined({ incarnation: 5, sequence: 2 }), { incarnation: 5, sequence: 1 })),
  ],
  [
    "heartbeat",
    "stale_heartbeat",
    "an older process",
    async () => router().beat(validBeat(await joined({ incarnation: 5 }), { incarnation: 4 })),
  ],
  [
    "heartbeat",
    "origin_taken",
    "another's origin",
    async () => {
      const origin = "http://127.0.0.1:9";
      return router().beat(validBeat(await joined({ origin, incarnation: 2 }), { replica: "r2", origin, incarnation: 1 }));
    },
  ],
  [
    "heartbeat",
    "fleet_full",
    "16 MiB of hints",
    async () => {
      const app = freshApp();
      const hints = (n: number) => Array.from({ length: 256 }, (_, m) => `${n}.${m}.`.padEnd(512, "h"));
      for (let n = 0; n < 128; n++) await router().join(validBeat(app, { replica: `r${n}`, hints: hints(n) }));
      return router().beat(validBeat(app, { replica: "more", hints: ["one-more"] }));
    },
  ],
  [
    "heartbeat",
    "rate_limited",
    "too many in a second",
    async () => {
      await using slow = await TestRouter.start({ HEARTBEAT_RATE_MAX: "1" });
      const beat = validBeat(freshApp());
      const replies = await Promise.all(Array.from({ length: 20 }, () => slow.beat(beat)));
      return replies.find(({ status }) => status === 429) as Reply;
    },
  ],
  ["metrics", null, "good", () => router().send("/-/metrics?after=a", { headers: { authorization: "Bearer metrics-token" } })],
  ["listApps", null, "good", async () => (await joined(), router().admin("/-/apps"))],
  ["listApps", null, "a later page", () => router().admin("/-/apps?after=zzz")],
  ["viewApp", null, "full of nulls", async () => router().admin(`/-/apps/${await joined()}`)],
  [
    "viewApp",
    null,
    "without nulls",
    async () => {
      await using replica = await TestReplica.start((_request, response) => response.writeHead(500).end());
      const app = freshApp();
      await router().join({ app, replica: "r", origin: replica.origin, sequence: 1, hints: ["h"], hint_slots: 3 });
      await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "cold" } });
      return router().admin(`/-/apps/${app}`);
    },
  ],
  ["viewApp", "app_not_found", "an unknown app", () => router().admin("/-/apps/nobody")],
  ["explainApp", null, "a grant", async () => explain(await joined(), "?hint=h&hint=i")],
  [
    "explainApp",
    null,
    "a wait",
    async () => {
      const told = await explain(await joined({ status: "starting" }), "?hint=h,i");
      expect(told.json()).toMatchObject({ decision: { outcome: "wait", worth_waiting_s: null } });
      return told;
    },
  ],
  [
    "explainApp",
    null,
    "a wait for a warm replica",
    async () => {
      const held = holdAnswers();
      await using busy = await TestReplica.start(held.answer);
      await using idle = await TestReplica.start();
      const app = freshApp();
      await router().join({ app, replica: "busy", origin: busy.origin, hints: ["h"] });
      await router().join({ app, replica: "idle", origin: idle.origin, hints: ["other"] });
      const reply = router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "h" } });
      await until("it runs", () => held.holding === 1);
      const told = await explain(app, "?hint=h");
      held.releaseAll();
      await reply;
      expect(told.json()).toMatchObject({ decision: { outcome: "wait", worth_waiting_s: expect.any(Number) } });
      return told;
    },
  ],
  [
    "explainApp",
    null,
    "a refusal",
    async () => {
      await using full = await TestRouter.start({ QUEUE_LENGTH_MAX: "0" });
      const app = freshApp();
      await full.join(validBeat(app, { status: "starting" }));
      const told = await full.admin(`/-/apps/${app}/explain`);
      expect(told.json()).toMatchObject({ decision: { outcome: "refuse" } });
      return told;
    },
  ],
  ["explainApp", "bad_request", "a hint that is none", async () => explain("a", "?hint=%C3%A9")],
  ["explainApp", "app_not_found", "an unknown app", () => explain("nobody")],
  ["warmApp", null, "good", async () => router().admin(`/-/apps/${await joined()}/warm?hint=h&hint=i`, "POST")],
  ["warmApp", "bad_request", "no hint", () => router().admin("/-/apps/nobody/warm", "POST")],
  ["warmApp", "app_not_found", "an unknown app", () => router().admin("/-/apps/nobody/warm?hint=h", "POST")],
  ["scaleApp", null, "good", async () => router().admin(`/-/apps/${await joined()}/scale?min=1&max=20`)],
  ["scaleApp", "bad_request", "an unknown parameter", () => router().admin("/-/apps/nobody/scale?most=1")],
  ["scaleApp", "app_not_found", "an unknown app", () => router().admin("/-/apps/nobody/scale")],
  ["viewQueue", null, "requests that wait", async () => waitedOn((app) => router().admin(`/-/apps/${app}/queue`))],
  ["viewQueue", "app_not_found", "an unknown app", () => router().admin("/-/apps/nobody/queue")],
  ["viewMatrix", null, "hints that are held", async () => router().admin(`/-/apps/${await joined()}/matrix?hints=5`)],
  ["viewMatrix", "bad_request", "too many hints", () => router().admin("/-/apps/nobody/matrix?hints=201")],
  ["viewMatrix", "app_not_found", "an unknown app", () => router().admin("/-/apps/nobody/matrix")],
  ["viewHistory", null, "a minute with requests", async () => waitedOn((app) => router().admin(`/-/apps/${app}/history`))],
  ["viewHistory", "app_not_found", "an unknown app", () => router().admin("/-/apps/nobody/history")],
  [
    "viewEvents",
    null,
    "a load among others",
    async () => {
      await using replica = await TestReplica.start();
      const app = freshApp();
      await router().join({ app, replica: "r", origin: replica.origin, hints: ["h"], hint_slots: 1 });
      await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "cold" } });
      return router().admin(`/-/apps/${app}/events`);
    },
  ],
  ["viewEvents", "bad_request", "no sequence", () => router().admin("/-/apps/nobody/events?after=x")],
  ["viewEvents", "app_not_found", "an unknown app", () => router().admin("/-/apps/nobody/events")],
  ["drainReplica", null, "good", async () => onReplica(await joined(), "r1/drain")],
  ["drainReplica", "app_not_found", "an unknown app", () => onReplica("nobody", "r1/drain")],
  ["drainReplica", "not_found", "an unknown replica", async () => onReplica(await joined(), "r2/drain")],
  ["undrainReplica", null, "good", async () => onReplica(await joined(), "r1/undrain")],
  ["undrainReplica", "app_not_found", "an unknown app", () => onReplica("nobody", "r1/undrain")],
  ["undrainReplica", "not_found", "an unknown replica", async () => onReplica(await joined(), "r2/undrain")],
  ["removeReplica", null, "good", async () => onReplica(await joined(), "r1", "DELETE")],
  ["removeReplica", "app_not_found", "an unknown app", () => onReplica("nobody", "r1", "DELETE")],
  ["removeReplica", "not_found", "an unknown replica", async () => onReplica(await joined(), "r2", "DELETE")],
];

describe("the control plane answers as the document shows", () => {
  test.each(CASES)("API-3 %s: %s, %s", async (operationId, errorType, _, cause) => {
    expectShown(operationId, await cause(), errorType);
  });

  const onEach = async (errorType: string, send: (operation: Operation) => Promise<Reply>, guardedAlone = false) => {
    const all = api.operations.filter(({ path }) => path.startsWith("/-/"));
    const operations = guardedAlone ? all.filter(({ isOpen }) => !isOpen) : all;
    expect(operations.length).toBeGreaterThan(5);
    for (const operation of operations) expectShown(operation.operationId, await send(operation), errorType);
  };

  test("API-3 each operation without its token, and not those that need none", async () => {
    await onEach("unauthorized", (its) => router().send(targetOf(its), its), true);
  });

  test("API-3 each operation with a Host that is none", async () => {
    const headers = { authorization: `Bearer ${ADMIN}`, host: "a/b" };
    await onEach("bad_request", (its) => router().send(targetOf(its), { method: its.method, headers }));
  });

  test("API-3 each operation where a setting is bad", async () => {
    await using bad = await TestRouter.start({ QUEUE_TIMEOUT_MS: "soon" });
    await onEach("misconfigured", (its) => bad.send(targetOf(its), its));
  });

  test("API-3 an error is application/json where Accept asks for that", async () => {
    const headers = { accept: "application/json" };
    await onEach("unauthorized", (its) => router().send(targetOf(its), { method: its.method, headers }), true);
  });

  test("API-4 each answer that the document shows is caused above", () => {
    const tested = new Set(CASES.map(([operationId, errorType]) => `${operationId} ${errorType}`));
    /** The first three are tested with each operation. Nothing that a client sends causes a fault of the router. */
    const elsewhere = new Set(["bad_request", "unauthorized", "misconfigured", "internal_error"]);
    const shown = api.operations
      .filter((operation) => operation.path.startsWith("/-/"))
      .flatMap((operation) => [null, ...api.errorsOf(operation)].map((type) => [operation.operationId, type] as const))
      .filter(([, type]) => type === null || !elsewhere.has(type))
      .map(([operationId, type]) => `${operationId} ${type}`);
    expect(shown.filter((its) => !tested.has(its))).toEqual([]);
  });
});

describe("clients are answered as the document shows", () => {
  test.each(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])("API-5 %s by a replica", async (method) => {
    await using replica = await TestReplica.start();
    const app = freshApp();
    await router().join({ app, replica: "r", origin: replica.origin });
    const { operationId } = api.operations.find((its) => its.path === "/{app}/{path}" && its.method === method) as Operation;
    const reply = await router().send(`/${app}/x`, { method });
    expect(reply.headers["x-fal-served-from"]).toBe("r");
    expectShown(operationId, reply);
  });

  test.each<Case>([
    ["getAppPath", "app_not_found", "an unknown app", () => router().send("/nobody/x")],
    ["getApp", "app_not_found", "an unknown app", () => router().send("/nobody")],
    ["getAppPath", "bad_request", "a bad hint", () => router().send("/a/x", { headers: { "x-fal-runner-hint": "\u00e9" } })],
    ["getAppPath", "loop_detected", "a loop", () => router().send("/a/x", { headers: { via: "1.1 warmpath" } })],
    ["getAppPath", "runner_disconnected", "a replica that nobody reaches", async () => router().send(`/${await joined()}/x`)],
    [
      "getAppPath",
      "request_timeout",
      "no replica in time",
      async () => router().send(`/${await joined({ status: "starting" })}/x`, { headers: { "x-fal-request-timeout": "0.1" } }),
    ],
    [
      "getAppPath",
      "queue_full",
      "too many that wait",
      async () => router().send(`/${await joined({ status: "starting" })}/x?fal_max_queue_length=0`),
    ],
    [
      "optionsAppPath",
      "no_replicas",
      "no replica",
      async () => router().send(`/${await joined({ status: "starting" })}/x`, { method: "OPTIONS" }),
    ],
  ])("API-5 %s: %s, %s", async (operationId, errorType, _, cause) => {
    expectShown(operationId, await cause(), errorType);
  });

  test("API-5 a call of fal's queue", async () => {
    await using pair = await TestRouter.start({ APP_FROM: "path:2" });
    expectShown("getAppPath", await pair.send("/owner/app/requests/1/status"), "queue_not_available");
  });
});
