// Contract, "Scale": who may ask, what may be asked, what is answered, of apps with replicas and without.
import { expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const METRICS_TOKEN = "metrics-token";
const router = sharedRouter({ METRICS_TOKEN });
const bearer = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

interface Scale {
  readonly desired_replicas: number;
  readonly waiting: number;
  readonly running: number;
  readonly last_request_s: number | null;
}

const scaleOf = (app: string, query = "", its: TestRouter = router()) =>
  its.send(`/-/apps/${encodeURIComponent(app)}/scale${query}`, bearer(METRICS_TOKEN));
const told = async (app: string, query = "") => (await scaleOf(app, query)).json<Scale>();

test("SCALE-1 the admin's token or METRICS_TOKEN is needed", async () => {
  const app = freshApp();
  await router().join(validBeat(app));
  const target = `/-/apps/${app}/scale`;
  for (const token of ["", "wrong", "beat-token", "metrics-tokem"])
    expectProblem(await router().send(target, bearer(token)), 401, "unauthorized");
  expectProblem(await router().send(target), 401, "unauthorized");
  for (const token of ["admin-token", METRICS_TOKEN]) expect((await router().send(target, bearer(token))).status).toBe(200);
  expectProblem(await router().send(target, { method: "POST", ...bearer(METRICS_TOKEN) }), 405, "method_not_allowed");
  expect((await router().send(target, { method: "HEAD", ...bearer(METRICS_TOKEN) })).status).toBe(200);
  await using closed = await TestRouter.start({ ADMIN_TOKEN: "" });
  expectProblem(await closed.send(target, bearer("admin-token")), 401, "unauthorized");
});

test("SCALE-2 a bad parameter is 400 and named, before the app is looked for", async () => {
  const app = freshApp();
  await router().join(validBeat(app));
  for (const [query, field] of [
    ["min=x", "min"],
    ["max=20000", "max"],
    ["target=2", "target"],
    ["window_s=5", "window_s"],
    ["min=2&max=1", "min"],
    ["max_replicas=3", "max_replicas"],
  ] as const) {
    for (const name of [app, "nosuch"]) {
      const { detail } = expectProblem(await scaleOf(name, `?${query}`), 400, "bad_request");
      expect(detail.split(" ")[0]).toBe(field);
    }
  }
});

test("SCALE-3 every member, its type, and what was asked", async () => {
  const app = freshApp("owner/app");
  await router().join(validBeat(app, { concurrency: 4, hints: ["m"] }));
  const reply = await scaleOf(app, "?min=1&max=5&target=0.5&clear_s=30&start_s=8&window_s=120&slots=2");
  expect(reply.headers["cache-control"]).toBe("no-store");
  expect(reply.headers["content-type"]).toMatch(/^application\/json/);
  expect(reply.headers["x-fal-request-id"]).toMatch(/\S/);
  expect(reply.json()).toEqual({
    ...{ app, desired_replicas: 1, reasons: ["unwatched"], replicas: 1, slots: 4, slots_per_replica: 4 },
    ...{ running: 0, waiting: 0, waiting_work_s: 0, mean_running: 0, utilisation: 0, load_s: 20, last_request_s: null },
    ...{ watched_s: expect.any(Number), peak: { ago_s: 0, demand_slots: 0, waiting_slots: 0 } },
    ...{ min: 1, max: 5, target: 0.5, clear_s: 30, start_s: 8, window_s: 120 },
  });
});

test("SCALE-4 what runs and what waits asks for replicas, within the ceiling", async () => {
  const app = freshApp();
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  await router().join({ app, replica: "r", origin: replica.origin, concurrency: 1 });
  const sent = Array.from({ length: 12 }, () => router().send(`/${app}/x`));
  await until("one runs and the others wait", async () => {
    const { running, waiting } = await told(app);
    return running === 1 && waiting === 11;
  });
  // 11 jobs of a load that is taken to last 12 s, in 60 s.
  // Whether the number is near enough too depends on how long it has run by now.
  const reasons = expect.arrayContaining(["demand", "waiting"]);
  expect(await told(app)).toMatchObject({ replicas: 1, waiting_work_s: 132, reasons });
  expect((await told(app)).desired_replicas).toBeGreaterThanOrEqual(3);
  expect(await told(app, "?max=2")).toMatchObject({ desired_replicas: 2, max: 2 });
  expect((await told(app, "?clear_s=6")).desired_replicas).toBeGreaterThanOrEqual(17);
  held.releaseAll();
  expect(new Set((await Promise.all(sent)).map(({ status }) => status))).toEqual(new Set([200]));
  expect(await told(app)).toMatchObject({ running: 0, waiting: 0 });
});

test("SCALE-5 an app without replicas answers as long as it is known, and asks for one once a request came", async () => {
  const app = freshApp();
  await router().join(validBeat(app));
  await router().beat(validBeat(app, { status: "stopped" }));
  const empty = { replicas: 0, slots: 0, slots_per_replica: null, utilisation: null };
  expect(await told(app)).toMatchObject({ desired_replicas: 0, reasons: ["idle"], last_request_s: null, ...empty });
  expect((await told(app, "?min=2")).desired_replicas).toBe(2);
  // It waits for one time to live, because the replica's next process may come.
  const timeout = { headers: { "x-fal-request-timeout": "0.2" } };
  expectProblem(await router().send(`/${app}/x`, timeout), 504, "request_timeout");
  expect(await told(app)).toMatchObject({ desired_replicas: 1, last_request_s: expect.any(Number), ...empty });
  expect((await told(app, "?max=0")).desired_replicas).toBe(0);
  expectProblem(await scaleOf("nosuch"), 404, "app_not_found");
});

test("SCALE-6 an OPTIONS that finds no replica counts as a request", async () => {
  const app = freshApp();
  await router().join(validBeat(app));
  await router().beat(validBeat(app, { status: "stopped" }));
  expectProblem(await router().send(`/${app}/x`, { method: "OPTIONS" }), 503, "no_replicas");
  expect((await told(app)).desired_replicas).toBe(1);
});
