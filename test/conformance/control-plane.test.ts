// Contract, "Control plane": the reserved prefix, the administrator's calls and what they change.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { keepsNothing, TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const router = sharedRouter();
const ADMIN_CALLS = [
  ["GET", "/-/apps"],
  ["GET", "/-/apps/a"],
  ["GET", "/-/apps/a/explain?hint=h"],
  ["GET", "/-/apps/a/history"],
  ["GET", "/-/apps/a/queue"],
  ["GET", "/-/apps/a/events?after=3"],
  ["GET", "/-/apps/a/matrix?hints=10"],
  ["POST", "/-/apps/a/replicas/r1/drain"],
  ["POST", "/-/apps/a/replicas/r1/undrain"],
  ["DELETE", "/-/apps/a/replicas/r1"],
] as const;

describe("who may call", () => {
  test.each(ADMIN_CALLS)("CTRL-1 %s %s needs the admin's token", async (method, target) => {
    for (const authorization of ["", "Bearer wrong", "Bearer beat-token", "Basic admin-token", "admin-token"]) {
      const reply = await router().send(target, { method, headers: { authorization } });
      expectProblem(reply, 401, "unauthorized");
    }
  });

  test("CTRL-1 without ADMIN_TOKEN nobody may", async () => {
    await using closed = await TestRouter.start({ ADMIN_TOKEN: "" });
    for (const [method, target] of ADMIN_CALLS) {
      for (const authorization of ["Bearer ", "Bearer admin-token", "Bearer null", "Bearer undefined"]) {
        expectProblem(await closed.send(target, { method, headers: { authorization } }), 401, "unauthorized");
      }
    }
  });

  test("CTRL-2 /-/healthz is open", async () => {
    expect((await router().send("/-/healthz")).status).toBe(200);
    expect((await router().send("/-/healthz?probe=1", { method: "HEAD" })).status).toBe(200);
    expect((await router().send("/-/healthz")).json()).toEqual({ status: "ok" });
  });

  test("CTRL-19 /-/healthz names the settings without which something is refused", async () => {
    const nothing = { HEARTBEAT_TOKENS: "", ADMIN_TOKEN: "", ALLOW_PRIVATE_ORIGINS: "", ORIGIN_ALLOW: "" };
    await using closed = await TestRouter.start(nothing);
    const names = ["HEARTBEAT_TOKENS", "ADMIN_TOKEN", "ORIGIN_ALLOW"];
    expect((await closed.send("/-/healthz")).json()).toEqual({ status: "ok", missing: names });
    await using opened = await TestRouter.start({ ADMIN_TOKEN: "" });
    expect((await opened.send("/-/healthz")).json()).toEqual({ status: "ok", missing: ["ADMIN_TOKEN"] });
  });

  test("CTRL-17 /-/healthz warns of names that are near a setting's, and shows nothing of their values", async () => {
    const values = { ADMIN_TOKENS: "s3cret-a", ORIGIN_ALOW: "s3cret-b", QUEUE_TIMEOUT: "s3cret-c", PATH_PREFIX: "x" };
    await using misspelt = await TestRouter.start(values);
    const reply = await misspelt.send("/-/healthz");
    expect(reply).toMatchObject({ status: 200 });
    expect(reply.json()).toEqual({
      status: "ok",
      warnings: [
        "ADMIN_TOKENS is not a setting: did you mean ADMIN_TOKEN?",
        "ORIGIN_ALOW is not a setting: did you mean ORIGIN_ALLOW?",
        "QUEUE_TIMEOUT is not a setting: did you mean QUEUE_TIMEOUT_MS?",
      ],
    });
  });
});

