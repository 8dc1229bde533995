// Contract, "Errors … Order": the answer to a heartbeat with several faults names the first fault. And the tokens, which decide two of the checks.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { TestRouter } from "../support/router.ts";

const TOKENS = JSON.stringify({
  mine: "mine-token",
  theirs: ["their-token", "their-next"],
  "owner/app": "owner-token",
  "*": "any-token",
});
const router = sharedRouter({ HEARTBEAT_TOKENS: TOKENS });
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const MOST_BYTES = 261 * 1024;
const TOO_LONG = " ".repeat(MOST_BYTES + 1);

describe("order", () => {
  test("ORDER-1 405 comes before everything", async () => {
    for (const method of ["GET", "PUT", "PATCH", "DELETE", "OPTIONS"]) {
      const reply = await router().send("/-/heartbeat", { method, ...(method === "PUT" ? { body: TOO_LONG } : {}) });
      expectProblem(reply, 405, "method_not_allowed");
      expect(reply.headers.allow).toBe("POST");
    }
    const head = await router().send("/-/heartbeat", { method: "HEAD" });
    expect(head.status).toBe(405);
  });

  test("ORDER-2 413 comes before 401", async () => {
    expectProblem(await router().beat(TOO_LONG, {}), 413, "payload_too_large");
    expectProblem(
      await router().beat(TOO_LONG, { ...bearer("wrong"), "transfer-encoding": "chunked" }),
      413,
      "payload_too_large",
    );
  });

  test("ORDER-2 261 KiB are admitted", async () => {
    const text = JSON.stringify(validBeat("mine"));
    const fits = text.padEnd(MOST_BYTES, " ");
    expect((await router().beat(fits, bearer("mine-token"))).status).toBe(200);
    expectProblem(await router().beat(`${fits} `, bearer("mine-token")), 413, "payload_too_large");
  });

  test("ORDER-2 every field may be as long as it may be, with a backslash before each character and a space after each comma", async () => {
    const hints = Array.from({ length: 256 }, (_, n) =>
      n.toString(2).padStart(512, "0").replaceAll("0", '"').replaceAll("1", "\\"),
    );
    const app = `${"a".repeat(128)}/${"b".repeat(128)}`;
    const longest = {
      app,
      replica: '"'.repeat(256),
      origin: `http://${"a".repeat(60)}.${"b".repeat(60)}.localhost:65535`,
      incarnation: Number.MAX_SAFE_INTEGER,
      sequence: Number.MAX_SAFE_INTEGER,
      hints,
      hint_slots: 256,
      concurrency: 10_000,
      in_flight: 0,
      status: "draining",
    };
    const text = JSON.stringify(longest, null, 1).replaceAll(/\n */g, " ").replaceAll("/", "\\/");
    expect(text.length).toBeGreaterThan(256 * 1024);
    expect(MOST_BYTES - text.length).toBeGreaterThan(2 * 300);
    expect((await router().beat(text, bearer("any-token"))).status).toBe(200);
    expect((await router().view(app)).replicas).toMatchObject([{ replica: longest.replica, hints }]);
  });

  test("ORDER-3 401 comes before 400", async () => {
    expectProblem(await router().beat("not JSON", {}), 401, "unauthorized");
    expectProblem(await router().beat("not JSON", bearer("wrong")), 401, "unauthorized");
  });

  test.each(["not JSON", "", "{", '{"app":}', "{'app':'x'}", '{"app":"mine"} trailing'])(
    "ORDER-4 400 bad_request: %j is not JSON",
    async (text) => {
      expectProblem(await router().beat(text, bearer("mine-token")), 400, "bad_request");
    },
  );

  test.each([
    "null",
    "[]",
    "7",
    '"text"',
    "{}",
    '{"app":7}',
    '{"app":"bad name"}',
    '{"app":"a/b/c"}',
    '{"app":""}',
    '{"app":"/x"}',
  ])("ORDER-5 422 of the app: %s is JSON", async (text) => {
    expectProblem(await router().beat(text, bearer("mine-token")), 422, "invalid_heartbeat");
  });

  test("ORDER-5 422 of the app comes before 403", async () => {
    const reply = await router().beat({ app: "bad name", replica: 7, origin: "nonsense" }, bearer("mine-token"));
    expect(expectProblem(reply, 422, "invalid_heartbeat").detail).toMatch(/\bapp\b/);
  });

  test("ORDER-6 403 comes before 422 of the rest", async () => {
    const reply = await router().beat({ app: "theirs", replica: 7, origin: "nonsense" }, bearer("mine-token"));
    expectProblem(reply, 403, "forbidden");
  });

  test("ORDER-7 422 of the rest names the first bad field", async () => {
    const bad = {
      replica: 7,
      origin: "nonsense",
      incarnation: -1,
      sequence: -1,
      hints: "x",
      hint_slots: -1,
      concurrency: 0,
      in_flight: -1,
      status: "x",
    };
    const rest: Record<string, unknown> = { ...bad };
    for (const field of Object.keys(bad)) {
      const reply = await router().beat({ ...validBeat("mine"), ...rest }, bearer("mine-token"));
      expect(expectProblem(reply, 422, "invalid_heartbeat").detail).toMatch(new RegExp(`\\b${field}\\b`));
      delete rest[field];
    }
  });

  test("ORDER-8 422 comes before 409", async () => {
    await router().beat(validBeat("mine", { replica: "late", sequence: 5 }), bearer("mine-token"));
    const late = validBeat("mine", { replica: "late", sequence: 4 });
    expectProblem(await router().beat({ ...late, status: "x" }, bearer("mine-token")), 422, "invalid_heartbeat");
    expectProblem(
      await router().beat({ ...late, origin: "http://gpu.example.com" }, bearer("mine-token")),
      422,
      "invalid_heartbeat",
    );
    expectProblem(await router().beat(late, bearer("mine-token")), 409, "stale_heartbeat");
  });
});

