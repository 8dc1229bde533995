// Contract, "Metrics": who may scrape, the form of the text, what the counters count.
import { expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { readOpenMetrics, valueIn } from "../support/openmetrics.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const METRICS_TOKEN = "metrics-token";
const router = sharedRouter({ METRICS_TOKEN });
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

async function scraped(its: TestRouter = router()) {
  const reply = await its.send("/-/metrics", bearer(METRICS_TOKEN));
  expect(reply.status, reply.text).toBe(200);
  const families = readOpenMetrics(reply.text);
  return { reply, families, value: (name: string, labels: Record<string, string>) => valueIn(families, name, labels) };
}

test("METRICS-1 the admin's token or METRICS_TOKEN is needed, and METRICS_TOKEN opens nothing else", async () => {
  for (const token of ["", "wrong", "beat-token", "metrics-tokem", "admin-token metrics-token"]) {
    expectProblem(await router().send("/-/metrics", bearer(token)), 401, "unauthorized");
  }
  expectProblem(await router().send("/-/metrics"), 401, "unauthorized");
  for (const token of ["admin-token", METRICS_TOKEN]) expect((await router().send("/-/metrics", bearer(token))).status).toBe(200);
  for (const target of ["/-/apps", "/-/apps/a", "/-/apps/a/explain"]) {
    expectProblem(await router().send(target, bearer(METRICS_TOKEN)), 401, "unauthorized");
  }
  expectProblem(await router().beat(validBeat("a"), bearer(METRICS_TOKEN).headers), 401, "unauthorized");
  expectProblem(await router().send("/-/metrics", { method: "POST", ...bearer(METRICS_TOKEN) }), 405, "method_not_allowed");
});

test("METRICS-1 without either token nobody may", async () => {
  await using closed = await TestRouter.start({ ADMIN_TOKEN: "" });
  for (const token of ["", "null", "undefined", "admin-token"]) {
    expectProblem(await closed.send("/-/metrics", bearer(token)), 401, "unauthorized");
  }
});

test("METRICS-2 it is OpenMetrics text, the same families with apps and without", async () => {
  await using empty = await TestRouter.start({ METRICS_TOKEN });
  const { reply, families } = await scraped(empty);
  expect(reply.headers["content-type"]).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
  expect(reply.headers["cache-control"]).toBe("no-store");
  expect(reply.headers["x-fal-request-id"]).toMatch(/\S/);
  const app = freshApp();
  await router().join(validBeat(app));
  const full = await scraped();
  expect([...full.families.keys()]).toEqual([...families.keys()]);
  for (const { samples } of full.families.values()) expect(samples.length).toBeGreaterThan(0);
  const labels = [...full.families.values()].flatMap(({ samples }) => samples.flatMap((sample) => Object.keys(sample.labels)));
  expect(new Set(labels)).toEqual(new Set(["app", "reason", "outcome", "kind", "le", "state", "priority"]));
});

test("METRICS-3 requests by reason and outcome, times, refusals, loads, replicas, slots, queue", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start((request, response) => {
    if (request.url?.startsWith("/400")) return response.writeHead(400).end();
    if (request.url?.startsWith("/500")) return response.writeHead(500).end();
    return request.url?.startsWith("/held") ? held.answer(request, response) : response.end("ok");
  });
  const app = freshApp("counted");
  await router().join({ app, replica: "r", origin: replica.origin, hints: ["warm"], hint_slots: 4 });
  const ask = (path: string, hint: string, more: Record<string, string> = {}) =>
    router().send(`/${app}/${path}`, { headers: { "x-fal-runner-hint": hint, ...more } });
  for (const [path, hint] of [
    ["x", "warm"],
    ["x", "cold"],
    ["400", "warm"],
    ["500", "warm"],
  ] as const)
    await ask(path, hint);
  const waiting = [ask("held", "warm"), ask("held", "warm", { "x-fal-queue-priority": "low" })];
  await until("one waits", async () => (await scraped()).value("warmpath_queue_length", { app, priority: "low" }) === 1);
  const busy = await scraped();
  expect(busy.value("warmpath_slots", { app, state: "busy" })).toBe(1);
  expect(busy.value("warmpath_replicas", { app, state: "ready" })).toBe(1);
  held.releaseAll();
  await Promise.all(waiting);
  await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "warm" } });
  await until("all are over", async () => (await router().view(app)).in_flight === 0);
  await until("all are told", async () => (await scraped()).value("warmpath_service_seconds_count", { app }) === 5);
  const { families, value } = await scraped();
  const outcomes = families
    .get("warmpath_requests")
    ?.samples.filter(({ labels, value: its }) => labels["app"] === app && its > 0);
  expect(
    Object.fromEntries(outcomes?.map(({ labels, value: its }) => [`${labels["reason"]} ${labels["outcome"]}`, its]) ?? []),
  ).toEqual({
    "hint_match success": 3,
    "hint_match rejected": 1,
    "hint_match error": 1,
    "hash_owner success": 1,
    "hint_wait success": 1,
  });
  expect(value("warmpath_queue_wait_seconds_count", { app })).toBe(7);
  expect(value("warmpath_first_byte_seconds_count", { app })).toBe(5);
  expect(value("warmpath_loads_total", { app, kind: "first_touch" })).toBe(1);
  expect(value("warmpath_load_seconds_count", { app })).toBe(1);
  expect(value("warmpath_heartbeats_total", { app, outcome: "accepted" })).toBe(1);
  expect(value("warmpath_scrape_errors", { app })).toBe(0);
  for (const { samples } of families.values())
    for (const { labels } of samples) expect(Object.values(labels)).not.toContain("warm");
});

test("METRICS-4 the names of apps are escaped by URL rules nowhere, and hints, replicas and clients are no labels", async () => {
  const app = "owner/app";
  await router().join(validBeat(app));
  expect((await scraped()).value("warmpath_replicas", { app, state: "ready" })).toBe(1);
});

test("METRICS-5 counters outlive a restart; refusals and retries count", async () => {
  await using its = await TestRouter.start({ METRICS_TOKEN });
  await using fails = await TestReplica.start((_request, response) => response.writeHead(503).end());
  const app = freshApp("restarted");
  await its.join({ app, replica: "r1", origin: fails.origin });
  await its.join({ app, replica: "r2", origin: fails.origin });
  await its.send(`/${app}/x`);
  const before = await scraped(its);
  expect(before.value("warmpath_retries_total", { app })).toBe(1);
  expect(before.value("warmpath_refusals_total", { app, reason: "no_other_replica" })).toBe(1);
  expect(before.value("warmpath_requests_total", { app, reason: "least_loaded", outcome: "unavailable" })).toBe(2);
  await its.restart();
  const after = await scraped(its);
  expect(after.families.get("warmpath_requests")).toEqual(before.families.get("warmpath_requests"));
  expect(after.value("warmpath_retries_total", { app })).toBe(1);
});

test("METRICS-6 after=APP gives the apps whose names come later", async () => {
  await router().join(validBeat("zz-last"));
  const reply = await router().send("/-/metrics?after=zz-kast", bearer(METRICS_TOKEN));
  const families = readOpenMetrics(reply.text);
  expect(new Set(families.get("warmpath_replicas")?.samples.map(({ labels }) => labels["app"]))).toEqual(new Set(["zz-last"]));
  expect(valueIn(families, "warmpath_scrape_truncated", {})).toBe(0);
});