describe("looking", () => {
  test("CTRL-3 /-/apps lists the apps that have replicas", async () => {
    const [has, had] = [freshApp("has"), freshApp("had")];
    await router().join(validBeat(has));
    await router().join(validBeat(had));
    expect((await router().admin("/-/apps")).text).toContain(`"${had}"`);
    await router().join(validBeat(had, { status: "stopped" }));
    await until("the app without replicas is gone", async () => !(await router().admin("/-/apps")).text.includes(`"${had}"`));
    const reply = await router().admin("/-/apps");
    expect(reply.headers["content-type"]).toMatch(/^application\/json\b/);
    expect(reply.text).toContain(`"${has}"`);
  });

  test("CTRL-4 /-/apps/{app}: replicas, hints, load, queue, counters", async () => {
    const held = holdAnswers();
    await using replica = await TestReplica.start(held.answer);
    const app = freshApp("seen");
    await router().join({ app, replica: "r1", origin: replica.origin, hints: ["h"] });
    const replies = [router().send(`/${app}/1`), router().send(`/${app}/2`)];
    await until("one runs, one waits", async () => held.holding === 1 && (await router().view(app)).waiting === 1);
    const view = await router().view(app);
    expect(view).toMatchObject({ waiting: 1, in_flight: 1, replicas: [{ replica: "r1", hints: ["h"], in_flight: 1 }] });
    expect(view).toMatchObject({ waiting_high: 0, waiting_low: 0 });
    expect(view.counters.granted["least_loaded"]).toBe(1);
    held.releaseAll();
    await Promise.all(replies);
    await until("nothing runs", async () => (await router().view(app)).in_flight === 0);
    expect((await router().view(app)).counters.granted["least_loaded"]).toBe(2);
  });

  test("CTRL-18 it says what a replica's last failure was, and how often each kind came", async () => {
    await using replica = await TestReplica.start((_request, response) => response.writeHead(500).end());
    const app = freshApp("seen");
    await router().join({ app, replica: "r1", origin: replica.origin, incarnation: 1 });
    const none = { unreachable: 0, disconnected: 0, unavailable: 0, declined: 0, timed_out: 0, broken: 0, error: 0 };
    expect(await router().view(app)).toMatchObject({ counters: { failed: none }, replicas: [{ last_error: null }] });
    await router().send(`/${app}/x`);
    const { counters, replicas } = await router().view(app);
    expect(counters.failed).toEqual({ ...none, error: 1 });
    const agoMs = replicas[0]?.last_error?.ago_ms;
    expect(replicas[0]?.last_error).toEqual({ kind: "error", detail: "status 500", ago_ms: agoMs });
    expect(agoMs).toBeLessThan(10_000);
    await router().join({ app, replica: "r1", origin: replica.origin, incarnation: 2 });
    expect((await router().view(app)).replicas[0]?.last_error).toBe(null);
  });

  test("CTRL-5 {app} is URL-encoded", async () => {
    await router().join(validBeat("owner/app"));
    expect((await router().admin("/-/apps/owner%2Fapp")).json()).toMatchObject({ app: "owner/app" });
    expect((await router().admin("/-/apps/owner%2fapp/explain")).status).toBe(200);
    expectProblem(await router().admin("/-/apps/owner/app"), 404, "not_found");
    expectProblem(await router().admin("/-/apps/owner%252Fapp"), 404, "app_not_found");
  });

  test.each([
    ["GET", "/-/apps/owner/app"],
    ["GET", "/-/apps/owner/app/explain"],
    ["POST", "/-/apps/x/replicas/zone/gpu:2/drain"],
    ["POST", "/-/apps/owner/app/replicas/gpu/undrain"],
    ["DELETE", "/-/apps/x/replicas/zone/gpu:2"],
  ])("CTRL-5 %s %s, with a / that is not encoded, is told how to write it", async (method, target) => {
    const { detail } = expectProblem(await router().admin(target, method), 404, "not_found");
    expect(detail).toContain("%2F");
  });

  test.each(["/-/nothing", "/-/apps/", "/-/apps/a/", "/-/apps//", "/-/healthz/x/y"])(
    "CTRL-5 %s is told nothing of that",
    async (target) => {
      expect(expectProblem(await router().admin(target), 404, "not_found").detail).not.toContain("%2F");
    },
  );

  test("CTRL-6 an app nobody heard of is 404", async () => {
    for (const name of ["never-heard", "bad%20name", "%00", "%FF"]) {
      expectProblem(await router().admin(`/-/apps/${name}`), 404, "app_not_found");
      expectProblem(await router().admin(`/-/apps/${name}/explain`), 404, "app_not_found");
      expectProblem(await router().admin(`/-/apps/${name}/matrix`), 404, "app_not_found");
      expectProblem(await router().admin(`/-/apps/${name}/replicas/r1`, "DELETE"), 404, "app_not_found");
    }
  });
});

