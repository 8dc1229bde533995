// Clients that send a body slowly, or never finish: how long they hold a slot.
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
let replica: TestReplica;
beforeAll(async () => {
  router = await TestRouter.start({ FIRST_BYTE_TIMEOUT_MS: "400" });
  replica = await TestReplica.start();
  await router.join({ app: "up", replica: "r", origin: replica.origin, concurrency: 2 });
});
afterAll(async () => {
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

const inFlight = async () => (await router.view("up")).in_flight;

/** A request whose body has begun. The caller sends the rest. */
async function begin(headers: string, body: string): Promise<{ socket: Socket; reply: Promise<string> }> {
  const socket = connect(router.port, "127.0.0.1");
  socket.on("error", () => {});
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const reply = new Promise<string>((resolve) => socket.on("close", () => resolve(text)));
  socket.write(`POST /up/x HTTP/1.1\r\nhost: router\r\nconnection: close\r\n${headers}\r\n\r\n${body}`);
  if (headers.startsWith("transfer-encoding")) await until("it holds a slot", async () => (await inFlight()) > 0);
  return { socket, reply };
}

test("a short body that takes too long is 408, and its slot is free", async () => {
  const received = replica.received.length;
  const { socket, reply } = await begin("content-length: 100", "begun");
  expect(await reply).toMatch(/^HTTP\/1\.1 408 .*x-fal-error-type: upload_timeout/s);
  expect(await inFlight()).toBe(0);
  expect(replica.received).toHaveLength(received);
  socket.destroy();
});

test("a body of unknown length that takes too long is the 504 of the first byte, and its slot is free", async () => {
  const { socket, reply } = await begin("transfer-encoding: chunked", "5\r\nbegun\r\n");
  await until("the slot is free", async () => (await inFlight()) === 0);
  expect(await reply).toMatch(/^HTTP\/1\.1 504 .*x-fal-error-type: request_timeout/s);
  socket.destroy();
});

test("a slow body that is in time is served", async () => {
  const { socket, reply } = await begin("content-length: 6", "sl");
  for (const part of ["o", "w", "l", "y"]) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    socket.write(part);
  }
  expect(await reply).toMatch(/^HTTP\/1\.1 200 /);
  expect(replica.last.body.toString()).toBe("slowly");
});

test.each([
  ["short", "content-length: 100", "begun"],
  ["long", "content-length: 5000000", "begun"],
  ["of unknown length", "transfer-encoding: chunked", "5\r\nbegun\r\n"],
])(
  "a client that resets in the middle of a body that is %s frees its slot, and the router has no error of its own",
  async (_, headers, body) => {
    const { socket } = await begin(headers, body);
    socket.resetAndDestroy();
    await until("the slot is free", async () => (await inFlight()) === 0);
    expect(router.log.filter((line) => line.includes("failed in the router"))).toEqual([]);
  },
);
