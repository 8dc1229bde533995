// A body that is kept is read before its request asks for a slot, so a slow upload holds no slot.
import { connect, type Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
let replica: TestReplica;
beforeAll(async () => {
  router = await TestRouter.start({ FIRST_BYTE_TIMEOUT_MS: "5000" });
  replica = await TestReplica.start();
  await router.join({ app: "up", replica: "r", origin: replica.origin, concurrency: 1 });
});
afterAll(async () => {
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

const view = () => router.view("up");

/** A request of which half the body is sent, and its whole answer. */
async function upload(headers = ""): Promise<{ readonly socket: Socket; readonly reply: Promise<string> }> {
  const socket = connect(router.port, "127.0.0.1");
  socket.on("error", () => {});
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  const reply = new Promise<string>((resolve) => socket.on("close", () => resolve(text)));
  await new Promise((resolve) => socket.once("connect", resolve));
  socket.write(`POST /up/slow HTTP/1.1\r\nhost: router\r\nconnection: close\r\ncontent-length: 8\r\n${headers}\r\nhalf`);
  return { socket, reply };
}

test("other requests are served meanwhile, by the only slot there is", async () => {
  const uploads = await Promise.all([upload(), upload()]);
  for (let n = 0; n < 5; n++) expect((await router.send("/up/quick")).status).toBe(200);
  await until("the slot is free", async () => (await view()).in_flight === 0);
  expect((await view()).waiting).toBe(0);
  for (const { socket } of uploads) socket.write("full");
  for (const { reply } of uploads) expect(await reply).toMatch(/^HTTP\/1\.1 200 /);
  expect(replica.most).toBe(1);
  expect(replica.received.filter(({ target }) => target === "/slow").map(({ body }) => body.toString())).toEqual([
    "halffull",
    "halffull",
  ]);
});

test("its deadline goes on meanwhile: 504 of the client's own limit, and no replica is asked", async () => {
  const before = replica.received.length;
  const sentAtMs = Date.now();
  const { socket, reply } = await upload("x-fal-request-timeout: 0.3\r\n");
  expect(await reply).toMatch(/^HTTP\/1\.1 504 .*x-fal-error-type: request_timeout.*x-fal-request-timeout-type: user/is);
  expect(Date.now() - sentAtMs).toBeLessThan(4000);
  expect([replica.received.length, (await view()).in_flight, (await view()).waiting]).toEqual([before, 0, 0]);
  socket.destroy();
});

test("what the upload took counts as waited: what is left of the deadline is for the queue", async () => {
  let letGo = () => {};
  await using busy = await TestReplica.start((_request, response) => {
    letGo = () => response.end();
  });
  await router.join({ app: "busy", replica: "r", origin: busy.origin });
  const first = router.send("/busy/x");
  await until("the slot is taken", () => busy.running === 1);
  const sentAtMs = Date.now();
  const socket = connect(router.port, "127.0.0.1");
  let text = "";
  socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
  socket.write("POST /busy/x HTTP/1.1\r\nhost: r\r\nx-fal-request-timeout: 1\r\ncontent-length: 8\r\n\r\nhalf");
  await until("some of its time is over", () => Date.now() - sentAtMs > 600);
  socket.write("full");
  await until("it is answered", () => text !== "");
  expect(text).toMatch(/^HTTP\/1\.1 504 /);
  expect(Date.now() - sentAtMs).toBeLessThan(1500);
  socket.destroy();
  letGo();
  expect((await first).status).toBe(200);
});
