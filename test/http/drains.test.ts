// A replica that is taken out of service while it serves.
import { afterAll, beforeAll, expect, test } from "vitest";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start();
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

test.each(["draining", "drain"])("what runs on a replica ends well, and nothing new goes there (%s)", async (how) => {
  const held = holdAnswers();
  await using leaving = await TestReplica.start(held.answer);
  await using staying = await TestReplica.start();
  const says = { app: how, replica: "leaving", origin: leaving.origin, hints: ["h"], concurrency: 2 };
  await router.join(says);
  await router.join({ app: how, replica: "staying", origin: staying.origin, hints: [] });
  const send = () => router.send(`/${how}/x`, { headers: { "x-fal-runner-hint": "h" } });
  const running = send();
  await until("it runs", () => held.holding === 1);
  if (how === "draining") await router.join({ ...says, status: "draining" });
  else expect((await router.admin(`/-/apps/${how}/replicas/leaving/drain`, "POST")).status).toBe(200);
  expect((await send()).headers["x-fal-served-from"]).toBe("staying");
  expect((await router.view(how)).replicas).toMatchObject([{ replica: "leaving", in_flight: 1 }, { replica: "staying" }]);
  held.releaseAll();
  const { status, headers } = await running;
  expect([status, headers["x-fal-served-from"]]).toEqual([200, "leaving"]);
  await until("its slot is free", async () => (await router.view(how)).in_flight === 0);
});
