// The router does not see that a client has closed its connection in an orderly way before it writes to that client.
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

/** So often a test asks for the fleet's view. */
const CHECKS = 40;

test("a client that closes before the headers keeps its slot until the replica's first bytes", async () => {
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  await using replica = await TestReplica.start(async (_request, response) => {
    await begun;
    response.writeHead(200);
    const timer = setInterval(() => response.write("data\n"), 10);
    response.on("close", () => clearInterval(timer));
  });
  await using router = await TestRouter.start();
  await router.join({ app: "a", replica: "r", origin: replica.origin });
  const socket = await rawRequest(router.port, "/a/x");
  await until("it is there", () => replica.running === 1);
  socket.destroy();
  for (let check = 0; check < CHECKS; check++) expect((await router.view("a")).in_flight).toBe(1);
  expect(replica.running).toBe(1);
  begin();
  await until("the slot is free", async () => (await router.view("a")).in_flight === 0);
  await until("the request is cancelled at the replica", () => replica.running === 0);
});

test("a client that closes while it waits keeps its place, and its request is sent in its turn", async () => {
  const held = holdAnswers();
  await using replica = await TestReplica.start(held.answer);
  await using router = await TestRouter.start();
  await router.join({ app: "a", replica: "r", origin: replica.origin });
  const first = router.send("/a/first");
  await until("it is there", () => held.holding === 1);
  const socket = await rawRequest(router.port, "/a/second");
  await until("it waits", async () => (await router.view("a")).waiting === 1);
  socket.destroy();
  for (let check = 0; check < CHECKS; check++) expect((await router.view("a")).waiting).toBe(1);
  held.releaseOne();
  expect((await first).status).toBe(200);
  await until("the second is there", () => replica.received.length === 2);
  held.releaseAll();
  await until("the slot is free", async () => (await router.view("a")).in_flight === 0);
});

test("a client that closes in a silent stream keeps its slot until the replica's next bytes", async () => {
  const { promise: more, resolve: sendMore } = Promise.withResolvers<void>();
  await using replica = await TestReplica.start(async (_request, response) => {
    response.writeHead(200);
    response.write("first\n");
    await more;
    const timer = setInterval(() => response.write("data\n"), 10);
    response.on("close", () => clearInterval(timer));
  });
  await using router = await TestRouter.start();
  await router.join({ app: "a", replica: "r", origin: replica.origin });
  const socket = await rawRequest(router.port, "/a/x");
  // With unread bytes the system would reset the connection.
  let read = "";
  socket.on("data", (bytes: Buffer) => (read += bytes.toString()));
  await until("it has read all there is", () => read.includes("first\n\r\n"));
  socket.destroy();
  for (let check = 0; check < CHECKS; check++) expect((await router.view("a")).in_flight).toBe(1);
  sendMore();
  await until("the slot is free", async () => (await router.view("a")).in_flight === 0);
  await until("the request is cancelled at the replica", () => replica.running === 0);
});

test("a client that ends only its own direction gets its whole answer", async () => {
  const held = holdAnswers((response) => response.end("whole"));
  await using replica = await TestReplica.start(held.answer);
  await using router = await TestRouter.start();
  await router.join({ app: "a", replica: "r", origin: replica.origin });
  const socket = connect({ port: router.port, host: "127.0.0.1", allowHalfOpen: true });
  socket.end("GET /a/x HTTP/1.1\r\nHost: router.test\r\n\r\n");
  await until("it is there", () => held.holding === 1);
  for (let check = 0; check < CHECKS; check++) expect((await router.view("a")).in_flight).toBe(1);
  held.releaseOne();
  expect(await text(socket)).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\nwhole/s);
});
