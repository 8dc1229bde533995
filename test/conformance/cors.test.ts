// Contract, "Errors" for pages of another origin: who may read the router's own errors, and that replicas' answers pass as they are.
import { describe, expect, test } from "vitest";
import { expectProblem, sharedRouter, validBeat } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter, type Reply } from "../support/router.ts";

const PAGE = "https://app.example.com";
const router = sharedRouter({ CORS_ORIGINS: `${PAGE}, http://LOCALHOST:5173` });

/** The CORS headers of an answer. */
function corsOf({ headers }: Reply): Record<string, unknown> {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => name.startsWith("access-control-") || name === "vary"));
}

const exposed = {
  "access-control-expose-headers": "retry-after, x-fal-error-type, x-fal-request-id, x-fal-request-timeout-type",
};

describe("the router's own errors", () => {
  test.each([PAGE, "http://localhost:5173"])("CORS-1 may be read by a page of %s, which CORS_ORIGINS names", async (origin) => {
    await router().join(validBeat("full", { status: "starting" }));
    const asked = { "x-fal-request-timeout": "0.001", origin };
    const cases = [
      [await router().send("/never-heard/x", { headers: { origin } }), 404, "app_not_found"],
      [await router().send("/full/x", { headers: asked }), 504, "request_timeout"],
      [await router().send("/full/x?fal_max_queue_length=0", { headers: { origin } }), 429, "queue_full"],
      [await router().send("/full/x", { method: "OPTIONS", headers: { origin } }), 503, "no_replicas"],
    ] as const;
    for (const [reply, status, type] of cases) {
      expectProblem(reply, status, type);
      expect(corsOf(reply)).toEqual({ "access-control-allow-origin": origin, vary: "origin", ...exposed });
    }
    const head = await router().send("/never-heard/x", { method: "HEAD", headers: { origin } });
    expect(head.headers["access-control-allow-origin"]).toBe(origin);
  });

  test.each([
    "https://other.example.com",
    "http://app.example.com",
    "https://app.example.com:8443",
    "https://APP.example.com",
    "https://app.example.com.evil.com",
    `${PAGE}, ${PAGE}`,
    "null",
    "",
    "*",
  ])("CORS-2 have nothing of it for Origin: %s", async (origin) => {
    expect(corsOf(await router().send("/never-heard/x", { headers: { origin } }))).toEqual({});
  });

  test("CORS-2 nor without an Origin, nor without the setting", async () => {
    expect(corsOf(await router().send("/never-heard/x"))).toEqual({});
    await using closed = await TestRouter.start();
    expect(corsOf(await closed.send("/never-heard/x", { headers: { origin: PAGE } }))).toEqual({});
  });

  test("CORS-3 with * may be read by every page, and do not vary", async () => {
    await using open = await TestRouter.start({ CORS_ORIGINS: `${PAGE} *` });
    for (const origin of [PAGE, "https://other.example.com", "null"]) {
      const reply = await open.send("/never-heard/x", { headers: { origin } });
      expect(corsOf(reply)).toEqual({ "access-control-allow-origin": "*", ...exposed });
    }
    expect(corsOf(await open.send("/never-heard/x"))).toEqual({});
  });

  test("CORS-4 of the control plane too, but for its answers that are no errors and a bad setting", async () => {
    const headers = { origin: PAGE };
    expect((await router().send("/-/nothing", { headers })).headers["access-control-allow-origin"]).toBe(PAGE);
    expect(corsOf(await router().send("/-/healthz", { headers }))).toEqual({});
    await using bad = await TestRouter.start({ CORS_ORIGINS: "*", MAX_ATTEMPTS: "0" });
    const reply = await bad.send("/any/x", { headers });
    expectProblem(reply, 500, "misconfigured");
    expect(corsOf(reply)).toEqual({});
  });
});

test("CORS-5 a replica's answers, errors and preflights too, are untouched", async () => {
  const own = { "x-fal-error-type": "its_own", vary: "accept", "access-control-allow-origin": "https://its.own" };
  await using replica = await TestReplica.start((request, response) => {
    response.writeHead(request.url === "/bad" ? 422 : 200, request.url === "/silent" ? {} : own).end("{}");
  });
  await router().join({ app: "served", replica: "r1", origin: replica.origin });
  const { "x-fal-error-type": _, ...cors } = own;
  for (const [method, target, expected] of [
    ["GET", "/served/good", cors],
    ["GET", "/served/bad", cors],
    ["OPTIONS", "/served/good", cors],
    ["GET", "/served/silent", {}],
  ] as const) {
    expect(corsOf(await router().send(target, { method, headers: { origin: PAGE } })), target).toEqual(expected);
  }
});
