// A proxy answers in a replica's stead, or the replica itself answers 5xx. If the answer says "not me", the request is sent elsewhere. A replica that goes on
// answering like this gets nothing more.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshApp } from "../support/conformance.ts";
import { keepsNothing, TestReplica, type Answer } from "../support/replica.ts";
import { TestRouter, type Reply } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start();
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

const says =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, headers).end("from bad");

/** A replica that is first choice for every request, and `others` that are healthy. */
async function fleet(bad: Answer, others: number, concurrency = 4) {
  const stack = new AsyncDisposableStack();
  const app = freshApp("gateway");
  const failing = stack.use(await TestReplica.start(bad));
  await router.join({ app, replica: "bad", origin: failing.origin, hints: ["h"], concurrency });
  for (let n = 0; n < others; n++) {
    const { origin } = stack.use(await TestReplica.start(keepsNothing));
    await router.join({ app, replica: `good-${n}`, origin, hints: [], concurrency });
  }
  const send = async () => {
    const reply = await router.send(`/${app}/x`, { method: "POST", headers: { "x-fal-runner-hint": "h" }, body: "b" });
    await until("its slot is free", async () => (await router.view(app)).in_flight === 0);
    return reply;
  };
  const counters = async () => (await router.view(app)).counters;
  return { app, failing, send, counters, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const nonZero = (failed: Readonly<Record<string, number>>) =>
  Object.fromEntries(Object.entries(failed).filter(([, count]) => count > 0));

const queueMs = ({ headers }: Reply) => Number(/\bqueue;dur=([\d.]+)/.exec(String(headers["server-timing"]))?.[1]);

describe("of a front whose replica is gone", () => {
  test.each([
    [502, 3, "disconnected"],
    [503, 2, "unavailable"],
    [530, 1, "unreachable"],
  ])("%i: every request is served elsewhere, and after %i it gets none", async (status, needed, kind) => {
    await using its = await fleet(says(status), 2);
    for (let n = 0; n < 8; n++) expect((await its.send()).status).toBe(200);
    expect(its.failing.received).toHaveLength(needed);
    expect(await its.counters()).toMatchObject({ ejected: 1, failed: { [kind]: needed } });
  });

  test.each([
    [504, 3, "timed_out"],
    [500, 5, "error"],
  ])("%i goes to the client, is not sent again, and after %i it gets none", async (status, needed, kind) => {
    await using its = await fleet(says(status), 2);
    for (let n = 0; n < needed; n++) expect(await its.send()).toMatchObject({ status, text: "from bad" });
    for (let n = 0; n < 3; n++) expect((await its.send()).status).toBe(200);
    expect(its.failing.received).toHaveLength(needed);
    expect(await its.counters()).toMatchObject({ ejected: 1, failed: { [kind]: needed } });
  });
});

test("a success between them makes the count start anew", async () => {
  let n = 0;
  await using its = await fleet((request, response) => (++n % 3 === 0 ? response.end("ok") : says(502)(request, response)), 1);
  for (let sent = 0; sent < 12; sent++) expect((await its.send()).status).toBe(200);
  expect(n).toBe(12);
  expect((await its.counters()).ejected).toBe(0);
});

describe("X-Fal-Needs-Retry is the replica's own word, and ejects nobody", () => {
  test.each([429, 500, 502, 503])("1 on %i: another serves it, and a slot counts as taken for a moment", async (status) => {
    await using its = await fleet(says(status, { "x-fal-needs-retry": "1" }), 1);
    // More requests than the concurrency: once all slots count as taken, the other replica is asked at once.
    for (let n = 0; n < 10; n++) expect((await its.send()).status).toBe(200);
    const asked = its.failing.received.length;
    expect(asked).toBeGreaterThanOrEqual(1);
    const { ejected, failed } = await its.counters();
    expect([ejected, nonZero(failed)]).toEqual([0, { declined: asked }]);
  });

  test("1 on 503 of a full replica with one slot: the next request is not sent there, and after a second one is", async () => {
    await using its = await fleet(says(503, { "x-fal-needs-retry": "1" }), 1, 1);
    for (let n = 0; n < 3; n++) expect((await its.send()).status).toBe(200);
    expect(its.failing.received).toHaveLength(1);
    await until("it is asked again", async () => {
      expect((await its.send()).status).toBe(200);
      return its.failing.received.length > 1;
    });
    expect((await its.counters()).ejected).toBe(0);
  });

  test.each([500, 502, 503, 504])("0 on %i goes to the client, and counts for nothing but the hint", async (status) => {
    await using its = await fleet(says(status, { "x-fal-needs-retry": "0" }), 1);
    for (let n = 0; n < 4; n++) expect((await its.send()).status).toBe(status);
    const { ejected, failed } = await its.counters();
    expect([ejected, nonZero(failed)]).toEqual([0, {}]);
  });
});

describe("a 503 makes a slot of its replica count as taken", () => {
  test.each<[string, Record<string, string>, number]>([
    ["for a second", {}, 1000],
    ["for a second, though it asks for none", { "retry-after": "0" }, 1000],
    ["for as long as it asks", { "retry-after": "2" }, 2000],
  ])("%s", async (_, headers, forMs) => {
    let refuses = true;
    await using its = await fleet(
      (request, response) => (refuses ? says(503, headers)(request, response) : response.end("ok")),
      0,
      1,
    );
    expect((await its.send()).status).toBe(503);
    const sinceMs = Date.now();
    refuses = false;
    const reply = await its.send();
    expect([reply.status, its.failing.received.length]).toEqual([200, 2]);
    expect(queueMs(reply)).toBeGreaterThan(forMs - 300);
    expect(Date.now() - sinceMs).toBeLessThan(forMs + 1500);
  });

  test("and no other: a full replica goes on serving in those it has", async () => {
    let first = true;
    await using its = await fleet(
      (request, response) => {
        if (!first) return response.end("ok");
        first = false;
        return says(503)(request, response);
      },
      0,
      2,
    );
    expect((await its.send()).status).toBe(503);
    const reply = await its.send();
    expect(reply.status).toBe(200);
    expect(queueMs(reply)).toBeLessThan(500);
  });
});

describe("a replica that fails now and then", () => {
  test("is ejected if the others do not, though it never fails five in a row", async () => {
    let n = 0;
    await using its = await fleet((request, response) => (++n % 2 === 0 ? says(500)(request, response) : response.end("ok")), 1);
    // The replica is compared with the others' answers.
    for (let sent = 0; sent < 12; sent++)
      expect((await router.send(`/${its.app}/x`, { headers: { "x-fal-runner-hint": "other" } })).status).toBe(200);
    for (let sent = 0; sent < 40 && (await its.counters()).ejected === 0; sent++) await its.send();
    expect((await its.counters()).ejected).toBe(1);
    expect(n).toBeLessThan(40);
  });

  test("is not ejected if all fail as often", async () => {
    let n = 0;
    const bad: Answer = (request, response) => (++n % 2 === 0 ? says(500)(request, response) : response.end("ok"));
    await using its = await fleet(bad, 0);
    await using also = await TestReplica.start(bad);
    await router.join({ app: its.app, replica: "also", origin: also.origin, hints: ["h"], concurrency: 4 });
    for (let sent = 0; sent < 60; sent++) await its.send();
    expect((await its.counters()).ejected).toBe(0);
  });
});