describe("explain", () => {
  interface Explained {
    readonly decision: { readonly outcome: string; readonly replica?: string; readonly reason?: string };
    readonly candidates: readonly { readonly replica: string; readonly cost_s: number }[];
  }

  test("CTRL-7 is the decision that is then taken, with ranked candidates and costs; it changes nothing", async () => {
    await using replica = await TestReplica.start();
    const app = freshApp("explained");
    for (const name of ["a", "b", "c"]) {
      await router().join({ app, replica: name, origin: replica.origin, hints: [`of-${name}`], concurrency: 2 });
    }
    for (const hint of ["of-a", "of-b", "cold-1", "cold-2", "", "nobody, of-c"]) {
      const before = await router().view(app);
      const asked = hint === "" ? "" : `?hint=${encodeURIComponent(hint)}`;
      const told = (await router().admin(`/-/apps/${app}/explain${asked}`)).json<Explained>();
      const after = await router().view(app);
      expect({ ...after, replicas: after.replicas.map(untimed) }).toEqual({ ...before, replicas: before.replicas.map(untimed) });
      const { headers } = await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": hint } });
      expect(told.decision).toMatchObject({
        outcome: "grant",
        replica: headers["x-fal-served-from"],
        reason: headers["x-warmpath-reason"],
      });
      expect(told.candidates.map((candidate) => candidate.replica).sort()).toEqual(["a", "b", "c"]);
      if (hint !== "") expect(told.candidates[0]?.replica).toBe(headers["x-fal-served-from"]);
      for (const candidate of told.candidates) expect(candidate.cost_s).toBeGreaterThanOrEqual(0);
      await until("the slot is free", async () => (await router().view(app)).in_flight === 0);
    }
    expect(replica.received).toHaveLength(6);
  });

  test("CTRL-7 hints that are none are 400", async () => {
    const app = freshApp("explained");
    await router().join(validBeat(app));
    for (const hint of ["h".repeat(513), "%C3%A9", "1,2,3,4,5,6,7,8,9"]) {
      expectProblem(await router().admin(`/-/apps/${app}/explain?hint=${hint}`), 400, "bad_request");
    }
  });

  function untimed(replica: object): object {
    return { ...replica, expires_in_ms: 0, ejected_for_ms: 0 };
  }
});

describe("drain, undrain, DELETE", () => {
  async function pair() {
    const stack = new AsyncDisposableStack();
    const [a, b] = [stack.use(await TestReplica.start()), stack.use(await TestReplica.start(keepsNothing))];
    const app = freshApp("drained");
    const says = { app, origin: a.origin, concurrency: 8 };
    await router().join({ ...says, replica: "a", hints: ["h"], incarnation: 1 });
    await router().join({ ...says, replica: "b", hints: [], incarnation: 1, origin: b.origin });
    const ask = async () => {
      const reply = await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "h" } });
      await until("the router knows the answer", async () => (await router().view(app)).in_flight === 0);
      return reply.headers["x-fal-served-from"];
    };
    const call = (what: string, method = "POST") => router().admin(`/-/apps/${app}/replicas/${what}`, method);
    return { app, says, ask, call, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  }

  test("CTRL-8 a drained replica is listed and gets nothing new until undrain", async () => {
    await using its = await pair();
    expect(await its.ask()).toBe("a");
    expect((await its.call("a/drain")).status).toBe(200);
    expect(await its.ask()).toBe("b");
    expect((await its.call("a/drain")).status).toBe(200);
    expect((await router().view(its.app)).replicas.map(({ replica, drained }) => [replica, drained])).toEqual([
      ["a", true],
      ["b", false],
    ]);
    expect((await its.call("a/undrain")).status).toBe(200);
    expect((await its.call("a/undrain")).status).toBe(200);
    expect(await its.ask()).toBe("a");
  });

  test("CTRL-9 it outlasts heartbeats, and ends with a new incarnation", async () => {
    await using its = await pair();
    await its.call("a/drain");
    await router().join({ ...its.says, replica: "a", hints: ["h"], incarnation: 1, status: "ready" });
    expect(await its.ask()).toBe("b");
    await router().join({ ...its.says, replica: "a", hints: ["h"], incarnation: 2 });
    expect(await its.ask()).toBe("a");
  });

  test("CTRL-10 DELETE removes at once and forbids the incarnation for one time to live", async () => {
    await using its = await pair();
    expect((await its.call("a", "DELETE")).status).toBe(200);
    expect(await its.ask()).toBe("b");
    const late = await router().beat({ ...its.says, replica: "a", incarnation: 1, sequence: 99 });
    expectProblem(late, 409, "stale_heartbeat");
    expectProblem(await its.call("a", "DELETE"), 404, "not_found");
    await router().join({ ...its.says, replica: "a", hints: ["h"], incarnation: 2 });
    expect(await its.ask()).toBe("a");
  });

  test("CTRL-11 a replica nobody knows is 404 not_found", async () => {
    await using its = await pair();
    for (const [what, method] of [
      ["c/drain", "POST"],
      ["c/undrain", "POST"],
      ["c", "DELETE"],
    ] as const) {
      expectProblem(await its.call(what, method), 404, "not_found");
    }
  });

  test.each(["zone/gpu%1?", "...", ".%2e", "%2e%2e", "a/..", "../a", ";#&+"])(
    "CTRL-12 {replica} is URL-encoded too: %s",
    async (replica) => {
      const app = freshApp("odd");
      await router().join(validBeat(app, { replica }));
      const target = `/-/apps/${app}/replicas/${encodeURIComponent(replica)}`;
      expect((await router().admin(`${target}/drain`, "POST")).status).toBe(200);
      expect((await router().view(app)).replicas).toMatchObject([{ replica, drained: true }]);
      expect((await router().admin(target, "DELETE")).status).toBe(200);
    },
  );
});

