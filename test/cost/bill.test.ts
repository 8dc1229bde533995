// What a month costs: how each choice changes it, and that the list prices give the figures which the design was chosen by.
import { readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { alternativesTo, billOf } from "../../bench/cost/bill.ts";
import { PRICES, type Priced } from "../../bench/cost/prices.ts";
import { changingByLoads, usageOf, type Plan } from "../../bench/cost/usage.ts";

const PLAN: Plan = {
  ...{ replicas: 1000, intervalS: 5, heartbeats: "post", changing: 0, rps: 0, apps: 1, rpcsARequest: 1 },
  ...{ cpuMs: 1, heartbeatCpuMs: 0.35, awake: 1, isolates: 20, refreshS: 10, logRate: 0 },
};
const NAMES = Object.keys(PRICES) as Priced[];
const INCLUDED = Object.fromEntries(NAMES.map((name) => [name, PRICES[name].included])) as Record<Priced, number>;

const usage = (change: Partial<Plan>) => usageOf({ ...PLAN, ...change });
const total = (change: Partial<Plan>) => billOf(usage(change)).total;
const line = (name: Priced, change: Partial<Plan>) => billOf(usage(change)).lines[NAMES.indexOf(name)];

test("what the plan includes is free", () => {
  expect(billOf(INCLUDED).total).toBe(0);
});

test.each(NAMES)("%s: what is beyond that costs its price", (name) => {
  const { included, per, dollars } = PRICES[name];
  expect(billOf({ ...INCLUDED, [name]: included + 3 * per }).total).toBeCloseTo(3 * dollars, 6);
});

test.each(NAMES)("%s: the price names its page and when it was read", (name) => {
  expect(PRICES[name].source).toMatch(/^https:\/\/developers\.cloudflare\.com\/.*pricing\/$/);
  expect(PRICES[name].read).toMatch(/^20\d\d-\d\d-\d\d$/);
});

test.each(["post", "websocket"] as const)(
  "twice the replicas by %s cost twice as much, if requests use up what is included",
  (heartbeats) => {
    const heartbeatPart = (replicas: number) => {
      const none = alternativesTo({ ...PLAN, rps: 100, replicas }).find((its) => its.heartbeats === heartbeats);
      return none?.forHeartbeats;
    };
    expect(heartbeatPart(1000)).toBeGreaterThan(3);
    expect(heartbeatPart(2000)).toBeCloseTo(2 * (heartbeatPart(1000) ?? 0), 1);
  },
);

test("half the interval is twice the heartbeats", () => {
  expect(usage({ intervalS: 2.5 }).workerRequests).toBe(2 * usage({ intervalS: 5 }).workerRequests);
});

test("over a WebSocket twenty heartbeats count as one request to the object, and none to the Worker", () => {
  const [post, socket] = [usage({}), usage({ heartbeats: "websocket" })];
  expect(post.objectRequests / socket.objectRequests).toBeGreaterThan(19.9);
  expect(post.objectRequests / socket.objectRequests).toBeLessThanOrEqual(20);
  expect(socket.workerRequests).toBeLessThan(post.workerRequests / 1000);
});

test("a heartbeat that changes something writes a row, whichever way it comes", () => {
  const beats = usage({}).workerRequests;
  for (const heartbeats of ["post", "websocket"] as const) {
    const rows = (changing: number) => usage({ heartbeats, changing }).rowsWritten;
    expect(rows(1) - rows(0)).toBeCloseTo(beats);
    expect(rows(0.1) - rows(0)).toBeCloseTo(beats / 10);
  }
});

test("without requests nothing loads; with more of them more heartbeats tell of a load, and never more than all", () => {
  const shares = [0, 10, 100, 1e6].map((rps) => changingByLoads({ ...PLAN, rps }));
  expect(shares[0]).toBe(0);
  expect(shares.toSorted((a, b) => a - b)).toEqual(shares);
  expect(new Set(shares).size).toBe(4);
  expect(shares[3]).toBeLessThanOrEqual(1);
});

test("one active object is within what is included, ten are not, and hibernated ones cost nothing", () => {
  expect(line("objectDuration", { apps: 1 })?.cost).toBe(0);
  expect(line("objectDuration", { apps: 10 })?.cost).toBeCloseTo((10 * 331_776 - 400_000) * 12.5e-6);
  expect(line("objectDuration", { apps: 10, awake: 0 })?.used).toBe(0);
});

test("a request costs one to the Worker, its CPU, and as many to the object as it makes calls", () => {
  const [before, after] = [usage({ rps: 100 }), usage({ rps: 200 })];
  const requests = 100 * 30 * 86_400;
  expect(after.workerRequests - before.workerRequests).toBe(requests);
  expect(after.workerCpu - before.workerCpu).toBe(requests);
  expect(after.objectRequests - before.objectRequests).toBe(requests);
  const calls = (rpcsARequest: number) => usage({ rps: 100, rpcsARequest }).objectRequests;
  expect(calls(2) - calls(1)).toBe(requests);
});

test("isolates ask for snapshots only if requests come, each as often as said", () => {
  const refreshes = (change: Partial<Plan>) => usage(change).objectRequests - usage({ ...change, isolates: 0 }).objectRequests;
  expect(refreshes({ rps: 0 })).toBe(0);
  expect(refreshes({ rps: 100, apps: 3 })).toBeCloseTo((3 * 20 * 30 * 86_400) / 10);
  expect(refreshes({ rps: 1, isolates: 1000, refreshS: 1 })).toBeCloseTo(30 * 86_400);
});

test("logs cost by the share that is written, for calls to the Worker and to objects alike", () => {
  const logs = (change: Partial<Plan>) => usage(change).logsWritten;
  expect(logs({ logRate: 0 })).toBe(0);
  expect(logs({ logRate: 0.5 })).toBeCloseTo(logs({ logRate: 1 }) / 2);
  expect(logs({ logRate: 1 }) / logs({ logRate: 1, heartbeats: "websocket" })).toBeCloseTo(2, 1);
  expect(total({ logRate: 1 })).toBeGreaterThan(5 * total({ logRate: 0 }));
  expect(total({ logRate: 0.01 }) - total({ logRate: 0 })).toBeLessThan(1);
});

/**
 * Dollars a month that were worked out when the design was made, each to the dollar, for heartbeats every 5 s and nothing else. These prices give the
 * same for 1,000 replicas; for 10,000 1 % less by POST, and 7 % less over a WebSocket.
 */
test.each<[number, Plan["heartbeats"], number, number]>([
  [1000, "post", 0, 238],
  [1000, "post", 1, 706],
  [1000, "websocket", 0, 9],
  [10_000, "post", 0, 2393],
  [10_000, "post", 1, 7527],
  [10_000, "websocket", 0, 47],
])("%d replicas by %s, share %d with a row: about $%d", (replicas, heartbeats, changing, dollars) => {
  const found = total({ replicas, heartbeats, changing });
  expect(Math.abs(found / dollars - 1)).toBeLessThan(replicas === 1000 ? 0.03 : 0.1);
});

test("the tables of docs/scale.md are of these prices", () => {
  const doc = readFileSync(path.resolve(import.meta.dirname, "../../docs/scale.md"), "utf8");
  const rowsAfter = (heading: string) => {
    const lines = doc.slice(doc.indexOf(heading)).split("\n").slice(2);
    const rows = lines.slice(0, lines.indexOf("")).map((row) => row.split("|").slice(1, -1));
    return rows.map((cells) => cells.map((cell) => Number(cell.replaceAll(",", ""))));
  };
  const heartbeats = ["post", "websocket"] as const;
  const forBeats = [1000, 10_000].map((replicas) => [
    replicas,
    ...heartbeats.flatMap((kind) => [0, 1].map((changing) => Math.round(total({ replicas, heartbeats: kind, changing })))),
  ]);
  expect(rowsAfter("| Replicas")).toEqual(forBeats);
  const forLogs = [1, 0.1, 0.01].map((logRate) => [
    logRate,
    ...[1000, 10_000].flatMap((replicas) =>
      heartbeats.map((kind) => {
        const plan = { replicas, heartbeats: kind };
        return Math.round(total({ ...plan, logRate }) - total({ ...plan, logRate: 0 }));
      }),
    ),
  ]);
  expect(rowsAfter("| `head_sampling_rate`")).toEqual(forLogs);
});
