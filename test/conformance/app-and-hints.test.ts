// Contract, "Client traffic": which app a URL names, what path the replica gets, and what counts as a hint.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";

const router = sharedRouter({ APP_FROM: "path:1" });

/** The target that the replica gets for a client's target. */
async function targetFor(client: string, app: string, through: TestRouter = router(), host?: string): Promise<string> {
  await using replica = await TestReplica.start();
  await through.join({ app, replica: "r1", origin: replica.origin });
  const reply = await through.send(client, host === undefined ? {} : { headers: { host } });
  expect(reply.status, reply.text).toBe(200);
  return replica.last.target;
}

describe("the app, by APP_FROM", () => {
  test.each([
    ["APP-1 /{app}/rest is sent as /rest", "/APP/rest/of/it?a=1&b", "/rest/of/it?a=1&b"],
    ["APP-2 /{app} is sent as /", "/APP", "/"],
    ["APP-2 /{app}?query is sent as /?query", "/APP?x=1", "/?x=1"],
    ["APP-2 /{app}/ is sent as /", "/APP/", "/"],
    ["APP-3 dot segments after the app are resolved", "/APP/a/./b/../c", "/a/c"],
    ["APP-3 encoded dot segments are resolved too", "/APP/a/%2e%2E/c", "/c"],
    ["APP-4 double slashes are kept", "/APP//a//b/", "//a//b/"],
    ["APP-5 %2F is kept", "/APP/a%2Fb%2fc", "/a%2Fb%2fc"],
    ["APP-5 other escapes are kept", "/APP/%41%20%C3%A9?q=%20+%2B", "/%41%20%C3%A9?q=%20+%2B"],
  ])("%s", async (_name, client, sent) => {
    const app = freshApp();
    expect(await targetFor(client.replace("APP", app), app)).toBe(sent);
  });

  // The runtime leaves dot segments in request.url but `fetch` resolves them. The routed path must be the path that is sent.
  test("APP-3 dot segments before the app are resolved before routing", async () => {
    const app = freshApp();
    expect(await targetFor(`/elsewhere/../${app}/x`, app)).toBe("/x");
  });

  test("APP-3 dot segments can lead from one app to another", async () => {
    await using other = await TestReplica.start();
    await router().join({ app: "first-app", replica: "r1", origin: other.origin });
    const app = freshApp();
    expect(await targetFor(`/first-app/../${app}/x`, app)).toBe("/x");
  });

  test("APP-3 dot segments can lead to the control plane, which then answers", async () => {
    expect((await router().send("/any/../-/healthz")).status).toBe(200);
  });

  test("APP-3 dot segments can lead out of the control plane", async () => {
    const app = freshApp();
    expect(await targetFor(`/-/../${app}/x`, app)).toBe("/x");
  });

  test("APP-6 path:2 takes owner and app from the path; an app may hold one /", async () => {
    await using two = await TestRouter.start({ APP_FROM: "path:2" });
    expect(await targetFor("/fal-ai/flux/run?x=1", "fal-ai/flux", two)).toBe("/run?x=1");
    expect(await targetFor("/fal-ai/flux", "fal-ai/flux", two)).toBe("/");
    expectProblem(await two.send("/fal-ai"), 404, "app_not_found");
    expectProblem(await two.send("/other/flux/run"), 404, "app_not_found");
  });

  test("APP-13 path:2: a call of fal's queue is 501, whatever its method, and reaches no replica", async () => {
    await using two = await TestRouter.start({ APP_FROM: "path:2" });
    await using replica = await TestReplica.start();
    await two.join({ app: "owner/app", replica: "r1", origin: replica.origin });
    for (const rest of [
      "",
      "/status",
      "/status/stream",
      "/response",
      "/cancel",
      "/",
      "/status/",
      "/status/stream/",
      "/cancel/",
    ]) {
      for (const method of ["GET", "PUT", "POST", "OPTIONS"]) {
        const target = `/owner/app/requests/80e732af-660e-45cd-bd63-580e4f2a94cc${rest}?logs=1`;
        expectProblem(await two.send(target, { method }), 501, "queue_not_available");
      }
    }
    expectProblem(await two.send("/never/heard/../heard/requests/1"), 501, "queue_not_available");
    expect(replica.received).toHaveLength(0);
    const others = [
      "",
      "/requests",
      "/requests/",
      "/requests//",
      "/requests/1//",
      "/requests/1/logs",
      "/requests/1/status/x",
      "/x/requests/1",
    ];
    for (const rest of others) expect((await two.send(`/owner/app${rest}`)).status, rest).toBe(200);
    expect(replica.received.map(({ target }) => target)).toEqual(["/", ...others.slice(1)]);
  });

  test("APP-13 with any other APP_FROM such a path is the replica's own", async () => {
    const app = freshApp();
    expect(await targetFor(`/${app}/requests/1/status`, app)).toBe("/requests/1/status");
    await using fixed = await TestRouter.start({ APP_FROM: "fixed:owner/app" });
    expect(await targetFor("/requests/1", "owner/app", fixed)).toBe("/requests/1");
    await using byHost = await TestRouter.start({ APP_FROM: "host" });
    expect(await targetFor("/requests/1/cancel", "a", byHost, "a.example.com")).toBe("/requests/1/cancel");
  });

  test("APP-7 host takes the first DNS label, lower-cased, and leaves the path", async () => {
    await using byHost = await TestRouter.start({ APP_FROM: "host" });
    expect(await targetFor("/run/x?y", "my-model", byHost, "My-Model.gpu.example.com")).toBe("/run/x?y");
    expect(await targetFor("/", "my-model", byHost, "my-model:8787")).toBe("/");
    expectProblem(await byHost.send("/run", { headers: { host: "other.gpu.example.com" } }), 404, "app_not_found");
  });

  test("APP-8 fixed:NAME is one app, and the path is unchanged", async () => {
    await using fixed = await TestRouter.start({ APP_FROM: "fixed:only-one" });
    expect(await targetFor("/run//x%2F?y=1", "only-one", fixed)).toBe("/run//x%2F?y=1");
    expect(await targetFor("/only-one/x", "only-one", fixed)).toBe("/only-one/x");
  });

  test("APP-9 names are case-sensitive", async () => {
    await router().join({ app: "CaseApp", replica: "r1", origin: "http://127.0.0.1:9" });
    expectProblem(await router().send("/caseapp/x"), 404, "app_not_found");
  });

  test.each([
    ["one character", "7"],
    ["every kind of character", "aZ9._-x"],
    ["128 characters", "n".repeat(128)],
    ["what JavaScript objects inherit", "constructor"],
  ])("APP-10 a name may have %s", async (_name, app) => {
    expect(await targetFor(`/${app}/x`, app)).toBe("/x");
  });

  test.each([
    ["129 characters", "n".repeat(129)],
    ["a leading dot", ".hidden"],
    ["a leading hyphen", "-x"],
    ["another character", "a~b"],
    ["an escape", "a%2Db"],
    ["nothing", ""],
  ])("APP-10 a name with %s is no app", async (_name, app) => {
    expectProblem(await router().send(`/${app}/x`), 404, "app_not_found");
  });

  test("APP-11 an app without a heartbeat is 404 app_not_found", async () => {
    expectProblem(await router().send(`/${freshApp("unheard")}/x`), 404, "app_not_found");
  });

  test("APP-12 everything outside /-/ is client traffic", async () => {
    for (const target of ["/-a/healthz", "/%2D/healthz", "//-/healthz", "/healthz"]) {
      expectProblem(await router().send(target), 404, "app_not_found");
    }
  });
});

