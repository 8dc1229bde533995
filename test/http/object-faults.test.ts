// A Fleet object that is slow or overloaded, but has not restarted. Requests that end meanwhile count against no replica.
import { connect, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { LiveRouter } from "../../bench/live/router.ts";
import { bundle } from "../../scripts/bundle.ts";
import { BOUNDS } from "../../src/limits.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

let router: LiveRouter;
let replica: TestReplica;
/** Lets the replica begin its answers. */
let begin: (() => void)[] = [];

beforeAll(async () => {
  router = await LiveRouter.start({
    name: "object-faults",
    settings: { ALLOW_PRIVATE_ORIGINS: "true", HEARTBEAT_INTERVAL_MS: "60000" },
    bundle: bundle({ name: "chaos", folder: "bench/chaos/worker" }),
  });
  replica = await TestReplica.start((_request, response) => {
    begin.push(() => {
      response.writeHead(200, { "content-type": "text/event-stream" });
      const timer = setInterval(() => response.write("data: 1\n\n"), 10);
      response.on("close", () => clearInterval(timer));
    });
  });
});
afterAll(async () => {
  for (const its of [replica, router]) await its[Symbol.asyncDispose]();
});

async function join(app: string): Promise<void> {
  const beat = { app, replica: "r", origin: replica.origin, concurrency: 10 };
  const headers = { authorization: `Bearer ${router.token}` };
  const reply = await fetch(`${router.url}/-/heartbeat`, { method: "POST", headers, body: JSON.stringify(beat) });
  expect(reply.status).toBe(200);
  begin = [];
}

/** The object does what the switch says for so long. A call that asks for a stall is answered when the stall is over. */
function switched(app: string, fault: "stalled" | "overloaded", ms: number): Promise<Response> {
  return fetch(`${router.url}/__chaos/${app}/${fault}?ms=${ms}`, { method: "POST" });
}

function open(app: string): Socket {
  const socket = connect({ port: Number(new URL(router.url).port), host: "127.0.0.1" });
  socket.on("error", () => {});
  socket.write(`GET /${app}/x HTTP/1.1\r\nHost: r\r\n\r\n`);
  return socket;
}

const firstByte = (socket: Socket) => new Promise<void>((resolve) => socket.once("data", () => resolve()));

async function viewOf(app: string) {
  const view = await router.view(app);
  if (view === null) throw new Error(`no app ${app}`);
  return view;
}

test("clients that reset while the object is slow to hear of their answers do not count against the replica", async () => {
  await join("slow");
  const sockets = Array.from({ length: 2 * LIMITS.failuresToEject }, () => open("slow"));
  await until("all are there", () => begin.length === sockets.length);
  const over = switched("slow", "stalled", 1500);
  await until("it stalls", async () => (await Promise.race([router.view("slow"), sleep(50, "stalled")])) === "stalled");
  const begun = Promise.all(sockets.map(firstByte));
  for (const answer of begin) answer();
  await begun;
  for (const socket of sockets) socket.resetAndDestroy();
  await over;
  await until("every slot is free", async () => (await viewOf("slow")).in_flight === 0);
  await until("every request is over at the replica", () => replica.running === 0);
  const { counters, replicas } = await viewOf("slow");
  expect(counters).toMatchObject({ ejected: 0, failed: { broken: 0 } });
  expect(replicas[0]?.ejected_for_ms).toBe(0);
});

test("a request that runs while the object is overloaded holds one slot", async () => {
  await join("busy");
  const socket = open("busy");
  await until("it is there", () => begin.length === 1);
  expect((await switched("busy", "overloaded", 3 * BOUNDS.watchAfterMs)).status).toBe(204);
  const begun = firstByte(socket);
  begin[0]?.();
  await begun;
  await until("the object answers", async () => (await router.view("busy")) !== null);
  // As long as a request that takes its slot to be lost goes on asking the object.
  for (let checkedMs = 0; checkedMs < BOUNDS.adoptRetryMs * 2 ** (BOUNDS.adoptAttempts - 2); checkedMs += BOUNDS.adoptRetryMs) {
    expect((await viewOf("busy")).in_flight).toBe(1);
    await sleep(BOUNDS.adoptRetryMs);
  }
  socket.resetAndDestroy();
  await until("its slot is free", async () => (await viewOf("busy")).in_flight === 0);
});

/** The type of the router's error, and when the error came. */
async function refusedAfter(app: string, seconds: string) {
  const sentAtMs = Date.now();
  const { status, headers } = await fetch(`${router.url}/${app}/x`, { headers: { "x-fal-request-timeout": seconds } });
  return { status, type: headers.get("x-fal-request-timeout-type"), afterMs: Date.now() - sentAtMs };
}

const STALL_MS = 4000;

test("a request ends at its deadline although the object does not answer", async () => {
  await join("late");
  const over = switched("late", "stalled", STALL_MS);
  await until("it stalls", async () => (await Promise.race([router.view("late"), sleep(50, "stalled")])) === "stalled");
  const { status, type, afterMs } = await refusedAfter("late", "0.5");
  expect([status, type]).toEqual([504, "user"]);
  expect(afterMs).toBeGreaterThanOrEqual(500);
  expect(afterMs).toBeLessThan(STALL_MS / 2);
  await over;
  await until("no slot is held for it", async () => (await viewOf("late")).in_flight === 0);
  expect(begin).toEqual([]);
});

test("a stall that begins while a request waits does not keep the request, and its place is given up", async () => {
  await join("waits");
  const sockets = Array.from({ length: 10 }, () => open("waits"));
  await until("every slot is taken", () => begin.length === sockets.length);
  const refused = refusedAfter("waits", "1");
  await until("it waits", async () => (await viewOf("waits")).waiting === 1);
  const over = switched("waits", "stalled", STALL_MS);
  const { status, afterMs } = await refused;
  expect(status).toBe(504);
  expect(afterMs).toBeLessThan(STALL_MS / 2);
  for (const socket of sockets) socket.resetAndDestroy();
  await over;
  await until("nothing is held", async () => {
    const { waiting, in_flight: inFlight } = await viewOf("waits");
    return waiting === 0 && inFlight === 0;
  });
});

test("a Directory that does not answer does not keep a request for a new app beyond its deadline", async () => {
  const over = switched("-", "stalled", STALL_MS);
  await until("it stalls", async () => (await Promise.race([router.view("nobody"), sleep(50, "stalled")])) === "stalled");
  const { status, afterMs } = await refusedAfter("nobody-else", "0.5");
  // The app's Fleet object is asked instead. It has no replicas.
  expect(status).toBe(503);
  expect(afterMs).toBeGreaterThanOrEqual(500);
  expect(afterMs).toBeLessThan(STALL_MS / 2);
  await over;
});
