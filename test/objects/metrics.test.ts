// What a scrape is told of a Fleet object in workerd, and what of the counters survives the object: never less than a scrape has shown.
import { env } from "cloudflare:workers";
import { abortAllDurableObjects, runInDurableObject } from "cloudflare:test";
import { afterEach, expect, test } from "vitest";
import type { EnqueueRequest } from "../../durable-objects/fleet-answers.ts";
import { BOUNDS } from "../../src/limits.ts";
import type { Heartbeat } from "../../src/routing/ledger/report.ts";
import { until } from "../support/until.ts";

/** Bounds that tests shorten: the objects run in the same isolate. */
const { metricsRowMs, untoldMs } = BOUNDS;
const shorten = (changed: Partial<Record<keyof typeof BOUNDS, number>>) => Object.assign(BOUNDS, changed);
afterEach(() => shorten({ metricsRowMs, untoldMs }));

const REQUEST: EnqueueRequest = {
  ...{ hints: ["h"], avoid: [], waitedMs: 0, timeoutMs: 60_000, queueLengthMax: null, declaredMs: null },
  ...{ priority: "normal", successes: [], after: null },
};

let apps = 0;

/** An app with one replica of two slots. */
async function joined() {
  const app = `metrics-${++apps}`;
  const fleet = () => env.FLEET.getByName(app);
  const says = async (more: Partial<Heartbeat> = {}) => {
    const report = { app, replica: "r", origin: "https://gpu.example.com", incarnation: 1, sequence: null, hintSlots: 3 };
    return (await fleet().heartbeat({ ...report, hints: ["h"], concurrency: 2, inFlight: null, status: "ready", ...more })).kind;
  };
  const serves = async () => {
    const { result, ticket } = await fleet().enqueue(REQUEST);
    if (result.kind !== "granted" || ticket === null) throw new Error(`it is ${result.kind}`);
    await ticket.succeeded(20, 300);
    ticket[Symbol.dispose]();
  };
  const sql = <T extends Record<string, SqlStorageValue>>(query: string) =>
    runInDurableObject(fleet(), (_fleet, { storage }) => storage.sql.exec<T>(query).toArray());
  const rows = async () => Number((await sql<{ n: number }>("SELECT total_changes() AS n"))[0]?.n);
  const tables = async () => (await sql<{ name: string }>("SELECT name FROM sqlite_master")).map(({ name }) => name);
  const kill = () => runInDurableObject(fleet(), (_fleet, state) => state.abort("killed by the test")).catch(() => {});
  expect(await says()).toBe("accepted");
  return { app, fleet, says, serves, rows, tables, kill };
}

const served = async ({ fleet }: Awaited<ReturnType<typeof joined>>) =>
  (await fleet().scrape())?.metrics.requests.hint_match.success;

test("a scrape tells of requests, heartbeats, replicas, slots and the queue", async () => {
  const its = await joined();
  await its.serves();
  const { ticket } = await its.fleet().enqueue(REQUEST);
  expect(await its.says({ incarnation: 0 })).toBe("stale");
  const told = await its.fleet().scrape();
  expect(told).toMatchObject({ slots: { free: 1, busy: 1, unavailable: 0 }, queue: { high: 0, normal: 0, low: 0 } });
  expect(told?.replicas).toEqual({ ready: 1, starting: 0, draining: 0, drained: 0, ejected: 0, probation: 0 });
  expect(told?.metrics.requests.hint_match).toMatchObject({ success: 1, unknown: 0 });
  expect(told?.metrics.heartbeats).toMatchObject({ accepted: 1, stale: 1 });
  expect(told?.metrics.firstByte.sum).toBeCloseTo(0.02);
  ticket?.[Symbol.dispose]();
});

test.each(["a crash", "the eviction of all objects"])("after %s no counter is below what a scrape has shown", async (how) => {
  const its = await joined();
  await its.serves();
  await its.serves();
  const before = await its.fleet().scrape();
  await (how === "a crash" ? its.kill() : abortAllDurableObjects());
  const after = await its.fleet().scrape();
  expect(after?.metrics).toEqual(before?.metrics);
  expect(after?.metrics.requests.hint_match.success).toBe(2);
});

test("an app that nobody scrapes stores no counters, and one that is asked for without replicas neither", async () => {
  const its = await joined();
  await its.serves();
  expect(await its.tables()).not.toContain("metrics");
  const stub = env.FLEET.getByName("metrics-nobody");
  expect(await stub.scrape()).toBe(null);
  expect(
    await runInDurableObject(stub, (_fleet, { storage }) => storage.sql.exec("SELECT name FROM sqlite_master").toArray()),
  ).toEqual([]);
});

test("a scrape writes one row if something has changed, and none if not", async () => {
  const its = await joined();
  await its.fleet().scrape();
  expect(await its.tables()).toContain("metrics");
  const rows = await its.rows();
  await its.fleet().scrape();
  expect(await its.rows()).toBe(rows);
  await its.serves();
  await its.fleet().scrape();
  expect((await its.rows()) - rows).toBe(1);
});

test("between scrapes a row is written at most once a minute, when a request ends", async () => {
  const its = await joined();
  await its.serves();
  await its.fleet().scrape();
  const rows = await its.rows();
  for (let request = 0; request < 5; request++) await its.serves();
  expect(await its.rows()).toBe(rows);
  shorten({ metricsRowMs: 0 });
  await its.serves();
  expect(await its.rows()).toBe(rows + 1);
  shorten({ metricsRowMs });
  await its.serves();
  expect(await its.rows()).toBe(rows + 1);
  await its.kill();
  expect(await served(its)).toBe(7);
});

test("with the last replica the counters are deleted too; the next replica's count goes on in the same object", async () => {
  const its = await joined();
  await its.serves();
  await its.fleet().scrape();
  expect(await its.says({ status: "stopped" })).toBe("accepted");
  await until("storage is empty", async () => !(await its.tables()).includes("replica"));
  expect(await its.tables()).not.toContain("metrics");
  expect(await its.fleet().scrape()).toBe(null);
  expect(await its.says({ incarnation: 2 })).toBe("accepted");
  await its.serves();
  expect(await served(its)).toBe(2);
  await its.kill();
  expect(await served(its)).toBe(2);
});

test("a request that nobody tells of counts as unknown once it has been over for long", async () => {
  const its = await joined();
  const { ticket } = await its.fleet().enqueue(REQUEST);
  ticket?.[Symbol.dispose]();
  await until("it is over", async () => (await its.fleet().scrape())?.slots.busy === 0);
  expect((await its.fleet().scrape())?.metrics.requests.hint_match.unknown).toBe(0);
  shorten({ untoldMs: -1 });
  expect((await its.fleet().scrape())?.metrics.requests.hint_match.unknown).toBe(1);
});
