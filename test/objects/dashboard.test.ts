// The one call that tells a dashboard everything, on a Fleet object in workerd: each part is what its own call tells, and nothing is stored.
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import type { EnqueueRequest } from "../../durable-objects/fleet-answers.ts";
import type { DashboardQuery } from "../../src/views/dashboard.ts";
import type { Heartbeat } from "../../src/routing/ledger/report.ts";

const REQUEST: EnqueueRequest = {
  ...{ hints: ["h"], avoid: [], waitedMs: 0, timeoutMs: 60_000, queueLengthMax: null, declaredMs: null },
  ...{ priority: "normal", successes: [], after: null },
};

function app(name: string) {
  const fleet = env.FLEET.getByName(name);
  const says = (more: Partial<Heartbeat> = {}) => {
    const report = { app: name, replica: "r", origin: "https://gpu.example.com", incarnation: 1, sequence: null, hintSlots: 3 };
    return fleet.heartbeat({ ...report, hints: ["h"], concurrency: 1, inFlight: null, status: "ready", ...more });
  };
  return { fleet, says };
}

const QUERY: DashboardQuery = { order: "name", find: "", page: 1, explain: null };

test("the dashboard's answer is what the single calls answer", async () => {
  const { fleet, says } = app("dashboard");
  await says();
  const running = await fleet.enqueue(REQUEST);
  const waiting = await fleet.enqueue(REQUEST);
  expect([running.result.kind, waiting.result.kind]).toEqual(["granted", "waiting"]);
  const rows = () => runInDurableObject(fleet, (_, { storage }) => storage.sql.exec("SELECT total_changes() AS n").toArray());
  const before = await rows();
  const told = await fleet.dashboard({ ...QUERY, explain: ["h"] });
  expect(await rows()).toEqual(before);
  const { history, queue, matrix, events, loads, gauges, page, explanation } = told;
  expect(page).toMatchObject({ found: 1, page: 1, pages: 1, replicas: [{ replica: "r", in_flight: 1 }] });
  expect(explanation?.decision).toMatchObject({ outcome: "wait" });
  expect(history.minutes.reduce((sum, { requests }) => sum + requests, 0)).toBe(1);
  expect(queue).toMatchObject({ total: 1, waiting: [{ hints: ["h"], why: "full" }] });
  expect(matrix).toMatchObject({ hints: [{ hint: "h", holders: 1, asked_share: 1 }], replicas: [{ replica: "r" }] });
  expect(events.map(({ kind }) => kind)).toEqual(["joined", "object_started"]);
  expect(loads).toEqual([]);
  expect(gauges).toMatchObject({ replicas: { ready: 1 }, slots: { free: 0, busy: 1 }, queue: { normal: 1 } });
  // The single calls come a moment later, in which nothing happens.
  expect(await fleet.look({ view: "events", after: 0 })).toMatchObject({ events: events.toReversed() });
  expect(await fleet.look({ view: "matrix", hints: 5 })).toMatchObject({ hints: matrix.hints });
  expect(await fleet.look({ view: "history" })).toMatchObject({ minutes: history.minutes });
  for (const { ticket } of [running, waiting]) ticket?.[Symbol.dispose]();
});

test("of an app whose last replica has left it still tells what happened", async () => {
  const { fleet, says } = app("dashboard-left");
  await says();
  await says({ status: "stopped" });
  const { page, events, gauges, matrix, queue } = await fleet.dashboard(QUERY);
  expect([page.found, queue.total, matrix.replicas, gauges.replicas.ready]).toEqual([0, 0, [], 0]);
  expect(events.map(({ kind }) => kind)).toEqual(["stopped", "joined", "object_started"]);
});
