// Replicas that fall silent while they work on a request: for a time to live they send neither a heartbeat nor an answer.
import type { ServerResponse } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { keepBeating } from "../support/beating.ts";
import { expectProblem, freshApp } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica, type Answer } from "../support/replica.ts";
import { TestRouter, type Sending } from "../support/router.ts";
import { until } from "../support/until.ts";

const TIME_TO_LIVE_MS = 900;

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: String(TIME_TO_LIVE_MS / 3) });
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

/** A replica that beats once and gets every request first, and maybe a replica that goes on beating. */
async function fleet(answer: Answer, others: "another" | "alone") {
  const stack = new AsyncDisposableStack();
  const app = freshApp("silent");
  const silent = stack.use(await TestReplica.start(answer));
  if (others === "another") {
    const lively = stack.use(await TestReplica.start());
    stack.use(await keepBeating(router, { app, replica: "lively", origin: lively.origin, hints: [] }));
  }
  await router.join({ app, replica: "silent", origin: silent.origin, hints: ["h"] });
  const send = async (sending: Sending = {}) => {
    const sentAtMs = Date.now();
    const reply = await router.send(`/${app}/x`, { ...sending, headers: { "x-fal-runner-hint": "h", ...sending.headers } });
    return { reply, afterMs: Date.now() - sentAtMs };
  };
  return { app, silent, send, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const never: Answer = () => {};

describe("a request that it has not begun to answer", () => {
  test.each(["GET", "POST"])("%s is sent to another replica when its time to live is over", async (method) => {
    await using its = await fleet(never, "another");
    const { reply, afterMs } = await its.send(method === "POST" ? { method, body: "b" } : {});
    expect([reply.status, reply.headers["x-fal-served-from"]]).toEqual([200, "lively"]);
    // Its last heartbeat was some time before the request.
    expect(afterMs).toBeGreaterThan(TIME_TO_LIVE_MS / 2);
    expect(its.silent.received).toHaveLength(1);
    await until("its request is cancelled there", () => its.silent.running === 0);
    const { counters, replicas } = await router.view(its.app);
    expect([counters.failed["timed_out"], replicas.map(({ replica }) => replica)]).toEqual([1, ["lively"]]);
  });

  test("is 502 at once if there is no other replica, and says why", async () => {
    await using its = await fleet(never, "alone");
    const { reply, afterMs } = await its.send();
    expect(expectProblem(reply, 502, "runner_disconnected")).toMatchObject({ replica: "silent", cause: "expired" });
    expect(afterMs).toBeLessThan(2 * TIME_TO_LIVE_MS);
  });

  test.each<[string, Sending]>([
    ["must not be sent again", { headers: { "x-fal-no-retry": "1" } }],
    ["can't be sent again", { method: "POST", headers: { "transfer-encoding": "chunked" }, body: "b" }],
  ])("is 502 if it %s", async (_, sending) => {
    await using its = await fleet(never, "another");
    const { reply } = await its.send(sending);
    expect(expectProblem(reply, 502, "runner_disconnected")).toMatchObject({ replica: "silent", cause: "expired" });
  });

  test("stays where it is while the replica goes on beating", async () => {
    const held = holdAnswers();
    await using its = await fleet(held.answer, "another");
    await using _beating = await keepBeating(router, {
      ...{ app: its.app, replica: "silent", origin: its.silent.origin, hints: ["h"] },
    });
    const asked = its.send();
    const since = Date.now();
    await until("more than a time to live is over", () => Date.now() - since > 1.5 * TIME_TO_LIVE_MS);
    held.releaseAll();
    const { reply } = await asked;
    expect([reply.status, reply.headers["x-fal-served-from"]]).toEqual([200, "silent"]);
  });
});

describe("a process that is frozen, and leaves otherwise than by silence", () => {
  type Fleet = Awaited<ReturnType<typeof fleet>>;
  const beat = async (beat: Record<string, unknown>) => {
    const { status, text } = await router.beat({ hints: [], concurrency: 1, ...beat });
    expect(status, text).toBe(200);
  };
  /** The calls that make the replica leave. */
  const leaving: [string, (its: Fleet, next: TestReplica) => Promise<void>][] = [
    ["a new process of it reports itself", ({ app }, { origin }) => beat({ app, replica: "silent", origin, incarnation: 1 })],
    ["another id reports itself at its origin", ({ app, silent }) => beat({ app, replica: "next", origin: silent.origin })],
    ["it says that it stops", ({ app, silent }) => beat({ app, replica: "silent", origin: silent.origin, status: "stopped" })],
    [
      "it is deleted",
      async ({ app }) => expect((await router.admin(`/-/apps/${app}/replicas/silent`, "DELETE")).status).toBeLessThan(300),
    ],
  ];

  test.each(leaving)("%s: what it has not begun to answer is sent elsewhere a time to live later", async (_, leave) => {
    await using next = await TestReplica.start();
    await using its = await fleet(never, "another");
    const asked = its.send({ method: "POST", body: "b" });
    await until("it is there", () => its.silent.received.length === 1);
    const leftAtMs = Date.now();
    await leave(its, next);
    const { reply } = await asked;
    expect(reply.status).toBe(200);
    const afterMs = Date.now() - leftAtMs;
    // Its last heartbeat was some time before the request.
    expect(afterMs).toBeGreaterThan(TIME_TO_LIVE_MS / 2);
    expect(afterMs).toBeLessThan(3 * TIME_TO_LIVE_MS);
    await until("its request is cancelled there", () => its.silent.running === 0);
    await until("no slot is held", async () => (await router.view(its.app)).in_flight === 0);
    expect((await router.view(its.app)).counters).toMatchObject({ ejected: 0, failed: { timed_out: 1 } });
  });

  test.each(leaving)("%s: an answer that has begun runs on", async (_, leave) => {
    let last: ServerResponse | null = null;
    await using next = await TestReplica.start();
    await using its = await fleet((_request, response) => {
      response.writeHead(200).write("a");
      last = response;
    }, "another");
    const asked = its.send();
    await until("it has begun", async () => last !== null && (await router.view(its.app)).in_flight === 1);
    await leave(its, next);
    const leftAtMs = Date.now();
    await until("more than a time to live is over", () => Date.now() - leftAtMs > 1.5 * TIME_TO_LIVE_MS);
    (last as ServerResponse | null)?.end("b");
    const { reply } = await asked;
    expect([reply.status, reply.text]).toEqual([200, "ab"]);
  });
});
