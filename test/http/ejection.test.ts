// What a replica that fails requests is to those that come after: passed over, for as long as it should be, and back again.
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestReplica, type Answer } from "../support/replica.ts";
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

/** An app with a replica that does as told, which every request would rather go to, and a good one. */
async function pair(bad: Answer) {
  const stack = new AsyncDisposableStack();
  const failing = stack.use(await TestReplica.start(bad));
  const good = stack.use(await TestReplica.start());
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
const breaksOff =
  (headers: Record<string, string>, status = 200): Answer =>
  (_request: unknown, response: ServerResponse) => {
    response.writeHead(status, headers);
    response.write("half", () => setImmediate(() => response.socket?.resetAndDestroy()));
  };

describe("at once, by one failure", () => {
  test.each<[string, Answer, number]>([
    ["a reset before the headers", resets, 10_000],
    ["503", says(503), 10_000],
    ["503 that asks for 3 s", says(503, { "retry-after": "3" }), 3000],
    ["503 that asks for 300 s", says(503, { "retry-after": "300" }), 10_000],
    ["530, which is a tunnel's", says(530), 10_000],
  ])("%s", async (_, bad, forMs) => {
    await using its = await pair(bad);
    expect((await its.send()).headers["x-fal-served-from"]).toBe("good");
    const { ejected_for_ms: left, on_probation: onProbation, counters } = await its.state();
    expect(left).toBeGreaterThan(forMs - 1500);
    expect(left).toBeLessThanOrEqual(forMs);
    expect([onProbation, counters.ejected]).toEqual([true, 1]);
    for (let n = 0; n < 3; n++) expect((await its.send()).headers["x-fal-served-from"]).toBe("good");
    expect(its.failing.received).toHaveLength(1);
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
    ["a 503 of which the replica says that it needs no retry", says(503, { "x-fal-needs-retry": "0" })],
    ["a 503 of which the replica says that it needs one", says(503, { "x-fal-needs-retry": "1" })],
    ["429", says(429)],
  ])("by %s", async (_, bad) => {
    await using its = await pair(bad);
    await its.send();
    await its.send();
    expect((await its.state()).counters.ejected).toBe(0);
    expect(its.failing.received).toHaveLength(2);
  });
});

describe("with the third in a row", () => {
  test.each<[string, Answer, Record<string, number>]>([
    ["a first-byte timeout", () => {}, { timed_out: 3 }],
    ["a break in a long body", breaksOff({ "content-length": "500000" }), { broken: 3 }],
    ["a break in a body of unknown length", breaksOff({}), { broken: 3 }],
    ["a break in a short body", breaksOff({ "content-length": "100" }), { broken: 3 }],
    ["524, which is Cloudflare's for a timeout", says(524), { timed_out: 3 }],
    ["520, which is Cloudflare's for a broken answer", says(520), { broken: 3 }],
  ])("%s", async (_, bad, failed) => {
    await using its = await pair(bad);
    for (let n = 1; n <= 3; n++) {
      await its.send().catch(() => {});
      await until(`failure ${n} is known`, async () => Object.values((await its.state()).counters.failed).includes(n));
      expect((await its.state()).counters.ejected).toBe(n === 3 ? 1 : 0);
    }
    expect((await its.state()).counters.failed).toMatchObject(failed);
    expect((await its.state()).in_flight).toBe(0);
    expect((await its.send()).headers["x-fal-served-from"]).toBe("good");
    expect(its.failing.received).toHaveLength(3);
  });
});

describe("back", () => {
  test("with a new incarnation", async () => {
    let heals = false;
    await using its = await pair((request, response) => (heals ? response.end("ok") : resets(request, response)));
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
      if (request.headers["x-hold"] === undefined) resets(request, response);
      else held.push(response);
    });
    const first = its.send({ "x-hold": "1" });
    await until("it is there", () => held.length === 1);
    await its.send();
    expect((await its.state()).on_probation).toBe(true);
    held[0]?.end("ok");
    expect((await first).headers["x-fal-served-from"]).toBe("bad");
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
    // Sent in a later millisecond than that of the ejection.
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
