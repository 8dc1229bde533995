// LOG=requests: one line a client's request, with nothing of its query or body.
import { describe, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

interface Line {
  readonly message: string;
  readonly path: string;
  readonly status: number;
}

function linesOf(router: TestRouter): Line[] {
  return router.log
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Line)
    .filter(({ message }) => message === "request");
}

async function joined(router: TestRouter, app: string): Promise<TestReplica> {
  const replica = await TestReplica.start((request, response) => {
    response.setHeader("server-timing", "queue;dur=99999, db;dur=3");
    response.writeHead(request.url === "/teapot" ? 418 : 200).end("ok");
  });
  await router.join({ app, replica: "gpu-1", origin: replica.origin, hints: ["sdxl"], concurrency: 4 });
  return replica;
}

describe("with LOG=requests", () => {
  test("a line says what was asked, where it went and why, and how it was answered", async () => {
    await using router = await TestRouter.start({ LOG: "requests" });
    await using _ = await joined(router, "app");
    const sdxl = { "x-fal-runner-hint": "sdxl" };
    const answer = await router.send("/app/run?key=secret", { method: "POST", headers: sdxl, body: "a secret body" });
    await router.send("/app/teapot");
    await router.send("/nowhere/x");
    await router.send("/-/healthz");
    await until("the lines are there", () => linesOf(router).length >= 3);
    const served = { replica: "gpu-1", error: null, queueMs: 0, routeMs: expect.any(Number), headersMs: expect.any(Number) };
    expect(linesOf(router)).toEqual([
      {
        ...{ message: "request", requestId: answer.headers["x-fal-request-id"], method: "POST", path: "/app/run" },
        ...{ hint: "sdxl", status: 200, reason: "hint_match", ...served },
      },
      expect.objectContaining({ method: "GET", path: "/app/teapot", hint: null, status: 418, reason: "least_loaded", ...served }),
      expect.objectContaining({ path: "/nowhere/x", status: 404, replica: null, error: "app_not_found", queueMs: null }),
    ]);
    expect(router.log.join("\n")).not.toContain("secret");
  });

  test("LOG_SAMPLE_PERCENT leaves most of them out", async () => {
    await using router = await TestRouter.start({ LOG: "requests", LOG_SAMPLE_PERCENT: "1" });
    await using _ = await joined(router, "app");
    for (let sent = 0; sent < 60; sent++) await router.send("/app/run");
    expect(linesOf(router).length).toBeLessThan(12);
  });
});

test("without it no request has a line", async () => {
  await using router = await TestRouter.start({});
  await using _ = await joined(router, "app");
  for (let sent = 0; sent < 3; sent++) await router.send("/app/run");
  expect(linesOf(router)).toEqual([]);
});
