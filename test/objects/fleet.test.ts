// The Fleet object in workerd, with its real storage, alarm, eviction and restarts.
import { env } from "cloudflare:workers";
import { abortAllDurableObjects, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { describe, expect, test } from "vitest";
import type { EnqueueRequest } from "../../durable-objects/fleet-answers.ts";
import type { Fleet } from "../../durable-objects/fleet.ts";
import { BOUNDS } from "../../src/limits.ts";
import type { Failure } from "../../src/routing/health/outcome.ts";
import type { Heartbeat } from "../../src/routing/ledger/report.ts";
import type { Answer } from "../../src/routing/lifecycle.ts";
import { DIRECTORY_NAME } from "../../src/settings/directory-name.ts";
import { until } from "../support/until.ts";

/** HEARTBEAT_RATE_MAX in vitest.config.ts. */
const RATE_MAX = 1000;

/** A new app for each test, so tests share no objects and no storage. */
let apps = 0;
function fleet(): { app: string; stub: DurableObjectStub<Fleet> } {
  const app = `app-${++apps}`;
  return { app, stub: env.FLEET.getByName(app) };
}

function beat(app: string, replica: string, more: Partial<Heartbeat> = {}): Heartbeat {
  return {
    app,
    replica,
    origin: `https://${replica}.example.com`,
    incarnation: 1,
    sequence: null,
    hints: ["sdxl"],
    hintSlots: 3,
    concurrency: 2,
    inFlight: null,
    status: "ready",
    ...more,
  };
}

const REQUEST: EnqueueRequest = {
  hints: ["sdxl"],
  avoid: [],
  waitedMs: 0,
  timeoutMs: 60_000,
  queueLengthMax: null,
  declaredMs: null,
  priority: "normal" as const,
  successes: [],
  after: null,
};

const rowsChanged = (stub: DurableObjectStub<Fleet>) =>
  runInDurableObject(stub, (_fleet, { storage }) => Number(storage.sql.exec("SELECT total_changes() AS n").one()["n"]));

const tables = (stub: DurableObjectStub<Fleet>) =>
  runInDurableObject(stub, (_fleet, { storage }) =>
    storage.sql.exec("SELECT name FROM sqlite_master WHERE name NOT GLOB '_cf_*'").toArray(),
  );

const alarmOf = (stub: DurableObjectStub<Fleet>) => runInDurableObject(stub, (_fleet, { storage }) => storage.getAlarm());

/** Kills the object as a crash or a deploy does: its memory is gone, and pending calls get an error. */
async function kill(app: string): Promise<DurableObjectStub<Fleet>> {
  await runInDurableObject(env.FLEET.getByName(app), (_fleet, state) => state.abort("killed by the test")).catch(() => {});
  return env.FLEET.getByName(app);
}

const directory = () => env.DIRECTORY.getByName(DIRECTORY_NAME);

describe("storage", () => {
  test("1,000 unchanged heartbeats write no row and leave the alarm alone", async () => {
    const { app, stub } = fleet();
    for (let index = 0; index < 10; index++) await stub.heartbeat(beat(app, `r${index}`, { sequence: 0 }));
    const [rows, alarm] = [await rowsChanged(stub), await alarmOf(stub)];
    expect(rows).toBeGreaterThanOrEqual(10);
    for (let sequence = 1; sequence <= 100; sequence++) {
      for (let index = 0; index < 10; index++) {
        const hints = sequence % 2 === 0 ? ["sdxl"] : ["sdxl", "sdxl"].slice(1);
        expect((await stub.heartbeat(beat(app, `r${index}`, { sequence, hints, inFlight: sequence % 3 }))).kind).toBe("accepted");
      }
    }
    expect(await rowsChanged(stub)).toBe(rows);
    expect(await alarmOf(stub)).toBe(alarm);
  });

  test("a change that a restart must know writes one row", async () => {
    const { app, stub } = fleet();
    await stub.heartbeat(beat(app, "r"));
    const rows = await rowsChanged(stub);
    await stub.heartbeat(beat(app, "r", { hints: ["sdxl", "flux"] }));
    expect((await rowsChanged(stub)) - rows).toBeLessThanOrEqual(2);
    expect(await rowsChanged(stub)).toBeGreaterThan(rows);
  });

  test("an app that was only asked for stores nothing", async () => {
    const { stub } = fleet();
    const answer = await stub.enqueue(REQUEST);
    expect(answer.result).toMatchObject({ kind: "refused", refusal: { kind: "no_replicas" } });
    await stub.look({ view: "explain", hints: ["sdxl"] });
    expect(await tables(stub)).toEqual([]);
    expect(await alarmOf(stub)).toBe(null);
  });

  test("with its last replica everything is deleted and the alarm is off", async () => {
    const { app, stub } = fleet();
    await stub.heartbeat(beat(app, "r"));
    expect(await alarmOf(stub)).not.toBe(null);
    expect(await directory().knows(app)).toBe(true);
    await stub.heartbeat(beat(app, "r", { status: "stopped" }));
    await until("storage is empty", async () => (await tables(stub)).length === 0);
    expect(await alarmOf(stub)).toBe(null);
    expect((await directory().list("", 1000)).some((each) => each.app === app)).toBe(false);
    expect(await directory().knows(app)).toBe(true);
  });

  test("it can come back after that", async () => {
    const { app, stub } = fleet();
    for (let round = 1; round <= 3; round++) {
      await stub.heartbeat(beat(app, "r", { incarnation: round }));
      expect((await stub.view())?.replicas.length).toBe(1);
      expect(await alarmOf(stub)).not.toBe(null);
      expect((await directory().list("", 1000)).some((each) => each.app === app)).toBe(true);
      await stub.heartbeat(beat(app, "r", { incarnation: round, status: "stopped" }));
      expect(await stub.view()).toBe(null);
      await until("it is off the list", async () => !(await directory().list("", 1000)).some((each) => each.app === app));
    }
  });
});

describe("liveness", () => {
  test("a replica that stops beating is gone after its time to live, on an otherwise idle fleet", async () => {
    const { app, stub } = fleet();
    const answer = await stub.heartbeat(beat(app, "r"));
    expect(answer).toEqual({ kind: "accepted", replaced: null, advice: null, timeToLiveMs: 6000, nextHeartbeatMs: 2000 });
    const since = Date.now();
    await until("storage is empty", async () => (await tables(stub)).length === 0);
    expect(Date.now() - since).toBeGreaterThan(5500);
    expect(Date.now() - since).toBeLessThan(9000);
    expect(await stub.view()).toBe(null);
  });

  test("the alarm alone sweeps what a lost object left behind", async () => {
    const { app, stub: before } = fleet();
    await before.heartbeat(beat(app, "r"));
    const stub = await kill(app);
    expect(await runDurableObjectAlarm(stub)).toBe(true);
    expect((await stub.view())?.replicas.length).toBe(1);
    expect(await alarmOf(stub)).not.toBe(null);
    await until("the replica has expired", async () => (await stub.view()) === null);
    await until("the alarm is off", async () => (await alarmOf(stub)) === null);
  });

  test.each(["a crash", "the eviction of all objects"])(
    "after %s the fleet is there from its rows, for one time to live",
    async (how) => {
      const { app, stub: before } = fleet();
      await before.heartbeat(beat(app, "r1", { hints: ["sdxl", "flux"], sequence: 9 }));
      await before.heartbeat(beat(app, "r2", { hints: null, status: "draining" }));
      if (how === "a crash") await kill(app);
      else await abortAllDurableObjects();
      const stub = env.FLEET.getByName(app);
      const view = await stub.view();
      expect(view?.replicas).toMatchObject([
        { replica: "r1", hints: ["sdxl", "flux"], hint_slots: 3, concurrency: 2, sequence: null },
        { replica: "r2", hints: null, status: "draining" },
      ]);
      expect(view?.replicas[0]?.expires_in_ms).toBeGreaterThan(5000);
      await until("both have expired", async () => (await stub.view()) === null);
    },
  );

  test("a deleted incarnation stays forbidden over a crash", async () => {
    const { app, stub: before } = fleet();
    await before.heartbeat(beat(app, "r", { sequence: 1 }));
    await before.heartbeat(beat(app, "other"));
    expect(await before.remove("r")).toBe(true);
    const stub = await kill(app);
    expect((await stub.heartbeat(beat(app, "r", { sequence: 2 }))).kind).toBe("stale");
    expect((await stub.heartbeat(beat(app, "r", { incarnation: 2 }))).kind).toBe("accepted");
  });
});

describe("tickets", () => {
  test("a burst of 20 for one cold hint causes one load", async () => {
    const { app, stub } = fleet();
    for (const name of ["a", "b", "c"]) await stub.heartbeat(beat(app, name, { hints: [], concurrency: 32 }));
    const answers = await Promise.all(Array.from({ length: 20 }, () => stub.enqueue(REQUEST)));
    const grants = answers.map(({ result }) => result as { replica: string; reason: string });
    expect(new Set(grants.map(({ replica }) => replica)).size).toBe(1);
    expect(grants.map(({ reason }) => reason).sort()).toEqual(["hash_owner", ...Array(19).fill("hint_match")]);
    expect((await stub.view())?.counters.cold).toBe(1);
  });

  test("disposing gives back the slot, once, and binds who waits", async () => {
    const { app, stub } = fleet();
    await stub.heartbeat(beat(app, "r", { concurrency: 1 }));
    const first = (await stub.enqueue(REQUEST)) as unknown as Disposable;
    const second = await stub.enqueue(REQUEST);
    const third = (await stub.enqueue(REQUEST)) as unknown as Disposable;
    expect(second.result.kind).toBe("waiting");
    const settled = stub.granted((second.result as { id: number }).id);
    third[Symbol.dispose]();
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(await settled).toMatchObject({ kind: "granted", replica: "r", reason: "hint_wait" });
    await until("only the second runs", async () => (await stub.view())?.in_flight === 1);
    (second as unknown as Disposable)[Symbol.dispose]();
    await until("nothing runs", async () => (await stub.view())?.in_flight === 0);
  });

  test("an answer that ends a replica's ejection binds requests that wait for the replica, without in-band hints too", async () => {
    const { app, stub } = fleet();
    await stub.heartbeat(beat(app, "a", { hints: ["sdxl"], concurrency: 2 }));
    await stub.heartbeat(beat(app, "b", { hints: ["flux"], concurrency: 1 }));
    const first = await stub.enqueue(REQUEST);
    await stub.enqueue({ ...REQUEST, hints: ["flux"] });
    const ticket = first.ticket as unknown as {
      failed(failure: Failure, hints: null): Promise<void>;
      answered(answer: Answer): Promise<void>;
    };
    await ticket.failed({ kind: "unreachable" }, null);
    const waiting = await stub.enqueue(REQUEST);
    expect(waiting.result.kind).toBe("waiting");
    await ticket.answered({ kind: "success", hints: null });
    expect(await stub.granted((waiting.result as { id: number }).id)).toMatchObject({ kind: "granted", replica: "a" });
  }, 4000);

  test("a slot kept idle for a warm replica is looked at again by itself, and given before the deadline", async () => {
    const { app, stub } = fleet();
    await stub.heartbeat(beat(app, "warm", { concurrency: 1 }));
    await stub.heartbeat(beat(app, "cold", { concurrency: 1, hints: [] }));
    using first = (await stub.enqueue(REQUEST)) as unknown as Disposable & { result: object };
    expect(first.result).toMatchObject({ replica: "warm" });
    using second = (await stub.enqueue({ ...REQUEST, timeoutMs: 5500 })) as unknown as Disposable & {
      result: { kind: string; id: number };
    };
    expect(second.result.kind).toBe("waiting");
    expect(await stub.granted(second.result.id)).toMatchObject({ kind: "granted", replica: "cold" });
  });

  test("a wait ends at its deadline", async () => {
    const { app, stub } = fleet();
    await stub.heartbeat(beat(app, "r", { concurrency: 1 }));
    using _first = (await stub.enqueue(REQUEST)) as unknown as Disposable;
    using second = (await stub.enqueue({ ...REQUEST, timeoutMs: 50 })) as unknown as Disposable & { result: { id: number } };
    expect(await stub.granted(second.result.id)).toEqual({ kind: "refused", refusal: { kind: "timed_out" } });
    expect((await stub.view())?.waiting).toBe(0);
  });

  test("after a crash a running request is counted again, over the concurrency if need be, and given back", async () => {
    const { app, stub: before } = fleet();
    await before.heartbeat(beat(app, "r", { concurrency: 1 }));
    const stub = await kill(app);
    const request = { replica: "r", incarnation: 1, hint: "sdxl", elapsedMs: 1000, answered: false };
    const held = [await stub.adopt(request), await stub.adopt(request)] as unknown as (Disposable & { id: number })[];
    expect((await stub.view())?.replicas[0]?.in_flight).toBe(2);
    expect(await stub.adopt({ ...request, incarnation: 2 })).toBe(null);
    expect(await stub.adopt({ ...request, replica: "nobody" })).toBe(null);
    const running = stub.running(held[0]?.id ?? 0);
    await stub.view();
    for (const each of held) each[Symbol.dispose]();
    expect(await running).toBe("over");
    await until("both slots are free", async () => (await stub.view())?.in_flight === 0);
    expect(await stub.running(1)).toBe("unknown");
  });

  test("after a crash nothing is granted for a moment, then the requests that asked meanwhile are", async () => {
    const { app, stub } = fleet();
    await stub.heartbeat(beat(app, "r", { concurrency: 8 }));
    const again = await kill(app);
    const since = Date.now();
    using asked = (await again.enqueue(REQUEST)) as unknown as Disposable & { result: { kind: string; id: number } };
    expect(asked.result.kind).toBe("waiting");
    expect(await again.granted(asked.result.id)).toMatchObject({ kind: "granted", replica: "r" });
    expect(Date.now() - since).toBeGreaterThanOrEqual(BOUNDS.recoveryMs - 50);
  });
});

test("above four times the rate a heartbeat is refused", async () => {
  const { app, stub } = fleet();
  const limit = BOUNDS.heartbeatRateBurst * RATE_MAX;
  const kinds = await runInDurableObject(stub, async (fleet) => {
    const answers = [];
    for (let index = 0; index < limit * 2 + 2; index++) answers.push(fleet.heartbeat(beat(app, "r")));
    return (await Promise.all(answers)).map(({ kind }) => kind);
  });
  expect(kinds.slice(0, limit)).toEqual(Array(limit).fill("accepted"));
  expect(kinds).toContain("rate_limited");
});
