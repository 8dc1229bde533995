// Contract, "Heartbeat": a report over the wire, and what each status does. All values of all fields are in test/wire/heartbeat.test.ts.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

const router = sharedRouter({ HEARTBEAT_INTERVAL_MS: "5000" });

/** The heartbeat must be answered 422 for this field. */
async function expectRefused(change: Record<string, unknown>, field: string): Promise<void> {
  const reply = await router().beat(validBeat(freshApp(), change));
  expect(expectProblem(reply, 422, "invalid_heartbeat").detail).toContain(field);
}

async function viewAfter(change: Record<string, unknown>) {
  const app = freshApp();
  const reply = await router().beat(validBeat(app, change));
  expect(reply.status, reply.text).toBe(200);
  const [replica] = (await router().view(app)).replicas;
  if (replica === undefined) throw new Error("the replica is not listed");
  return replica;
}

test("BEAT-1 the contract's own example is accepted and answered with the two times", async () => {
  const app = freshApp("any-model");
  const reply = await router().beat({
    app,
    replica: "gpu-1",
    origin: "http://127.0.0.1:9",
    incarnation: 1764000000000,
    sequence: 7,
    hints: ["sdxl", "flux"],
    hint_slots: 3,
    concurrency: 1,
    in_flight: 0,
    status: "ready",
  });
  expect(reply.status).toBe(200);
  expect(reply.headers["content-type"]).toMatch(/^application\/json\b/);
  expect(reply.json()).toEqual({ time_to_live_ms: 15000, next_heartbeat_ms: 5000 });
});

test("BEAT-2 only app, replica and origin are required; the rest has defaults", async () => {
  expect(await viewAfter({})).toMatchObject({ concurrency: 1, status: "ready", hints: null });
});

test.each([
  ["BEAT-2", "app", undefined],
  ["BEAT-2", "replica", ".."],
  ["BEAT-4", "origin", "http://127.0.0.1:9/path"],
  ["BEAT-5", "incarnation", 2 ** 53],
  ["BEAT-5", "sequence", -1],
  ["BEAT-8", "hints", ["ok", "a,b"]],
  ["BEAT-5", "hint_slots", 2.5],
  ["BEAT-5", "concurrency", "1"],
  ["BEAT-5", "in_flight", -1],
  ["BEAT-10", "status", "idle"],
])("%s a bad %s is refused by its name: %j", async (_rule, field, value) => {
  await expectRefused({ [field]: value }, field);
});

test("BEAT-3 unknown fields are ignored", async () => {
  expect(await viewAfter({ gpu: "H100", nested: { a: [1] } })).toMatchObject({ status: "ready" });
});

describe("BEAT-3 the answer names fields that it does not know", () => {
  async function warningsOf(beat: string): Promise<unknown> {
    const reply = await router().beat(beat);
    expect(reply.status, reply.text).toBe(200);
    return reply.json()["warnings"];
  }
  const withFields = (fields: string) => JSON.stringify(validBeat(freshApp())).replace("{", `{${fields},`);

  test("with the field that may be meant, in their order", async () => {
    const beat = withFields('"hint_slot":2,"gpu":"H100","inFlight":1,"concurency":3,"nested":{"hint":1},"__proto__":{}');
    expect(await warningsOf(beat)).toEqual([
      "unknown field hint_slot: did you mean hint_slots?",
      "unknown field gpu",
      "unknown field inFlight: did you mean in_flight?",
      "unknown field concurency: did you mean concurrency?",
      "unknown field nested",
      "unknown field __proto__",
    ]);
  });

  test("at most eight, each cut at 64 characters", async () => {
    const many = Array.from({ length: 5000 }, (_, n) => `"${`n${n}`.padEnd(40, "x")}":0`);
    const warnings = await warningsOf(withFields([`"${"long".repeat(10_000)}":0`, ...many].join(",")));
    expect(warnings).toHaveLength(8);
    expect(warnings).toContain(`unknown field ${"long".repeat(16)}`);
  });

  test("there is no member warnings without unknown fields, nor in an error", async () => {
    const all = { incarnation: 1, sequence: 1, hints: [], hint_slots: 1, concurrency: 1, in_flight: 0, status: "ready" };
    expect(await warningsOf(JSON.stringify(validBeat(freshApp(), all)))).toBeUndefined();
    const refused = await router().beat(validBeat(freshApp(), { hint_slot: 1, status: "idle" }));
    expect(expectProblem(refused, 422, "invalid_heartbeat")).not.toHaveProperty("warnings");
  });
});

test("BEAT-4 an origin is scheme://host[:port], with or without a trailing /", async () => {
  expect((await viewAfter({ origin: "HTTP://LocalHost:9/" })).origin.replace(/\/$/, "")).toBe("http://localhost:9");
});

