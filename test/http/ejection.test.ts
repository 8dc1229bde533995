// A replica that fails requests is ineligible for later ones, for as long as it should be, and then eligible again.
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keepsNothing, TestReplica, type Answer } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start({ FIRST_BYTE_TIMEOUT_MS: "200" });
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

let apps = 0;

/** An app with a replica that fails as the test says and is first choice for every request, and a good replica. */
async function pair(bad: Answer) {
  const stack = new AsyncDisposableStack();
  const failing = stack.use(await TestReplica.start(bad));
  const good = stack.use(await TestReplica.start(keepsNothing));
  const app = `ejected-${++apps}`;
  const join = (incarnation: number) =>
    router.join({ app, replica: "bad", origin: failing.origin, hints: ["h"], concurrency: 8, incarnation });
  await join(1);
  await router.join({ app, replica: "good", origin: good.origin, hints: [], concurrency: 8 });
  const send = (headers: Record<string, string> = {}) =>
    router.send(`/${app}/x`, { headers: { "x-fal-runner-hint": "h", ...headers } });
  const state = async () => {
    const { replicas, counters } = await router.view(app);
    const its = replicas.find(({ replica }) => replica === "bad");
    if (its === undefined) throw new Error("the replica is gone");
    return { ...its, counters };
  };
  return { app, failing, join, send, state, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const says =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, headers).end("bad");
const resets: Answer = (_request, response) => response.socket?.resetAndDestroy();
/** Fails, but answers `OPTIONS /`, so the router can reach it. */
const resetsRequests: Answer = (request, response) => {
  if (request.method === "OPTIONS" && request.url === "/") response.end();
  else resets(request, response);
};
const breaksOff =
  (headers: Record<string, string>, status = 200): Answer =>
  (_request: unknown, response: ServerResponse) => {
    response.writeHead(status, headers);
    response.write("half", () => setImmediate(() => response.socket?.resetAndDestroy()));
  };

describe("with the second in a row, or one", () => {
  test.each<[string, Answer, number, number, string]>([
    ["503", says(503), 2, 10_000, "unavailable"],
    ["503 that asks for 3 s", says(503, { "retry-after": "3" }), 2, 3000, "unavailable"],
    ["503 that asks for 300 s", says(503, { "retry-after": "300" }), 2, 10_000, "unavailable"],
    ["530, which is a tunnel's", says(530), 1, 10_000, "unreachable"],
    ["a reset before the headers of one that answers nothing", resets, 1, 10_000, "unreachable"],
  ])("%s", async (_, bad, needed, forMs, kind) => {
    await using its = await pair(bad);
    for (let n = 1; n <= needed; n++) {
      expect((await its.state()).counters.ejected).toBe(0);
      expect((await its.send()).headers["x-fal-served-from"]).toBe("good");
    }
    const { ejected_for_ms: left, on_probation: onProbation, counters, last_error: error } = await its.state();
    expect(left).toBeGreaterThan(forMs - 1500);
    expect(left).toBeLessThanOrEqual(forMs);
    expect([onProbation, counters.ejected, counters.failed[kind], error?.kind]).toEqual([true, 1, needed, kind]);
    const before = its.failing.received.length;
    for (let n = 0; n < 3; n++) expect((await its.send()).headers["x-fal-served-from"]).toBe("good");
    expect(its.failing.received).toHaveLength(before);
  });

  test.each<[string, Record<string, string>, string]>([
    ["of unknown length", { "transfer-encoding": "chunked" }, "chunk"],
    ["that is long", {}, "x".repeat(2_000_000)],
  ])("a refused connection, found by a body %s, which has one attempt", async (_, headers, body) => {
    await using its = await pair(resets);
    await its.failing[Symbol.asyncDispose]();
    const sending = { method: "POST", headers: { "x-fal-runner-hint": "h", ...headers }, body };
    expect((await router.send(`/${its.app}/x`, sending)).status).toBe(502);
    expect((await its.state()).counters).toMatchObject({ ejected: 1, failed: { unreachable: 1 } });
    expect((await router.send(`/${its.app}/x`, sending)).headers["x-fal-served-from"]).toBe("good");
  });

  test("a refused connection", async () => {
    await using its = await pair(resets);
    await its.failing[Symbol.asyncDispose]();
    expect((await its.send()).headers["x-fal-served-from"]).toBe("good");
    expect((await its.state()).counters).toMatchObject({ ejected: 1, failed: { unreachable: 1 } });
  });
});

describe("not", () => {
  test.each<[string, Answer]>([
    ["500", says(500)],
    ["a reset before the headers of one that can be reached", resetsRequests],
    ["502", says(502)],
    ["a 503 of which the replica says that it needs no retry", says(503, { "x-fal-needs-retry": "0" })],
    ["a 503 of which the replica says that it needs one", says(503, { "x-fal-needs-retry": "1" })],
    ["429", says(429)],
  ])("by %s", async (_, bad) => {
    await using its = await pair(bad);
    await its.send();
    await its.send();
    expect((await its.state()).counters.ejected).toBe(0);
    expect(its.failing.received.length).toBeGreaterThanOrEqual(2);
  });
});

describe("with the third in a row, or the fifth", () => {
  test.each<[string, Answer, string, number]>([
    ["a reset before the headers of one that can be reached", resetsRequests, "disconnected", 3],
    ["502, which is that of what stands before it", says(502), "disconnected", 3],
    ["a first-byte timeout", () => {}, "timed_out", 3],
    ["504", says(504), "timed_out", 3],
    ["a break in a long body", breaksOff({ "content-length": "500000" }), "broken", 3],
    ["a break in a body of unknown length", breaksOff({}), "broken", 3],
    ["a break in a short body", breaksOff({ "content-length": "100" }), "broken", 3],
    ["524, which is Cloudflare's for a timeout", says(524), "timed_out", 3],
    ["520, which is Cloudflare's for a broken answer", says(520), "broken", 3],
    ["500", says(500), "error", 5],
  ])("%s", async (_, bad, kind, needed) => {
    await using its = await pair(bad);
    for (let n = 1; n <= needed; n++) {
      await its.send().catch(() => {});
      await until(`failure ${n} is known`, async () => Object.values((await its.state()).counters.failed).includes(n));
      expect((await its.state()).counters.ejected).toBe(n === needed ? 1 : 0);
    }
    const { counters, in_flight: inFlight, last_error: error } = await its.state();
    expect([counters.failed[kind], inFlight, error?.kind]).toEqual([needed, 0, kind]);
    const before = its.failing.received.length;
    expect((await its.send()).headers["x-fal-served-from"]).toBe("good");
    expect(its.failing.received).toHaveLength(before);
  });
});

describe("back", () => {
  test("with a new incarnation", async () => {
    let heals = false;
    await using its = await pair((request, response) => (heals ? response.end("ok") : says(530)(request, response)));
    await its.send();
    heals = true;
    await its.join(1);
    expect((await its.send()).headers["x-fal-served-from"]).toBe("good");
    await its.join(2);
    expect((await its.send()).headers["x-fal-served-from"]).toBe("bad");
    expect(await its.state()).toMatchObject({ ejected_for_ms: 0, ejections: 0, on_probation: false });
  });

  test("with an answer to a request that it had before", async () => {
    const held: ServerResponse[] = [];
    await using its = await pair((request, response) => {
      if (request.headers["x-hold"] === undefined) says(530)(request, response);
      else if (held.length === 0) held.push(response);
      else response.end("ok");
    });
    const first = its.send({ "x-hold": "1" });
    await until("it is there", () => held.length === 1);
    await its.send();
    expect((await its.state()).on_probation).toBe(true);
    held[0]?.end("ok");
    expect((await first).headers["x-fal-served-from"]).toBe("bad");
    // The object may hear of the answer with the next request only.
    await its.send({ "x-hold": "1" });
    await until("it is trusted again", async () => !(await its.state()).on_probation);
    expect((await its.state()).ejected_for_ms).toBe(0);
  });
});

describe("after broken answers, of a replica that is alone and so is tried all the same", () => {
  const HEADERS = { "transfer-encoding": "chunked" };
  const streamed = (app: string) => router.send(`/${app}/x`, { method: "POST", headers: HEADERS, body: "b" });

  test.each<[string, boolean, Answer, (app: string) => Promise<unknown>]>([
    ["a whole answer", true, says(200), (app) => router.send(`/${app}/x`)],
    ["a whole answer that is short", true, says(200, { "content-length": "3" }), (app) => router.send(`/${app}/x`)],
    ["a whole answer that is long", true, (_, response) => response.end("x".repeat(200_000)), (app) => router.send(`/${app}/x`)],
    ["a whole answer without a body", true, says(204), (app) => router.send(`/${app}/x`)],
    ["an answer to a streamed body that breaks off", false, breaksOff({}), streamed],
    ["a 422 that breaks off", false, breaksOff({}, 422), (app) => router.send(`/${app}/x`)],
    ["an answer whose client resets", false, (_, response) => response.write("begun"), resetsAfterByte],
  ])("%s: trusted again %j", async (_, trusted, answer, sends) => {
    let does: Answer = breaksOff({});
    await using replica = await TestReplica.start((request, response) => does(request, response));
    const app = `alone-${++apps}`;
    await router.join({ app, replica: "r", origin: replica.origin, concurrency: 8 });
    for (let n = 1; n <= 3; n++) {
      await router.send(`/${app}/x`).catch(() => {});
      await until("the failure is known", async () => (await router.view(app)).counters.failed["broken"] === n);
    }
    expect((await router.view(app)).replicas[0]?.on_probation).toBe(true);
    // The request must be sent in a later millisecond than that of the ejection.
    await until("time passes", async () => ((await router.view(app)).replicas[0]?.ejected_for_ms ?? 0) < 10_000);
    does = answer;
    await sends(app).catch(() => {});
    await until("its slot is free", async () => (await router.view(app)).in_flight === 0);
    const { replicas, counters } = await router.view(app);
    expect([replicas[0]?.on_probation, counters.failed["broken"], counters.ejected]).toEqual([!trusted, 3, 1]);
  });
});

async function resetsAfterByte(app: string): Promise<void> {
  const socket = await rawRequest(router.port, `/${app}/x`);
  await new Promise((resolve) => socket.once("data", resolve));
  socket.resetAndDestroy();
}