describe("tokens", () => {
  test.each([
    ["mine", "mine-token", 200],
    ["theirs", "their-token", 200],
    ["theirs", "their-next", 200],
    ["owner/app", "owner-token", 200],
    ["mine", "any-token", 200],
    ["unlisted", "any-token", 200],
    ["unlisted", "mine-token", 403],
    ["mine", "their-token", 403],
    ["theirs", "mine-token", 403],
    ["mine", "mine-toke", 401],
    ["mine", "mine-token-", 401],
    ["mine", "MINE-TOKEN", 401],
    ["mine", "*", 401],
  ])("TOKEN-1 for the app %s, %s gives %i", async (app, token, status) => {
    const reply = await router().beat(validBeat(app), bearer(token));
    expect(reply.status, reply.text).toBe(status);
  });

  test.each([
    ["none", {}],
    ["empty", { authorization: "" }],
    ["no scheme", { authorization: "mine-token" }],
    ["another scheme", { authorization: "Basic mine-token" }],
    ["fal's scheme", { authorization: "Key mine-token" }],
    ["no token", { authorization: "Bearer " }],
    ["two tokens", { authorization: "Bearer mine-token any-token" }],
  ])("TOKEN-2 401 with %s", async (_name, headers) => {
    const reply = await router().beat(validBeat("mine"), headers);
    expectProblem(reply, 401, "unauthorized");
    expect(reply.headers["www-authenticate"]).toMatch(/^Bearer/);
  });

  test("TOKEN-2 the scheme's name is case-insensitive (RFC 9110 11.1)", async () => {
    expect((await router().beat(validBeat("mine"), { authorization: "bearer mine-token" })).status).toBe(200);
  });

  test("TOKEN-3 one plain token is good for every app", async () => {
    await using plain = await TestRouter.start({ HEARTBEAT_TOKENS: "only-one" });
    for (const app of ["a", "b", "owner/app"]) expect((await plain.beat(validBeat(app), bearer("only-one"))).status).toBe(200);
    expectProblem(await plain.beat(validBeat("a"), bearer("another")), 401, "unauthorized");
  });

  test("TOKEN-4 without HEARTBEAT_TOKENS every heartbeat is 401", async () => {
    await using closed = await TestRouter.start({ HEARTBEAT_TOKENS: "" });
    for (const headers of [{}, bearer(""), bearer("beat-token"), bearer("undefined"), bearer("null")]) {
      expectProblem(await closed.beat(validBeat(freshApp()), headers), 401, "unauthorized");
    }
  });

  test("TOKEN-5 the admin's token is not good for heartbeats, nor the other way round", async () => {
    expectProblem(await router().beat(validBeat("mine"), bearer("admin-token")), 401, "unauthorized");
    expectProblem(await router().send("/-/apps", { headers: bearer("any-token") }), 401, "unauthorized");
  });
});