test("BEAT-5 a number that JSON writes in exponents beyond the bounds is refused", async () => {
  const text = JSON.stringify(validBeat(freshApp())).replace("}", ',"incarnation":1e400}');
  expectProblem(await router().beat(text), 422, "invalid_heartbeat");
});

describe("hints", () => {
  test("BEAT-6 empties and duplicates are dropped", async () => {
    expect((await viewAfter({ hints: ["a", "", "b", "a", ""] })).hints).toEqual(["a", "b"]);
  });

  test("BEAT-7 absent or null: does not specialise; an empty list: specialises", async () => {
    expect((await viewAfter({ hints: null })).hints).toBeNull();
    expect((await viewAfter({ hints: undefined })).hints).toBeNull();
    expect((await viewAfter({ hints: [] })).hints).toEqual([]);
  });

  test("BEAT-7 each report says everything: without hints the former ones are forgotten", async () => {
    const app = freshApp();
    await router().join(validBeat(app, { hints: ["a"] }));
    await router().join(validBeat(app));
    expect((await router().view(app)).replicas[0]?.hints).toBeNull();
  });

  test("BEAT-9 256 hints are admitted, 257 are not", async () => {
    const hints = Array.from({ length: 257 }, (_, n) => `h${n}`);
    expect((await viewAfter({ hints: hints.slice(1) })).hints).toHaveLength(256);
    expect((await viewAfter({ hints: [...hints.slice(1), "h5", ""] })).hints).toHaveLength(256);
    await expectRefused({ hints }, "hints");
  });
});

describe("status", () => {
  test("BEAT-11 starting and draining are listed and get nothing new", async () => {
    await using replica = await TestReplica.start();
    await using other = await TestReplica.start();
    const app = freshApp();
    await router().join({ app, replica: "s", origin: other.origin, status: "starting", hints: ["h"], concurrency: 9 });
    await router().join({ app, replica: "d", origin: other.origin, status: "draining", hints: ["h"], concurrency: 9 });
    await router().join({ app, replica: "r", origin: replica.origin, concurrency: 9 });
    for (const headers of [{}, { "x-fal-runner-hint": "h" }]) {
      expect((await router().send(`/${app}/x`, { headers })).headers["x-fal-served-from"]).toBe("r");
    }
    expect(other.received).toHaveLength(0);
    const statuses = (await router().view(app)).replicas.map(({ replica, status }) => `${replica} ${status}`).sort();
    expect(statuses).toEqual(["d draining", "r ready", "s starting"]);
  });

  test.each(["draining", "stopped"])("BEAT-12 %s: what runs is finished", async (status) => {
    const go = Promise.withResolvers<void>();
    await using replica = await TestReplica.start(async (_request, response) => {
      response.write("first, ");
      await go.promise;
      response.end("last");
    });
    const app = freshApp();
    await router().join({ app, replica: "r1", origin: replica.origin });
    const reply = router().send(`/${app}/x`);
    await until("it runs", () => replica.running === 1 && replica.received.length === 1);
    await router().join({ app, replica: "r1", origin: replica.origin, status });
    go.resolve();
    expect(await reply).toMatchObject({ status: 200, text: "first, last" });
  });

  test("BEAT-13 stopped removes at once", async () => {
    await using replica = await TestReplica.start();
    const app = freshApp();
    await router().join({ app, replica: "a", origin: replica.origin });
    await router().join({ app, replica: "b", origin: replica.origin });
    await router().join({ app, replica: "a", origin: replica.origin, status: "stopped" });
    expect((await router().view(app)).replicas.map(({ replica }) => replica)).toEqual(["b"]);
    for (let n = 0; n < 3; n++) expect((await router().send(`/${app}/x`)).headers["x-fal-served-from"]).toBe("b");
  });

  test("BEAT-13 stopped of a replica nobody knows is no error and lists nothing", async () => {
    const app = freshApp();
    await router().join(validBeat(app));
    expect((await router().beat(validBeat(app, { replica: "unknown", status: "stopped" }))).status).toBe(200);
    expect((await router().view(app)).replicas).toHaveLength(1);
  });

  test("BEAT-14 a change of origin or concurrency counts from then on", async () => {
    await using before = await TestReplica.start();
    await using after = await TestReplica.start();
    const app = freshApp();
    await router().join({ app, replica: "r1", origin: before.origin });
    await router().send(`/${app}/x`);
    await router().join({ app, replica: "r1", origin: after.origin, concurrency: 3 });
    await router().send(`/${app}/x`);
    expect([before.received.length, after.received.length]).toEqual([1, 1]);
    expect((await router().view(app)).replicas[0]?.concurrency).toBe(3);
  });
});
