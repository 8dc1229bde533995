// fal's npm client, unmodified: `run` and `stream` with a hint. The client's own request middleware sends them to the router.
import { createFalClient } from "@fal-ai/client";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";

let router: TestRouter;
let warm: TestReplica;
let cold: TestReplica;

beforeAll(async () => {
  router = await TestRouter.start({ APP_FROM: "path:2" });
  const answer: Parameters<typeof TestReplica.start>[0] = (request, response) => {
    if (request.url === "/fail") {
      response.writeHead(422, { "content-type": "application/json" }).end(JSON.stringify({ detail: "no such model" }));
    } else if (request.url?.endsWith("/stream") === true) {
      response.writeHead(200, { "content-type": "text/event-stream" });
      for (const step of [1, 2, 3]) response.write(`data: ${JSON.stringify({ step })}\n\n`);
      response.end();
    } else {
      response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify({ image: "data:," }));
    }
  };
  warm = await TestReplica.start(answer);
  cold = await TestReplica.start(answer);
  await router.join({ app: "acme/any-model", replica: "warm", origin: warm.origin, hints: ["sdxl"] });
  await router.join({ app: "acme/any-model", replica: "cold", origin: cold.origin, hints: ["flux"] });
});
afterAll(async () => {
  await warm[Symbol.asyncDispose]();
  await cold[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

function client(hint: string) {
  return createFalClient({
    credentials: "id:secret",
    requestMiddleware: (request) =>
      Promise.resolve({
        ...request,
        url: request.url.replace(/^https:\/\/[^/]+/, router.url),
        headers: { ...request.headers, "x-fal-runner-hint": hint },
      }),
  });
}

test("run", async () => {
  const { data, requestId } = await client("sdxl").run("acme/any-model", { input: { prompt: "a cat" } });
  expect(data).toEqual({ image: "data:," });
  expect(requestId).toMatch(/^[0-9a-f-]{36}$/);
  expect(warm.last).toMatchObject({ method: "POST", target: "/", headers: { authorization: "Key id:secret" } });
  expect(JSON.parse(warm.last.body.toString())).toEqual({ prompt: "a cat" });
  await client("flux").run("acme/any-model/deep/path", { input: {} });
  expect(cold.last.target).toBe("/deep/path");
});

test("stream", async () => {
  const stream = await client("flux").stream("acme/any-model", { input: { prompt: "a cat" } });
  const events: unknown[] = [];
  for await (const event of stream) events.push(event);
  expect(events).toEqual([{ step: 1 }, { step: 2 }, { step: 3 }]);
  expect(cold.last.target).toBe("/stream");
});

test("a call of the queue is refused in words that the client shows", async () => {
  const before = [warm.received.length, cold.received.length];
  for (const call of ["status", "result", "cancel"] as const) {
    await expect(client("sdxl").queue[call]("acme/any-model", { requestId: "1" })).rejects.toMatchObject({
      status: 501,
      body: { error_type: "queue_not_available" },
    });
  }
  expect([warm.received.length, cold.received.length]).toEqual(before);
});

test("a replica's error and the router's own both reach the client as it knows them", async () => {
  await expect(client("sdxl").run("acme/any-model/fail", { input: {} })).rejects.toMatchObject({
    status: 422,
    body: { detail: "no such model" },
  });
  await expect(client("sdxl").run("acme/nobody", { input: {} })).rejects.toMatchObject({
    status: 404,
    body: { error_type: "app_not_found" },
  });
});
