// Contract, "Prewarming": hints that a client or an administrator announces, and the advice in the answer to an idle replica's heartbeat.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

const router = sharedRouter({
  HEARTBEAT_INTERVAL_MS: "5000",
  NO_SLOT: "GET /health",
  HINT_ALIASES: '{"llama3":"llama3:latest"}',
});

const warm = (app: string, query: string) => router().admin(`/-/apps/${app}/warm${query}`, "POST");
const TIMES = { time_to_live_ms: 15_000, next_heartbeat_ms: 5000 };

/** An app of one replica that holds `old` and `older`. */
async function appOf(replica: TestReplica, change: Record<string, unknown> = {}) {
  const app = freshApp("prewarm");
  const beat = validBeat(app, { origin: replica.origin, hints: ["old", "older"], hint_slots: 3, ...change });
  await router().join(beat);
  return { app, answer: async () => (await router().beat(beat)).json() };
}

/** The router has heard of so many announced hints. */
async function heard(app: string, hints: number): Promise<void> {
  const lines = async () => (await router().send("/-/metrics", { headers: { authorization: "Bearer admin-token" } })).text;
  const line = `warmpath_prewarms_total{app="${app}"} ${hints}`;
  await until("the announcement is known", async () => (await lines()).includes(line));
}

describe("PREWARM-1 x-warmpath-prewarm", () => {
  test.each([
    ["a request that takes a slot", "/x"],
    ["one that takes none", "/health"],
  ])("of %s: the answer is the replica's, and the next heartbeat of an idle replica is answered with advice", async (_, path) => {
    await using replica = await TestReplica.start();
    const { app, answer } = await appOf(replica);
    const headers = { "x-fal-runner-hint": "old", "x-warmpath-prewarm": "sdxl, llama3" };
    const reply = await router().send(`/${app}${path}`, { headers });
    expect([reply.status, reply.headers["x-warmpath-reason"]]).toEqual([200, "hint_match"]);
    expect(replica.received[0]?.headers["x-warmpath-prewarm"]).toBeUndefined();
    await heard(app, 2);
    expect(await answer()).toEqual({ ...TIMES, load: ["sdxl"] });
  });

  test.each(["a\u00e9", "x".repeat(513), "a,b,c,d,e,f,g,h,i"])("%j is malformed: 400, and no replica is asked", async (hints) => {
    await using replica = await TestReplica.start();
    const { app } = await appOf(replica);
    const reply = await router().send(`/${app}/x`, { headers: { "x-warmpath-prewarm": hints } });
    expect(expectProblem(reply, 400, "bad_request").detail).toContain("x-warmpath-prewarm");
    expect(replica.received).toHaveLength(0);
  });

  test("a hint that is announced with each request is passed on once", async () => {
    await using replica = await TestReplica.start();
    const { app } = await appOf(replica);
    for (const hints of ["sdxl", "sdxl", "sdxl, flux"]) {
      await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "old", "x-warmpath-prewarm": hints } });
    }
    await heard(app, 2);
    expect((await warm(app, "?hint=last")).status).toBe(200);
    await heard(app, 3);
  });

  test("an empty one announces nothing", async () => {
    await using replica = await TestReplica.start();
    const { app, answer } = await appOf(replica);
    expect((await router().send(`/${app}/x`, { headers: { "x-warmpath-prewarm": " , " } })).status).toBe(200);
    expect(await answer()).toEqual(TIMES);
  });
});

describe("PREWARM-2 POST /-/apps/APP/warm", () => {
  test("says who holds the hints, by their own names, and announces them", async () => {
    await using replica = await TestReplica.start();
    const { app, answer } = await appOf(replica);
    const reply = await warm(app, "?hint=old&hint=llama3");
    expect(reply.status, reply.text).toBe(200);
    const hints = [{ hint: "old", replicas: 1, loading: 0 }, { hint: "llama3:latest", replicas: 0, loading: 0 }]; // prettier-ignore
    expect(reply.json()).toEqual({ app, hints });
    expect(await answer()).toEqual({ ...TIMES, load: ["llama3:latest"] });
    expect((await warm(app, "?hint=llama3")).json()).toEqual({
      app,
      hints: [{ hint: "llama3:latest", replicas: 0, loading: 1 }],
    });
  });

  test("needs a hint and a known app", async () => {
    await using replica = await TestReplica.start();
    const { app } = await appOf(replica);
    for (const query of ["", "?hint=%C3%A9"]) {
      expect(expectProblem(await warm(app, query), 400, "bad_request").detail).toContain("hint");
    }
    expect((await warm(app, "?hint=")).json()).toEqual({ app, hints: [] });
    expectProblem(await warm(freshApp(), "?hint=a"), 404, "app_not_found");
  });
});

describe("PREWARM-3 advice", () => {
  test("names what to evict where the replica is full: what was used longest ago", async () => {
    await using replica = await TestReplica.start();
    const { app, answer } = await appOf(replica, { hint_slots: 2 });
    await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "old" } });
    await warm(app, "?hint=sdxl");
    expect(await answer()).toEqual({ ...TIMES, load: ["sdxl"], evict: ["older"] });
  });

  test("is not given to a replica that serves a request", async () => {
    const held = holdAnswers();
    await using replica = await TestReplica.start(held.answer);
    const { app, answer } = await appOf(replica);
    const running = router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "old" } });
    await until("it runs", () => held.holding === 1);
    await warm(app, "?hint=sdxl");
    expect(await answer()).toEqual(TIMES);
    held.releaseAll();
    await running;
  });

  test("a request that comes during the load goes to the replica that loads", async () => {
    await using idle = await TestReplica.start();
    await using other = await TestReplica.start();
    const { app, answer } = await appOf(idle);
    await router().join(validBeat(app, { replica: "other", origin: other.origin, hints: [], hint_slots: 3 }));
    await warm(app, "?hint=sdxl");
    expect(await answer()).toMatchObject({ load: ["sdxl"] });
    const reply = await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "sdxl" } });
    expect(reply.headers["x-warmpath-reason"]).toBe("hint_match");
    expect([idle.received.length, other.received.length]).toEqual([1, 0]);
  });

  test("is an event", async () => {
    await using replica = await TestReplica.start();
    const { app, answer } = await appOf(replica);
    await warm(app, "?hint=sdxl");
    await answer();
    const { events } = (await router().admin(`/-/apps/${app}/events`)).json() as { events: readonly object[] };
    expect(events.at(-1)).toMatchObject({ kind: "advised", hint: "sdxl", load: null });
  });
});
