// Contract, "Retries on another replica": after which failures a request is sent again, which requests may be sent again, how often, and what the
// client gets if none is left.
import type { Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { describe, expect, test } from "vitest";
import { BOUNDS } from "../../src/limits.ts";
import { expectProblem, freshApp, sharedRouter } from "../support/conformance.ts";
import { keepsNothing, TestReplica, type Answer } from "../support/replica.ts";
import { TestRouter, type Sending } from "../support/router.ts";

const router = sharedRouter({ RETRY_BODY_MAX_BYTES: "1000" });

/** A replica that fails as the test says and gets every request first, and one that works. */
async function failingFirst(failing: Answer, through: TestRouter = router()) {
  const stack = new AsyncDisposableStack();
  const bad = stack.use(await TestReplica.start(failing));
  const good = stack.use(await TestReplica.start(keepsNothing));
  const app = freshApp("retry");
  await through.join({ app, replica: "bad", origin: bad.origin, hints: ["h"], concurrency: 8 });
  await through.join({ app, replica: "good", origin: good.origin, hints: [], concurrency: 8 });
  const send = (sending: Sending = {}) =>
    through.send(`/${app}/x`, { ...sending, headers: { "x-fal-runner-hint": "h", ...sending.headers } });
  return { app, bad, good, send, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const says =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) => {
    response.writeHead(status, headers).end("from bad");
  };

const resets: Answer = (_request, response) => {
  response.socket?.resetAndDestroy();
};

/** Fails, but answers `OPTIONS /`, so the router can reach it. */
const resetsRequests: Answer = (request, response) => {
  if (request.method === "OPTIONS" && request.url === "/") response.end();
  else resets(request, response);
};

/** Ends the connection and listens no more, like a process that a request kills. */
const diesOfIt: Answer = ({ socket }) => {
  (socket as Socket & { readonly server: Server }).server.close();
  socket.destroy();
};

/** What clients sent to the replica: everything but the router's own `OPTIONS /`. */
const clientsAt = ({ received }: TestReplica) => received.filter(({ method, target }) => `${method} ${target}` !== "OPTIONS /");

/** Headers and half a body, then the end of the connection. */
const breaksOff = (headers: Record<string, string>) => (_request: unknown, response: ServerResponse) => {
  response.writeHead(200, headers);
  response.write("half", () => response.socket?.resetAndDestroy());
};

describe("failures", () => {
  test("RETRY-1 a dead origin is retried elsewhere", async () => {
    await using its = await failingFirst(resets);
    await its.bad[Symbol.asyncDispose]();
    const reply = await its.send();
    expect(reply).toMatchObject({ status: 200, text: "ok" });
    expect(reply.headers["x-fal-served-from"]).toBe("good");
  });

  test("RETRY-1 a reset before response headers is tried elsewhere; the request may have run twice", async () => {
    await using its = await failingFirst(resets);
    expect((await its.send({ method: "POST", body: "once" })).headers["x-fal-served-from"]).toBe("good");
    expect(its.bad.received.map(({ method, target }) => `${method} ${target}`)).toEqual([
      "POST /x",
      "POST /x",
      ...Array<string>(BOUNDS.probes).fill("OPTIONS /"),
    ]);
    expect(its.good.received).toHaveLength(1);
  });

  test.each([502, 503, 521, 522, 523, 525, 526, 530])("RETRY-2 status %i is tried elsewhere", async (status) => {
    await using its = await failingFirst(says(status));
    const reply = await its.send();
    expect(reply).toMatchObject({ status: 200, text: "ok" });
    expect(reply.headers["x-fal-served-from"]).toBe("good");
    expect(its.bad.received).toHaveLength(1);
  });

  test.each([400, 404, 408, 421, 425, 429, 500, 501, 504, 507, 520, 524, 527, 529, 599])(
    "RETRY-3 status %i is not",
    async (status) => {
      await using its = await failingFirst(says(status));
      const reply = await its.send();
      expect(reply).toMatchObject({ status, text: "from bad" });
      expect(its.good.received).toHaveLength(0);
    },
  );

  test("RETRY-4 the first-byte timeout is 504 request_timeout of type router and not tried again", async () => {
    await using hasty = await TestRouter.start({ FIRST_BYTE_TIMEOUT_MS: "250" });
    await using its = await failingFirst(() => {}, hasty);
    const startedAt = Date.now();
    const reply = await its.send();
    expectProblem(reply, 504, "request_timeout");
    expect(reply.headers["x-fal-request-timeout-type"]).toBe("router");
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(245);
    expect(its.good.received).toHaveLength(0);
    expect((await hasty.view(its.app)).in_flight).toBe(0);
  });

  test.each([
    ["chunked", {}],
    ["of known length", { "content-length": "100000" }],
    ["short and of known length", { "content-length": "1000" }],
  ])("RETRY-5 nothing is tried again after the first byte (%s)", async (_name, headers) => {
    await using its = await failingFirst(breaksOff(headers));
    const whole = await its.send().then(
      (reply) => reply.status === 200 && reply.headers["x-fal-served-from"] === "good",
      () => false,
    );
    expect(whole).toBe(false);
    expect([its.bad.received.length, its.good.received.length]).toEqual([1, 0]);
  });
});

describe("X-Fal-Needs-Retry", () => {
  test.each([429, 500, 502, 503, 504, 520, 521, 599])("RETRY-6 1 on %i is tried elsewhere", async (status) => {
    await using its = await failingFirst(says(status, { "x-fal-needs-retry": "1" }));
    expect((await its.send()).headers["x-fal-served-from"]).toBe("good");
  });

  test.each([429, 500, 503, 530])("RETRY-6 0 on %i is not, and is stripped", async (status) => {
    await using its = await failingFirst(says(status, { "X-Fal-Needs-Retry": "0" }));
    const reply = await its.send();
    expect(reply).toMatchObject({ status, text: "from bad" });
    expect(reply.headers["x-fal-needs-retry"]).toBeUndefined();
  });

  test.each([200, 302, 404, 422])("RETRY-7 it means nothing on %i, and is stripped", async (status) => {
    await using its = await failingFirst(says(status, { "x-fal-needs-retry": "1" }));
    const reply = await its.send();
    expect(reply.status).toBe(status);
    expect(reply.headers["x-fal-needs-retry"]).toBeUndefined();
    expect(its.good.received).toHaveLength(0);
  });

  test("RETRY-6 another value decides nothing", async () => {
    await using its = await failingFirst(says(500, { "x-fal-needs-retry": "maybe" }));
    expect((await its.send()).status).toBe(500);
    await using other = await failingFirst(says(503, { "x-fal-needs-retry": "maybe" }));
    expect((await other.send()).status).toBe(200);
  });
});

describe("which requests", () => {
  test.each(["1", "true", "yes", "True", "YES"])("RETRY-8 X-Fal-No-Retry: %s forbids", async (value) => {
    await using its = await failingFirst(says(503));
    expect(await its.send({ headers: { "x-fal-no-retry": value } })).toMatchObject({ status: 503, text: "from bad" });
    expect(its.good.received).toHaveLength(0);
  });

  test.each(["0", "false", "no", ""])("RETRY-8 X-Fal-No-Retry: %j does not", async (value) => {
    await using its = await failingFirst(says(503));
    expect((await its.send({ headers: { "x-fal-no-retry": value } })).status).toBe(200);
  });

  test("RETRY-8 X-Fal-No-Retry and no answer: 502 runner_disconnected", async () => {
    await using its = await failingFirst(resets);
    expectProblem(await its.send({ headers: { "x-fal-no-retry": "1" } }), 502, "runner_disconnected");
    expect(its.good.received).toHaveLength(0);
  });

  test.each(["POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])("RETRY-9 %s is tried again like any other", async (method) => {
    await using its = await failingFirst(says(503));
    expect((await its.send({ method })).status).toBe(200);
  });

  test("RETRY-10 a body of RETRY_BODY_MAX_BYTES is sent again, byte for byte, with the headers", async () => {
    await using its = await failingFirst(says(503));
    const body = Buffer.from(Array.from({ length: 1000 }, (_, n) => n % 256));
    const reply = await its.send({ method: "POST", headers: { "content-type": "application/x-any", "x-mine": "1" }, body });
    expect(reply.status).toBe(200);
    expect(its.good.last.body).toEqual(body);
    expect(its.good.last.headers).toMatchObject({ "content-type": "application/x-any", "x-mine": "1", "content-length": "1000" });
    expect(its.good.last.headers["x-fal-request-id"]).toBe(its.bad.last.headers["x-fal-request-id"]);
  });

  test("RETRY-11 a longer body has one attempt", async () => {
    await using its = await failingFirst(says(503));
    const reply = await its.send({ method: "POST", body: "b".repeat(1001) });
    expect(reply).toMatchObject({ status: 503, text: "from bad" });
    expect(its.bad.last.body).toHaveLength(1001);
    expect(its.good.received).toHaveLength(0);
  });

  test("RETRY-12 a body of unknown length has one attempt", async () => {
    await using its = await failingFirst(says(503));
    const reply = await its.send({ method: "POST", headers: { "transfer-encoding": "chunked" }, body: "tiny" });
    expect(reply).toMatchObject({ status: 503, text: "from bad" });
    expect(its.bad.last.body.toString()).toBe("tiny");
    expect(its.good.received).toHaveLength(0);
  });
});

describe("how often", () => {
  async function fleetOf(count: number, answer: Answer, through: TestRouter = router()) {
    const stack = new AsyncDisposableStack();
    const app = freshApp("many");
    const replicas: TestReplica[] = [];
    for (let n = 0; n < count; n++) {
      const replica = stack.use(await TestReplica.start(answer));
      replicas.push(replica);
      await through.join({ app, replica: `r${n}`, origin: replica.origin });
    }
    const attempts = () => replicas.map((replica) => clientsAt(replica).length);
    return { app, replicas, attempts, [Symbol.asyncDispose]: () => stack.disposeAsync() };
  }

  test("RETRY-13 at most MAX_ATTEMPTS (3) in all, each on another replica, then the last one's own response", async () => {
    const forged = { "x-mine": "1", "retry-after": "7", "x-fal-error-type": "its_own" };
    await using its = await fleetOf(5, says(503, forged));
    const reply = await router().send(`/${its.app}/x`);
    expect(reply).toMatchObject({ status: 503, text: "from bad" });
    expect(reply.headers).toMatchObject(forged);
    expect(reply.headers["x-fal-served-from"]).toMatch(/^r\d$/);
    expect(its.attempts().toSorted((a, b) => a - b)).toEqual([0, 0, 1, 1, 1]);
  });

  test("RETRY-14 if no other replica is left, the replica's own response, at once", async () => {
    await using its = await fleetOf(2, says(503));
    expect(await router().send(`/${its.app}/x`)).toMatchObject({ status: 503, text: "from bad" });
    expect(its.attempts()).toEqual([1, 1]);
    await using lone = await fleetOf(1, says(503));
    expect(await router().send(`/${lone.app}/x`)).toMatchObject({ status: 503, text: "from bad" });
    expect(lone.attempts()).toEqual([1]);
  });

  test("RETRY-15 if no replica answered: 502 runner_disconnected", async () => {
    await using its = await fleetOf(2, resets);
    const { replica, cause } = expectProblem(await router().send(`/${its.app}/x`), 502, "runner_disconnected");
    expect([replica, cause]).toEqual([expect.stringMatching(/^r[01]$/), "reset"]);
    expect(its.attempts()).toEqual([2, 2]);
    expect((await router().view(its.app)).in_flight).toBe(0);
  });

  test("RETRY-16 one attempt at a replica that is gone is not counted, and no more: MAX_ATTEMPTS + 1 replicas in all", async () => {
    await using two = await TestRouter.start({ MAX_ATTEMPTS: "2" });
    // Each replica takes the request, ends the connection, and listens no more.
    await using deadly = await fleetOf(6, diesOfIt, two);
    expectProblem(await two.send(`/${deadly.app}/x`), 502, "runner_disconnected");
    expect(deadly.replicas.filter(({ received }) => received.length > 0)).toHaveLength(3);
  });

  test("RETRY-16 what was with a replica that answers is counted, as is an answer", async () => {
    await using two = await TestRouter.start({ MAX_ATTEMPTS: "2" });
    for (const answer of [resetsRequests, says(503), says(502)]) {
      await using its = await fleetOf(5, answer, two);
      expect((await two.send(`/${its.app}/x`)).status).toBeGreaterThanOrEqual(502);
      expect(its.attempts().filter((count) => count > 0)).toHaveLength(2);
    }
  });

  test("RETRY-17 MAX_ATTEMPTS=1 tries no answer again", async () => {
    await using one = await TestRouter.start({ MAX_ATTEMPTS: "1" });
    await using its = await failingFirst(says(503), one);
    expect((await its.send()).status).toBe(503);
    expect(its.good.received).toHaveLength(0);
  });

  test("RETRY-18 a replica that could not be reached gets nothing for a while", async () => {
    await using its = await failingFirst(resets);
    expect((await its.send()).status).toBe(200);
    const before = its.bad.received.length;
    for (let n = 0; n < 5; n++) expect((await its.send()).headers["x-fal-served-from"]).toBe("good");
    expect(its.bad.received).toHaveLength(before);
  });
});
