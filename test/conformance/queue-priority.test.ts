// Contract, "Waiting": X-Fal-Queue-Priority, which puts a request behind the others that wait, or before them.
import { describe, expect, test } from "vitest";
import { expectProblem, expectRetryAfter, freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

const router = sharedRouter({ QUEUE_LENGTH_MAX: "4" });
const LOW = { "x-fal-queue-priority": "low" };

/** An app with one replica whose only slot is taken. */
async function busyApp() {
  const held = holdAnswers();
  const replica = await TestReplica.start(held.answer);
  const app = freshApp("priority");
  await router().join({ app, replica: "r1", origin: replica.origin });
  const first = router().send(`/${app}/first`);
  await until("the slot is taken", () => held.holding === 1);
  const replies = [first];
  return {
    app,
    held,
    replica,
    /** Sends a request and waits until it is in the queue. */
    waits: async (target: string, headers: Record<string, string> = {}) => {
      const { waiting } = await router().view(app);
      replies.push(router().send(`/${app}/${target}`, { headers }));
      await until(`${target} waits`, async () => (await router().view(app)).waiting === waiting + 1);
    },
    all: async () => {
      held.releaseAll();
      return Promise.all(replies);
    },
    [Symbol.asyncDispose]: async () => {
      held.releaseAll();
      await Promise.allSettled(replies);
      await replica[Symbol.asyncDispose]();
    },
  };
}

test("PRIO-1 low waits behind normal, whoever came first, and is served", async () => {
  await using busy = await busyApp();
  await busy.waits("low", LOW);
  await busy.waits("plain");
  await busy.waits("normal", { "x-fal-queue-priority": "normal" });
  expect(await router().view(busy.app)).toMatchObject({ waiting: 3, waiting_low: 1 });
  for (const reply of await busy.all()) expect(reply.status).toBe(200);
  expect(busy.replica.received.map((request) => request.target)).toEqual(["/first", "/plain", "/normal", "/low"]);
});

test("PRIO-4 high waits before normal, whoever came first", async () => {
  await using busy = await busyApp();
  await busy.waits("low", LOW);
  await busy.waits("normal");
  await busy.waits("high", { "x-fal-queue-priority": "high" });
  expect(await router().view(busy.app)).toMatchObject({ waiting: 3, waiting_high: 1, waiting_low: 1 });
  for (const reply of await busy.all()) expect(reply.status).toBe(200);
  expect(busy.replica.received.map((request) => request.target)).toEqual(["/first", "/high", "/normal", "/low"]);
});

test("PRIO-2 low may fill half of the queue, normal all of it", async () => {
  await using busy = await busyApp();
  await busy.waits("1", LOW);
  await busy.waits("2");
  const refused = await router().send(`/${busy.app}/x`, { headers: LOW });
  expectProblem(refused, 429, "queue_full");
  expectRetryAfter(refused);
  await busy.waits("3");
  await busy.waits("4");
  expectProblem(await router().send(`/${busy.app}/x`), 429, "queue_full");
});

describe("PRIO-3 the value", () => {
  test.each(["LOW", " low ", "Normal", "high", "HIGH "])("is read without regard to case: %s", async (value) => {
    await using replica = await TestReplica.start();
    const app = freshApp("priority");
    await router().join({ app, replica: "r1", origin: replica.origin });
    expect((await router().send(`/${app}/x`, { headers: { "x-fal-queue-priority": value } })).status).toBe(200);
    expect(replica.last.headers).not.toHaveProperty("x-fal-queue-priority");
  });

  test.each(["urgent", "", "low,low", "1"])("is low, normal or high, else 400: %j", async (value) => {
    await using replica = await TestReplica.start();
    const app = freshApp("priority");
    await router().join({ app, replica: "r1", origin: replica.origin });
    const reply = await router().send(`/${app}/x`, { headers: { "x-fal-queue-priority": value } });
    expect(expectProblem(reply, 400, "bad_request").detail).toContain("x-fal-queue-priority");
    expect(replica.received).toHaveLength(0);
  });
});