describe("hints", () => {
  /** Two replicas. Only `warm` holds the hints. Requests for a cold hint go to `cold`, which has a free hint slot. */
  async function pair(hints: readonly string[]): Promise<{ readonly app: string } & AsyncDisposable> {
    const app = freshApp("hints");
    const stack = new AsyncDisposableStack();
    for (const [replica, held] of [
      ["warm", hints],
      ["cold", []],
    ] as const) {
      const { origin } = stack.use(await TestReplica.start());
      await router().join({ app, replica, origin, hints: held, hint_slots: held.length || 8, concurrency: 8 });
    }
    return { app, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  }

  async function served(app: string, hint: string): Promise<{ readonly by: unknown; readonly reason: unknown }> {
    const { status, headers, text } = await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": hint } });
    expect(status, text).toBe(200);
    return { by: headers["x-fal-served-from"], reason: headers["x-warmpath-reason"] };
  }

  test.each([
    ["HINT-1 the default header is x-fal-runner-hint", "sdxl"],
    ["HINT-2 lists are split at commas and trimmed", "nobody,  sdxl  ,other"],
    ["HINT-3 empty elements are dropped", ",, ,sdxl,"],
    ["HINT-3 duplicates are dropped before they are counted", `${"nobody, ".repeat(20)}sdxl`],
    ["HINT-4 eight hints are admitted", "1,2,3,4,5,6,7,sdxl"],
    ["HINT-5 a hint may hold any character from U+0020 to U+007E but a comma", "!\"#$%&'()*+-./09:;<=>?@AZ[\\]^_`az{|} ~"],
    ["HINT-5 a hint may have 512 characters", "h".repeat(512)],
  ])("%s", async (_name, hint) => {
    const last = hint.includes("sdxl") ? "sdxl" : hint;
    await using fleet = await pair([last]);
    expect(await served(fleet.app, hint)).toEqual({ by: "warm", reason: "hint_match" });
  });

  test.each([
    ["HINT-4 nine hints", "1,2,3,4,5,6,7,8,9"],
    ["HINT-5 a hint of 513 characters", "h".repeat(513)],
    ["HINT-5 a byte above U+007E", "caf\u00e9"],
    ["HINT-5 a tab inside", "a\tb"],
  ])("%s is 400 bad_request", async (_name, hint) => {
    await using fleet = await pair([]);
    const reply = await router().send(`/${fleet.app}/x`, { headers: { "x-fal-runner-hint": hint } });
    expectProblem(reply, 400, "bad_request");
  });

  test("HINT-6 hints match exactly, case and all", async () => {
    await using fleet = await pair(["SDXL"]);
    expect((await served(fleet.app, "sdxl")).by).toBe("cold");
    expect((await served(fleet.app, "SDX")).by).toBe("cold");
  });

  test("HINT-7 an empty header is no hint", async () => {
    await using fleet = await pair(["sdxl"]);
    expect((await served(fleet.app, "")).reason).toBe("least_loaded");
    expect((await served(fleet.app, " , ,")).reason).toBe("least_loaded");
  });

  test("HINT-8 several HINT_HEADERS are concatenated in setting order; the default one then counts only when named", async () => {
    await using custom = await TestRouter.start({ HINT_HEADERS: "x-model, X-Lora" });
    await using one = await TestReplica.start();
    const app = freshApp("headers");
    for (const [replica, hints] of [
      ["m", ["model"]],
      ["l", ["lora"]],
      ["f", ["fal"]],
    ] as const) {
      await custom.join({ app, replica, origin: one.origin, hints, concurrency: 8, hint_slots: 1 });
    }
    const servedBy = async (headers: Record<string, string>) => (await custom.send(`/${app}/x`, { headers })).headers;
    expect(await servedBy({ "x-lora": "lora", "x-model": "model" })).toMatchObject({ "x-fal-served-from": "m" });
    expect(await servedBy({ "x-lora": "lora", "x-model": "nobody" })).toMatchObject({ "x-fal-served-from": "l" });
    expect(await servedBy({ "x-lora": "lora" })).toMatchObject({ "x-fal-served-from": "l" });
    expect(await servedBy({ "x-fal-runner-hint": "fal" })).toMatchObject({ "x-warmpath-reason": "least_loaded" });
    const many = { "x-model": "1,2,3,4", "x-lora": "5,6,7,8,9" };
    expectProblem(await custom.send(`/${app}/x`, { headers: many }), 400, "bad_request");
  });
});
