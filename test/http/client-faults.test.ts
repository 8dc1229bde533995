// A client's fault ejects no replica and counts as no replica's failure, however often it happens, and the slot is given back.
import { connect } from "node:net";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { exchange } from "../support/raw.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const FIRST_BYTE_TIMEOUT_MS = 500;
/** More failures in a row than eject a replica. */
const TIMES = 5;

let router: TestRouter;
let replica: TestReplica;
let app = "";
let apps = 0;

beforeAll(async () => {
  router = await TestRouter.start({ FIRST_BYTE_TIMEOUT_MS: String(FIRST_BYTE_TIMEOUT_MS) });
  replica = await TestReplica.start();
});
/** An app for each test, so tests share no counts. */
beforeEach(async () => {
  router.log.length = 0;
  app = `app-${++apps}`;
  await router.join({ app, replica: "r", origin: replica.origin, concurrency: 10 });
});
afterAll(async () => {
  for (const its of [replica, router]) await its[Symbol.asyncDispose]();
});

/** `APP` stands for the app. */
const POST = "POST /APP/x HTTP/1.1\r\nHost: r\r\n";

test.each([
  ["a short body that ends too soon", 400, `${POST}Content-Length: 100\r\n\r\nabc`],
  ["a long body that ends too soon", 502, `${POST}Content-Length: 9000000\r\n\r\nabc`],
  ["chunks that end too soon", 502, `${POST}Transfer-Encoding: chunked\r\n\r\n5\r\nab`],
  ["chunks that are none", 502, `${POST}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\nzz\r\n`],
  ["a body that may not be sent twice and ends too soon", 400, `${POST}X-Fal-No-Retry: 1\r\nContent-Length: 100\r\n\r\nabc`],
  ["a GET whose body ends too soon", 502, "GET /APP/x HTTP/1.1\r\nHost: r\r\nContent-Length: 100\r\n\r\nabc"],
  ["an OPTIONS whose body ends too soon", 502, "OPTIONS /APP/x HTTP/1.1\r\nHost: r\r\nContent-Length: 9000000\r\n\r\nabc"],
  ["headers larger than the replica takes", 431, `GET /APP/x HTTP/1.1\r\nHost: r\r\nX-Own: ${"x".repeat(100_000)}\r\n\r\n`],
  ["a URL longer than the replica takes", 431, `GET /APP/${"x".repeat(50_000)} HTTP/1.1\r\nHost: r\r\n\r\n`],
  ["a URL longer than can be sent on", 400, `GET /APP/${"x".repeat(65_500)} HTTP/1.1\r\nHost: r\r\n\r\n`],
])("%s: %i", async (_, status, text) => {
  await expectBlameless(async () => {
    expect(await exchange(router.port, text.replace("APP", app))).toMatch(new RegExp(`^HTTP/1\\.1 ${status} `));
  });
});

test("a client that resets in the middle of its upload", async () => {
  await expectBlameless(async () => {
    const running = replica.running;
    const socket = connect({ port: router.port, host: "127.0.0.1" });
    socket.on("error", () => {});
    socket.write(`${POST.replace("APP", app)}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`);
    await until("the upload has begun", () => replica.running > running);
    socket.resetAndDestroy();
    await until("the replica's request is over", () => replica.running === running);
  });
});

test("bodies that the replica refuses by their length and does not read", async () => {
  await using strict = await TestReplica.start(
    (request, response) => {
      if (request.method === "OPTIONS") return response.end();
      response.writeHead(413, { connection: "close" }).end();
      return request.destroy();
    },
    { raw: true },
  );
  await router.join({ app: "strict", replica: "r", origin: strict.origin, concurrency: 10 });
  const body = "x".repeat(1_000_000);
  for (let round = 0; round < TIMES; round++) {
    // The client gets half an answer too.
    const sending = Array.from({ length: 8 }, () => router.send("/strict/x", { method: "POST", body }).catch(() => null));
    for (const reply of await Promise.all(sending)) expect([413, 502, undefined]).toContain(reply?.status);
  }
  const { counters } = (await router.view("strict")) as unknown as { counters: { ejected: number; failed: object } };
  expect(counters).toMatchObject({ ejected: 0, failed: { unreachable: 0, broken: 0 } });
});

test("a client whose upload takes longer than FIRST_BYTE_TIMEOUT_MS", async () => {
  await expectBlameless(async () => {
    const socket = connect({ port: router.port, host: "127.0.0.1" });
    let answer = "";
    socket.on("error", () => {});
    socket.setEncoding("latin1").on("data", (more: string) => (answer += more));
    socket.write(`${POST.replace("APP", app)}Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n`);
    await until("it is answered", () => answer.includes("\r\n\r\n"));
    expect(answer).toMatch(/^HTTP\/1\.1 504 /);
    socket.resetAndDestroy();
  });
});

async function expectBlameless(fault: () => Promise<unknown>): Promise<void> {
  for (let time = 0; time < TIMES; time++) await fault();
  await until("every slot is free", async () => (await router.view(app)).in_flight === 0);
  const { counters, replicas } = (await router.view(app)) as unknown as {
    counters: { ejected: number; failed: Record<string, number> };
    replicas: { ejected_for_ms: number }[];
  };
  expect(Object.values(counters.failed).reduce((sum, count) => sum + count, 0)).toBe(0);
  expect([counters.ejected, replicas[0]?.ejected_for_ms]).toEqual([0, 0]);
  expect((await router.send(`/${app}/after`)).status).toBe(200);
  expect(router.log.filter((line) => line.includes("failed in the router"))).toEqual([]);
}
