// What the watch of a running request tells its Worker when the replica expires, leaves or is replaced.
import { env } from "cloudflare:workers";
import { runInDurableObject } from "cloudflare:test";
import { expect, test } from "vitest";
import type { Fleet } from "../../durable-objects/fleet.ts";
import type { Heartbeat } from "../../src/routing/ledger/report.ts";
import type { Answer } from "../../src/routing/lifecycle.ts";
import { until } from "../support/until.ts";

let apps = 0;

interface Joined {
  readonly stub: DurableObjectStub<Fleet>;
  readonly says: (replica: string, more?: Partial<Heartbeat>) => Promise<unknown>;
}

function fleet(): Joined {
  const app = `running-${++apps}`;
  const stub = env.FLEET.getByName(app);
  const says = async (replica: string, more: Partial<Heartbeat> = {}) =>
    stub.heartbeat({
      ...{ app, replica, origin: `https://${replica}.example.com`, incarnation: 1, sequence: null },
      ...{ hints: ["m"], hintSlots: 3, concurrency: 4, inFlight: null, status: "ready" as const },
      ...more,
    });
  return { stub, says };
}

const REQUEST = {
  ...{ hints: ["m"], avoid: [], waitedMs: 0, timeoutMs: 60_000 },
  ...{ queueLengthMax: null, declaredMs: null, priority: "normal" as const, successes: [], after: null },
};

interface Held extends Disposable {
  readonly result: { readonly id: number; readonly replica: string };
  readonly ticket: Disposable & { answered(answer: Answer): Promise<void> };
}

const enqueue = async ({ stub }: Joined) => (await stub.enqueue(REQUEST)) as unknown as Held;

test("its replica's time to live runs out: it is gone, unless its answer has begun", { timeout: 15_000 }, async () => {
  const its = fleet();
  await its.says("a");
  const [silent, begun] = [await enqueue(its), await enqueue(its)];
  await begun.ticket.answered({ kind: "success", hints: null });
  const heard: string[] = [];
  const watch = async ({ result: { id } }: Held) =>
    heard.push(`${id === silent.result.id ? "silent" : "begun"} ${await its.stub.running(id)}`);
  const watched = [watch(silent), watch(begun)];
  await until("the replica is gone", async () => (await its.stub.view()) === null, 12_000);
  await watched[0];
  expect(heard).toEqual(["silent replica_gone"]);
  // A later call answers at once. The other request's watch ends with its ticket.
  expect(await its.stub.running(silent.result.id)).toBe("replica_gone");
  begun.ticket[Symbol.dispose]();
  await watched[1];
  expect(heard).toEqual(["silent replica_gone", "begun over"]);
  silent.ticket[Symbol.dispose]();
  await until("it is forgotten", async () => (await its.stub.running(silent.result.id)) === "unknown");
});

test.each<[string, (its: Joined) => Promise<unknown>]>([
  ["begins anew", ({ says }) => says("a", { incarnation: 2 })],
  ["is deleted, and nobody is left", ({ stub }) => stub.remove("a")],
  ["stops, and nobody is left", ({ says }) => says("a", { status: "stopped" })],
  ["is replaced at its origin", ({ says }) => says("b", { origin: "https://a.example.com", incarnation: 2 })],
])("its replica %s: it is lost a time to live later, unless its answer has begun", { timeout: 20_000 }, async (_, leaves) => {
  const its = fleet();
  await its.says("a");
  const [silent, begun] = [await enqueue(its), await enqueue(its)];
  await begun.ticket.answered({ kind: "success", hints: null });
  const heard: string[] = [];
  const watch = async (what: string, { result: { id } }: Held) => heard.push(`${what} ${await its.stub.running(id)}`);
  const watched = [watch("silent", silent), watch("begun", begun)];
  const leftAtMs = Date.now();
  await leaves(its);
  await watched[0];
  // Timers may fire a moment early.
  expect(Date.now() - leftAtMs).toBeGreaterThan(5900);
  expect(heard).toEqual(["silent replica_gone"]);
  expect(await its.stub.running(silent.result.id)).toBe("replica_gone");
  begun.ticket[Symbol.dispose]();
  await watched[1];
  expect(heard).toEqual(["silent replica_gone", "begun over"]);
  silent.ticket[Symbol.dispose]();
});

test("a replica takes the place of another at its origin, in memory and in storage", async () => {
  const its = fleet();
  await its.says("old", { origin: "https://gpu.example.com" });
  const held = await enqueue(its);
  expect(await its.says("new", { origin: "https://gpu.example.com", incarnation: 2 })).toMatchObject({
    kind: "accepted",
    replaced: "old",
  });
  expect((await its.stub.view())?.replicas.map(({ replica }) => replica)).toEqual(["new"]);
  const rows = await runInDurableObject(its.stub, (_fleet, { storage }) => storage.sql.exec("SELECT id FROM replica").toArray());
  expect(rows).toEqual([{ id: "new" }]);
  // The requests there are not given up at once: their process may still run.
  const running = its.stub.running(held.result.id);
  await its.stub.view();
  held.ticket[Symbol.dispose]();
  expect(await running).toBe("over");
  expect(await its.says("old", { origin: "https://gpu.example.com", sequence: 9 })).toEqual({
    kind: "origin_taken",
    replica: "new",
    incarnation: 2,
  });
});