describe("paths and methods", () => {
  test.each([
    "/-/unknown",
    "/-/heartbeats",
    "/-/Healthz",
    "/-/healthz/",
    "/-/heartbeat/",
    "/-/apps/",
    "/-/apps/a/",
    "/-/apps/a/explain/",
    "/-/apps/a/replicas",
    "/-/apps/a/replicas/",
    "/-/apps/a/replicas/r1/",
    "/-/apps/a/replicas/r1/drain/",
    "/-//healthz",
    "/-/apps//explain",
  ])("CTRL-13 %s is 404 not_found for every method", async (target) => {
    for (const method of ["GET", "POST", "DELETE"]) expectProblem(await router().admin(target, method), 404, "not_found");
  });

  test("CTRL-14 /- leads to /-/", async () => {
    const reply = await router().send("/-");
    expect([reply.status, reply.headers.location]).toEqual([308, "/-/"]);
    expect((await router().send("/-?x=1")).headers["x-fal-error-type"]).not.toBe("app_not_found");
  });

  test.each([
    ["POST", "/-/apps", "GET"],
    ["POST", "/-/apps/a", "GET"],
    ["DELETE", "/-/apps/a", "GET"],
    ["POST", "/-/apps/a/explain", "GET"],
    ["GET", "/-/apps/a/replicas/r1", "DELETE"],
    ["GET", "/-/apps/a/replicas/r1/drain", "POST"],
    ["DELETE", "/-/apps/a/replicas/r1/undrain", "POST"],
    ["POST", "/-/healthz", "GET"],
    ["GET", "/-/heartbeat", "POST"],
  ])("CTRL-15 %s %s is 405 with Allow: %s, before 401", async (method, target, allowed) => {
    const reply = await router().send(target, { method });
    const { detail } = expectProblem(reply, 405, "method_not_allowed");
    expect(detail).toContain(allowed);
    expect(String(reply.headers.allow).split(/ *, */)).toContain(allowed);
    expect(String(reply.headers.allow).split(/ *, */)).not.toContain(method);
  });

  test.each([{ APP_FROM: "fixed:only" }, { APP_FROM: "host" }])(
    "CTRL-16 the prefix is the router's with %j too",
    async (settings) => {
      await using other = await TestRouter.start(settings);
      await using replica = await TestReplica.start();
      await other.join({ app: "only", replica: "r1", origin: replica.origin });
      const headers = { host: "only.example.com" };
      expect((await other.send("/-/healthz", { headers })).status).toBe(200);
      expect((await other.send("/-/nothing", { headers })).status).toBe(404);
      expect((await other.send("/-/", { headers })).status).toBe(401);
      expect((await other.send("/-", { headers })).status).toBe(308);
      expect(replica.received).toHaveLength(0);
      expect((await other.send("/-x/", { headers })).status).toBe(200);
      expect(replica.last.target).toBe("/-x/");
    },
  );
});
