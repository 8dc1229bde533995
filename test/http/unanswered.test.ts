// Requests that no replica answered. The client and the log get the last replica that failed the request, and the cause.
import { createServer, type AddressInfo, type Server } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { expectProblem, freshApp } from "../support/conformance.ts";
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
beforeEach(() => {
  router.log.length = 0;
});

/** A server that does with each connection what the test says. */
async function listener(serve: Parameters<typeof createServer>[1]): Promise<AsyncDisposable & { readonly port: number }> {
  const server: Server = createServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return { port, [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())) };
}

async function expectCause(origin: string, cause: string, kind: string): Promise<void> {
  const app = freshApp("unanswered");
  await router.join({ app, replica: "gpu-1", origin });
  const reply = await router.send(`/${app}/x`);
  expect(expectProblem(reply, 502, "runner_disconnected")).toMatchObject({ replica: "gpu-1", cause });
  await until("the log says so", () => router.log.some((line) => line.includes("a request was not answered")));
  const line = router.log.find((text) => text.includes("a request was not answered")) ?? "";
  const said: unknown = JSON.parse(line.slice(line.indexOf("{")));
  expect(said).toMatchObject({ app, replica: "gpu-1", why: cause, requestId: reply.headers["x-fal-request-id"] });
  const { counters, replicas } = await router.view(app);
  expect([counters.failed[kind], replicas[0]?.last_error]).toMatchObject([
    1,
    { kind, detail: expect.stringContaining(cause) as string },
  ]);
  expect(replicas[0]?.last_error?.ago_ms).toBeLessThan(10_000);
}

test("refused: nobody listens", async () => {
  await using replica = await TestReplica.start();
  const { origin } = replica;
  await replica[Symbol.asyncDispose]();
  await expectCause(origin, "refused", "unreachable");
});

test("reset: the connection is ended whatever is asked", async () => {
  await using its = await listener((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.destroy());
  });
  await expectCause(`http://127.0.0.1:${its.port}`, "reset", "unreachable");
});

test("reset, by a replica that answers OPTIONS /", async () => {
  await using replica = await TestReplica.start((request, response) =>
    request.method === "OPTIONS" ? response.end() : request.socket.destroy(),
  );
  await expectCause(replica.origin, "reset", "disconnected");
});

test("dns: there is no such name", async () => {
  await expectCause("http://nobody.invalid", "dns", "unreachable");
});

test("tls: the port speaks plain HTTP", async () => {
  await using replica = await TestReplica.start();
  await expectCause(`https://127.0.0.1:${replica.port}`, "tls", "unreachable");
});

test("a short body that breaks off at once: broke_off", async () => {
  await using replica = await TestReplica.start((_request, response) => {
    response.writeHead(200, { "content-length": "10" });
    response.write("abc", () => response.socket?.resetAndDestroy());
  });
  const app = freshApp("unanswered");
  await router.join({ app, replica: "gpu-1", origin: replica.origin });
  const { status, text } = await router.send(`/${app}/x`).catch(() => ({ status: 0, text: "" }));
  // If the headers went out before the body broke off, the client has a truncated answer.
  if (status === 502) expect(JSON.parse(text)).toMatchObject({ replica: "gpu-1", cause: "broke_off" });
  await until("it counts", async () => (await router.view(app)).counters.failed["broken"] === 1);
});
