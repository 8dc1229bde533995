// Contract, "Heartbeat": an origin belongs to one replica of an app.
import { expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

const router = sharedRouter();

/** A heartbeat with exactly this origin. */
const beat = (app: string, replica: string, origin: string, more: Record<string, unknown> = {}) =>
  router().beat({ app, replica, origin, ...more });

const ids = async (app: string) => (await router().view(app)).replicas.map(({ replica }) => replica);

test("ORIGIN-1 a heartbeat of another id with that origin ends the older entry, and the answer warns", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  const first = await beat(app, "old", replica.origin, { hints: ["h"], incarnation: 1 });
  expect(first.json()).not.toHaveProperty("warnings");
  const second = await beat(app, "new", replica.origin, { hints: [], incarnation: 2 });
  expect([second.status, second.json<{ warnings: string[] }>().warnings]).toEqual([200, [expect.stringContaining("old")]]);
  expect(await ids(app)).toEqual(["new"]);
  const { headers } = await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "h" } });
  expect(headers["x-fal-served-from"]).toBe("new");
  expect((await beat(app, "new", replica.origin, { hints: [], incarnation: 2 })).json()).not.toHaveProperty("warnings");
});

test("ORIGIN-1 of equal incarnations the last to come has it", async () => {
  const app = freshApp();
  for (const name of ["a", "b", "a"]) expect((await beat(app, name, "http://127.0.0.1:9")).status).toBe(200);
  expect(await ids(app)).toEqual(["a"]);
});

test("ORIGIN-2 unless that has a newer incarnation: 409 origin_taken, which names it and changes nothing", async () => {
  const app = freshApp();
  expect((await beat(app, "new", "http://127.0.0.1:9", { incarnation: 2 })).status).toBe(200);
  const refused = await beat(app, "old", "http://127.0.0.1:9", { incarnation: 1 });
  expectProblem(refused, 409, "origin_taken");
  expect(refused.json()).toMatchObject({ replica: "new", known: { incarnation: 2 } });
  expect(await ids(app)).toEqual(["new"]);
});

test("ORIGIN-3 it is free once its replica has left or has moved", async () => {
  const app = freshApp();
  const said = { incarnation: 2 };
  await beat(app, "a", "http://127.0.0.1:9", said);
  await beat(app, "a", "http://127.0.0.1:10", said);
  expect((await beat(app, "b", "http://127.0.0.1:9", { incarnation: 1 })).json()).not.toHaveProperty("warnings");
  await beat(app, "a", "http://127.0.0.1:10", { ...said, status: "stopped" });
  expect((await beat(app, "c", "http://127.0.0.1:10", { incarnation: 1 })).json()).not.toHaveProperty("warnings");
  expect((await ids(app)).toSorted()).toEqual(["b", "c"]);
});

test("ORIGIN-4 apps share origins as they like", async () => {
  await using replica = await TestReplica.start();
  const apps = [freshApp(), freshApp()];
  for (const app of apps) expect((await beat(app, `of-${app}`, replica.origin)).json()).not.toHaveProperty("warnings");
  for (const app of apps) expect((await router().send(`/${app}/x`)).headers["x-fal-served-from"]).toBe(`of-${app}`);
});

test("ORIGIN-5 what runs by the older entry runs on", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  const app = freshApp();
  await beat(app, "old", replica.origin);
  const running = router().send(`/${app}/x`);
  await until("it runs", () => held.holding === 1);
  await beat(app, "new", replica.origin);
  held.releaseAll();
  const { status, headers } = await running;
  expect([status, headers["x-fal-served-from"]]).toEqual([200, "old"]);
});
