// Clients that read slowly, or not at all. The replica is slowed down, and the router keeps nothing of the answer in memory.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { openRequest } from "../support/wire.ts";

const MEBIBYTE = 1024 * 1024;
const BODY_BYTES = 64 * MEBIBYTE;
const CLIENTS = 4;
/** The most that the sockets on both sides and the router may hold of one body. They hold about 12 MiB, nearly all in the kernel's buffers. */
const HELD_MAX = 24 * MEBIBYTE;
const GROWTH_MAX = 24 * MEBIBYTE;
/** After so many polls without progress the stream counts as standing still. */
const STILL_POLLS = 40;

let router: TestRouter;
let replica: TestReplica;
let sent = 0;

function* chunks(): Generator<Buffer> {
  const chunk = Buffer.alloc(65_536, 7);
  for (let bytes = 0; bytes < BODY_BYTES; bytes += chunk.length) {
    sent += chunk.length;
    yield chunk;
  }
}

beforeAll(async () => {
  router = await TestRouter.start();
  replica = await TestReplica.start((request, response) => {
    response.writeHead(200, request.url === "/known" ? { "content-length": BODY_BYTES } : {});
    return pipeline(Readable.from(chunks()), response).catch(() => {});
  });
  await router.join({ app: "s", replica: "r", origin: replica.origin, concurrency: 100 });
});
afterAll(async () => {
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

test.each(["/s/known", "/s/chunked"])("a client that stops reading stops the replica: %s", async (target) => {
  const before = memoryOf(router.process.pid);
  sent = 0;
  const responses = await Promise.all(
    Array.from({ length: CLIENTS }, async () => {
      const client = openRequest(router.port, target);
      client.outgoing.end();
      return client.response;
    }),
  );
  let last = -1;
  let still = 0;
  await until("nothing moves any more", () => {
    still = sent === last ? still + 1 : 0;
    last = sent;
    return still >= STILL_POLLS;
  });
  expect(sent).toBeLessThan(CLIENTS * HELD_MAX);
  expect(memoryOf(router.process.pid) - before).toBeLessThan(GROWTH_MAX);
  expect((await router.view("s")).in_flight).toBe(CLIENTS);
  // One client reads on and gets everything. The others go, and their slots are free.
  const [reader, ...others] = responses;
  for (const response of others) response.socket.resetAndDestroy();
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const chunk of reader ?? []) {
    hash.update(chunk as Buffer);
    bytes += (chunk as Buffer).length;
  }
  expect(bytes).toBe(BODY_BYTES);
  expect(hash.digest("hex")).toBe(createHash("sha256").update(Buffer.alloc(BODY_BYTES, 7)).digest("hex"));
  await until("every slot is free", async () => (await router.view("s")).in_flight === 0);
});

/** Resident memory of a process, bytes. */
function memoryOf(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1] ?? 0) * 1024;
}
