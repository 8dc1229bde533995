// Where a hint outside headers and bodies of the usual kind is used and seen: in a WebSocket's handshake, and in the line of the log.
import { once } from "node:events";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
let replica: TestReplica;
beforeAll(async () => {
  router = await TestRouter.start({
    HINT_FROM_JSON: "/model",
    HINT_FROM_QUERY: "model",
    HINT_FROM_PATH: "/models/{hint}/*",
    HINT_ALIASES: JSON.stringify({ alias: "sdxl" }),
    LOG: "requests",
  });
  replica = await TestReplica.start();
  await router.join({ app: "app", replica: "r", origin: replica.origin, hints: ["sdxl", "flux"], concurrency: 64 });
});
afterAll(async () => {
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

const JSON_TYPE = { "content-type": "application/json" };

test("a WebSocket's handshake is routed by its query", async () => {
  const opened: string[] = [];
  await using replica = await TestReplica.start();
  const sockets = new WebSocketServer({ server: replica.server });
  sockets.on("connection", (socket, { url }) => {
    opened.push(url ?? "");
    socket.close();
  });
  for (const model of ["one", "two"])
    await router.join({ app: "sockets", replica: model, origin: replica.origin, hints: [model] });
  for (const model of ["two", "one", "two"]) {
    const client = new WebSocket(`ws://127.0.0.1:${router.port}/sockets/live?model=${model}`);
    client.on("error", () => {});
    const [{ headers }] = (await once(client, "upgrade")) as [{ headers: Record<string, unknown> }];
    expect([headers["x-fal-served-from"], headers["x-warmpath-reason"]]).toEqual([model, "hint_match"]);
    await once(client, "close");
  }
  expect(opened).toEqual(["/live?model=two", "/live?model=one", "/live?model=two"]);
  sockets.close();
});

describe("the line in the log", () => {
  test.each([
    ["path", "/app/models/sdxl/run", "{}", "sdxl"],
    ["query", "/app/run?model=alias&key=secret", "{}", "sdxl"],
    ["body", "/app/run", '{"model":"flux","key":"secret"}', "flux"],
  ])("has the hint of the %s, and nothing else of it", async (_, target, body, hint) => {
    router.log.length = 0;
    await router.send(target, { method: "POST", headers: JSON_TYPE, body });
    await until("the line is there", () => router.log.some((line) => line.includes('"message":"request"')));
    const line = router.log.find((its) => its.includes('"message":"request"')) ?? "";
    expect(JSON.parse(line)).toMatchObject({ hint, reason: "hint_match" });
    expect(line).not.toContain("secret");
  });
});
