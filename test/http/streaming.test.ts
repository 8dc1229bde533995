// Bodies pass chunk by chunk, in both directions, whatever their size. The reader of a body that broke off can see that.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { openRequest } from "../support/wire.ts";

const MEBIBYTE = 1024 * 1024;
const HUNDRED = 100 * MEBIBYTE;
/** How much the router's process may grow while 100 MB pass: far less than the body. */
const GROWTH_MAX = 48 * MEBIBYTE;

let router: TestRouter;
let replica: TestReplica;
/** Answers whose chunks the test sends one by one. */
const open = new Map<string, ServerResponse>();

beforeAll(async () => {
  router = await TestRouter.start();
  replica = await TestReplica.start(
    async (request, response) => {
      const target = request.url ?? "";
      if (target.startsWith("/upload")) {
        const hash = createHash("sha256");
        let bytes = 0;
        for await (const chunk of request) {
          hash.update(chunk as Buffer);
          bytes += (chunk as Buffer).length;
        }
        response.end(JSON.stringify({ bytes, sha256: hash.digest("hex") }));
      } else if (target.startsWith("/download")) {
        const chunk = Buffer.alloc(MEBIBYTE, 7);
        response.writeHead(200, target.includes("chunked") ? {} : { "content-length": HUNDRED });
        for (let sent = 0; sent < HUNDRED; sent += chunk.length) if (!response.write(chunk)) await once(response, "drain");
        response.end();
      } else if (target.startsWith("/echo")) {
        response.writeHead(200);
        response.flushHeaders();
        for await (const chunk of request) response.write(chunk);
        response.end();
      } else {
        open.set(target, response);
      }
    },
    { raw: true },
  );
  await router.join({ app: "s", replica: "r", origin: replica.origin, concurrency: 100 });
});
afterAll(async () => {
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

async function opened(target: string): Promise<ServerResponse> {
  await until(`${target} at the replica`, () => open.has(target));
  return open.get(target) as ServerResponse;
}

describe("server-sent events", () => {
  test("each arrives by itself, as soon as it is sent", async () => {
    const client = openRequest(router.port, "/s/events", { headers: { accept: "text/event-stream" } });
    client.outgoing.end();
    const upstream = await opened("/events");
    upstream.writeHead(200, { "content-type": "text/event-stream" });
    upstream.flushHeaders();
    const response = await client.response;
    const seen: string[] = [];
    response.on("data", (chunk: Buffer) => seen.push(chunk.toString()));
    for (let number = 0; number < 20; number++) {
      upstream.write(`data: ${number}\n\n`);
      await until(`event ${number}`, () => seen.length === number + 1);
      expect(seen[number]).toBe(`data: ${number}\n\n`);
    }
    upstream.end();
    await once(response, "end");
    expect(seen.length).toBe(20);
  });

  test("headers arrive before any byte of the body", async () => {
    const client = openRequest(router.port, "/s/early");
    client.outgoing.end();
    const upstream = await opened("/early");
    upstream.writeHead(200, { "x-early": "1" });
    upstream.flushHeaders();
    expect((await client.response).headers["x-early"]).toBe("1");
    upstream.end();
    (await client.response).resume();
  });
});

test("a request's chunks reach the replica, and its answer the client, while both bodies are open", async () => {
  const client = openRequest(router.port, "/s/echo", { method: "POST", headers: { "transfer-encoding": "chunked" } });
  client.outgoing.flushHeaders();
  client.outgoing.write("first");
  const response = await client.response;
  let seen = "";
  response.on("data", (chunk: Buffer) => (seen += chunk.toString()));
  await until("the first chunk back", () => seen === "first");
  client.outgoing.write(" second");
  await until("the second chunk back", () => seen === "first second");
  client.outgoing.end();
  await once(response, "end");
});

describe("100 MB", () => {
  test.each([
    ["with its length", { "content-length": String(HUNDRED) }],
    ["chunked", { "transfer-encoding": "chunked" }],
  ])("up, %s, in constant memory", async (_how, headers) => {
    const before = memoryOf(router.process.pid);
    const client = openRequest(router.port, "/s/upload", { method: "POST", headers });
    const chunk = Buffer.alloc(MEBIBYTE, 9);
    const hash = createHash("sha256");
    let most = before;
    for (let sent = 0; sent < HUNDRED; sent += chunk.length) {
      hash.update(chunk);
      if (!client.outgoing.write(chunk)) await once(client.outgoing, "drain");
      most = Math.max(most, memoryOf(router.process.pid));
    }
    client.outgoing.end();
    const response = await client.response;
    const [body] = (await response.toArray()) as Buffer[];
    expect(JSON.parse(String(body))).toEqual({ bytes: HUNDRED, sha256: hash.digest("hex") });
    expect(most - before).toBeLessThan(GROWTH_MAX);
  });

  test.each(["/s/download", "/s/download?chunked"])("down, %s, in constant memory", async (target) => {
    const before = memoryOf(router.process.pid);
    const client = openRequest(router.port, target);
    client.outgoing.end();
    let bytes = 0;
    let most = before;
    for await (const chunk of await client.response) {
      bytes += (chunk as Buffer).length;
      if (bytes % MEBIBYTE < 65_536) most = Math.max(most, memoryOf(router.process.pid));
    }
    expect(bytes).toBe(HUNDRED);
    expect(most - before).toBeLessThan(GROWTH_MAX);
  });
});

describe("a replica that breaks off", () => {
  test.each([
    ["chunked", {}],
    ["of known length", { "content-length": "500000" }],
  ])("in a body %s is seen as broken, and frees its slot", async (_how, headers) => {
    open.clear();
    const client = openRequest(router.port, "/s/broken");
    client.outgoing.end();
    const upstream = await opened("/broken");
    upstream.writeHead(200, headers);
    upstream.write(Buffer.alloc(100_000));
    const response = await client.response;
    response.on("data", () => {});
    const broken = new Promise((resolve) => response.once("error", resolve));
    upstream.socket?.resetAndDestroy();
    await broken;
    expect(response.complete).toBe(false);
    await until("the slot is free", async () => (await router.view("s")).in_flight === 0);
  });

  test("in a short body, before anything was sent on, is the router's 502", async () => {
    open.clear();
    const client = openRequest(router.port, "/s/short");
    client.outgoing.end();
    const upstream = await opened("/short");
    upstream.writeHead(200, { "content-length": "1000" });
    upstream.write("half");
    await until("the headers at the router", async () => (await router.view("s")).in_flight === 1);
    upstream.socket?.destroy();
    const response = await client.response;
    expect([response.statusCode, response.headers["x-fal-error-type"]]).toEqual([502, "runner_disconnected"]);
    response.resume();
  });
});

/** Resident memory of a process, bytes. */
function memoryOf(pid: number): number {
  const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(match?.[1] ?? 0) * 1024;
}
