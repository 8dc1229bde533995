// Contract, "Errors": the form and the content type of errors, and loops. The files of each subject test what causes an error.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter, type Reply } from "../support/router.ts";

const router = sharedRouter();

/** One way to each error that a single request can cause. The tests of waiting, retries, liveness, limits and settings cause the others. */
const CAUSES: readonly (readonly [string, number, (headers: Record<string, string>) => Promise<Reply>])[] = [
  ["app_not_found", 404, (headers) => router().send("/never-heard/x", { headers })],
  ["not_found", 404, (headers) => router().send("/-/nothing", { headers })],
  ["method_not_allowed", 405, (headers) => router().send("/-/heartbeat", { headers })],
  ["unauthorized", 401, (headers) => router().send("/-/apps", { headers })],
  ["bad_request", 400, (headers) => router().send("/any/x", { headers: { ...headers, "x-fal-runner-hint": "\u00e9" } })],
  ["loop_detected", 508, (headers) => router().send("/any/x", { headers: { ...headers, via: "1.1 warmpath" } })],
  ["payload_too_large", 413, (headers) => router().beat(" ".repeat(270_000), headers)],
  ["bad_request", 400, (headers) => router().beat("{", { ...headers, authorization: "Bearer beat-token" })],
  ["invalid_heartbeat", 422, (headers) => router().beat("{}", { ...headers, authorization: "Bearer beat-token" })],
];

describe("form", () => {
  test.each(CAUSES)("ERR-1 %s (%i) is problem details with detail and error_type inside", async (type, status, cause) => {
    const reply = await cause({});
    expectProblem(reply, status, type);
    expect(reply.headers["x-fal-served-from"]).toBeUndefined();
  });

  test.each(CAUSES)(
    "ERR-2 %s (%i) is application/json where Accept names that, with the same body",
    async (type, status, cause) => {
      const standard = await cause({});
      for (const accept of [
        "application/json",
        "application/json, text/event-stream",
        "text/html, application/json;q=0.9",
        "APPLICATION/JSON",
      ]) {
        const reply = await cause({ accept });
        expect(reply.status).toBe(status);
        expect(reply.headers["content-type"]).toMatch(/^application\/json\b/);
        expect(reply.headers["x-fal-error-type"]).toBe(type);
        expect(reply.headers["x-fal-request-id"]).toMatch(/\S/);
        expect(reply.json()).toEqual(standard.json());
      }
    },
  );

  test.each(["*/*", "", "text/html", "application/*", "application/problem+json", "application/json, application/problem+json"])(
    "ERR-3 it is application/problem+json with Accept: %s",
    async (accept) => {
      const reply = await router().send("/never-heard/x", { headers: { accept } });
      expect(reply.headers["content-type"]).toMatch(/^application\/problem\+json\b/);
    },
  );

  test("ERR-3 a longer name is not application/json", async () => {
    const reply = await router().send("/never-heard/x", { headers: { accept: "application/jsonl" } });
    expect(reply.headers["content-type"]).toMatch(/^application\/problem\+json\b/);
  });

  test("ERR-4 a HEAD has the headers without a body", async () => {
    const reply = await router().send("/never-heard/x", { method: "HEAD" });
    expect(reply).toMatchObject({ status: 404, text: "" });
    expect(reply.headers["x-fal-error-type"]).toBe("app_not_found");
    expect(reply.headers["x-fal-request-id"]).toMatch(/\S/);
  });

  test("ERR-5 the request id is new for each and not the client's to choose", async () => {
    const ids = new Set<unknown>(["mine"]);
    for (let n = 0; n < 3; n++) {
      ids.add((await router().send("/never-heard/x", { headers: { "x-fal-request-id": "mine" } })).headers["x-fal-request-id"]);
    }
    expect(ids.size).toBe(4);
  });

  test("ERR-5 answers of the control plane that are no errors have one too", async () => {
    expect((await router().beat(validBeat(freshApp()))).headers["x-fal-request-id"]).toMatch(/\S/);
    expect((await router().send("/-/healthz")).headers["x-fal-request-id"]).toMatch(/\S/);
  });

  test("ERR-6 type tells the errors apart, title is the same for one type", async () => {
    const bodies = await Promise.all(CAUSES.map(async ([, , cause]) => (await cause({})).json()));
    const types = new Map<unknown, Set<unknown>>();
    for (const { type, error_type: errorType } of bodies) types.set(type, (types.get(type) ?? new Set()).add(errorType));
    expect([...types.values()].every((errorTypes) => errorTypes.size === 1)).toBe(true);
    expect(types.size).toBe(new Set(CAUSES.map(([type]) => type)).size);
  });

  test("ERR-7 no error may be kept by a cache", async () => {
    expect((await router().send("/never-heard/x")).headers["cache-control"]).toContain("no-store");
  });
});

describe("loops", () => {
  test("ERR-8 a heartbeat that names the router itself is refused", async () => {
    for (const origin of [router().url, `${router().url}/`, router().url.toUpperCase()]) {
      expectProblem(await router().beat(validBeat(freshApp(), { origin })), 422, "invalid_heartbeat");
    }
  });

  test("ERR-8 outside development under its name on any port, however the sender writes that", async () => {
    const ORIGIN_ALLOW = "router.example.com router.example.com:8443 other.example.com";
    await using named = await TestRouter.start({ ALLOW_PRIVATE_ORIGINS: "false", ORIGIN_ALLOW });
    for (const host of ["router.example.com", "ROUTER.example.com:443", "router.example.com..", "router.example.com:8787"]) {
      const say = (origin: string) => named.beat(validBeat(freshApp(), { origin }), { authorization: "Bearer beat-token", host });
      expect((await say("https://other.example.com")).status).toBe(200);
      for (const origin of ["https://router.example.com", "https://router.example.com:8443"]) {
        expectProblem(await say(origin), 422, "invalid_heartbeat");
      }
    }
  });

  test("ERR-9 an origin that leads back under another name ends in 508 and holds no slot", async () => {
    const app = freshApp("loop");
    await router().join({ app, replica: "r1", origin: `http://localhost:${router().port}` });
    const reply = await router().send(`/${app}/${app}/${app}/x`);
    expect(reply.status).toBe(508);
    expect(reply.headers["x-fal-error-type"]).toBe("loop_detected");
    expect((await router().view(app)).in_flight).toBe(0);
  });

  test("ERR-9 another proxy that is named alike is none", async () => {
    await using replica = await TestReplica.start();
    const app = freshApp("alike");
    await router().join({ app, replica: "r1", origin: replica.origin, concurrency: 4 });
    for (const via of ["1.1 warmpath-eu", "1.1 my-warmpath", "1.1 proxy (warmpath)", "1.1 warmpath.example.com:80"]) {
      expect((await router().send(`/${app}/x`, { headers: { via } })).status, via).toBe(200);
    }
  });
});
