// The admin view: what it says of each replica, that it tells the decision `enqueue` would take, and that looking changes nothing.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { explain, viewReplica } from "../../src/routing/explain.ts";
import { setDrained } from "../../src/routing/membership.ts";
import { hashName, ranked } from "../../src/routing/rendezvous.ts";
import { createScheduler, enqueue, expire, settle, unreachable, type Scheduler } from "../../src/routing/scheduler.ts";
import { arrival, fullPicture, hears, known, load, occupy, OPTIONS, TTL_MS, type Said } from "./support/fleets.ts";
import { seeded } from "./support/seeded.ts";

function schedulerWith(replicas: Readonly<Record<string, Said>>): Scheduler {
  const scheduler = createScheduler();
  for (const [id, said] of Object.entries(replicas)) hears(scheduler.fleet, id, said);
  return scheduler;
}

/** A request on the replica finds that it can't be reached; it keeps its slot. */
function eject(scheduler: Scheduler, id: string, now = 0): void {
  for (const grant of occupy(scheduler.fleet, id, 1, now)) unreachable(scheduler, grant.id, now);
}

test("a replica as it is believed to be", () => {
  const scheduler = schedulerWith({ a: { incarnation: 7, sequence: 3, hints: ["x"], hintSlots: 2, concurrency: 4 } });
  load(scheduler.fleet, "a", "y", 1000);
  eject(scheduler, "a", 2000);
  setDrained(scheduler.fleet, known(scheduler.fleet, "a"), true);
  expect(viewReplica(known(scheduler.fleet, "a"), 5000)).toEqual({
    replica: "a",
    origin: "https://a.example.com",
    incarnation: 7,
    sequence: 3,
    status: "ready",
    drained: true,
    hints: ["x"],
    loading: ["y"],
    hint_slots: 2,
    hints_held: 2,
    concurrency: 4,
    in_flight: 2,
    served: 2,
    expires_in_ms: TTL_MS - 5000,
    ejected_for_ms: 7000,
  });
});

test("a load that was believed for too long and times that are over are not shown", () => {
  const scheduler = schedulerWith({ a: {} });
  load(scheduler.fleet, "a", "y");
  expect(viewReplica(known(scheduler.fleet, "a"), 120_000)).toMatchObject({ loading: [], expires_in_ms: 0, ejected_for_ms: 0 });
});

describe("candidates", () => {
  const REPLICAS: Record<string, Said> = {
    warm: { hints: ["x"] },
    full: { hints: ["x"] },
    cold: { hints: [] },
    begins: { status: "starting" },
    leaves: { hints: ["x"], status: "draining" },
    drained: { hints: ["x"] },
    broken: { hints: ["x"], concurrency: 2 },
  };

  function explained() {
    const scheduler = schedulerWith(REPLICAS);
    occupy(scheduler.fleet, "full", 1);
    eject(scheduler, "broken");
    setDrained(scheduler.fleet, known(scheduler.fleet, "drained"), true);
    return explain(scheduler, OPTIONS, ["x", "y"], 0);
  }

  test("say why they are passed over, what they are warm for, and what they would cost", () => {
    const rows = explained().candidates.map(({ replica, passed_over, warm_for, cost_s }) => [
      replica,
      passed_over,
      warm_for,
      cost_s,
    ]);
    expect(Object.fromEntries(rows.map(([replica, ...rest]) => [replica, rest]))).toEqual({
      warm: [null, "x", 0],
      full: ["full", "x", 0],
      cold: [null, null, 12],
      begins: ["starting", null, 12],
      leaves: ["draining", "x", 0],
      drained: ["draining", "x", 0],
      broken: ["ejected", "x", 0],
    });
  });

  test("come free ones first, by cost, then in hash order, with their place in it", () => {
    const { candidates } = explained();
    expect(candidates.slice(0, 2).map((candidate) => candidate.replica)).toEqual(["warm", "cold"]);
    const order = ranked(
      hashName("x"),
      Object.keys(REPLICAS).map((id) => ({ id, weight: id === "broken" ? 2 : 1, hash: hashName(id) })),
    );
    for (const { replica, hash_rank } of candidates) expect(order[hash_rank - 1]?.id).toBe(replica);
  });

  test("come warm before cold also where the cold one is the owner", () => {
    const hints = Array.from({ length: 16 }, (_, index) => `hint-${index}`);
    const scheduler = schedulerWith({ warm: { hints }, cold: { hints: [] } });
    const ranks = hints.map((hint) => {
      const { candidates } = explain(scheduler, OPTIONS, [hint], 0);
      expect(candidates.map((candidate) => candidate.replica)).toEqual(["warm", "cold"]);
      return candidates[0]?.hash_rank;
    });
    expect(new Set(ranks)).toEqual(new Set([1, 2]));
  });

  test("are at most 100, counted all", () => {
    const scheduler = schedulerWith(Object.fromEntries(Array.from({ length: 120 }, (_, index) => [`r${index}`, {}])));
    const { candidates, candidates_total } = explain(scheduler, OPTIONS, ["x"], 0);
    expect([candidates.length, candidates_total]).toEqual([100, 120]);
  });

  test("cost nothing for a request without a hint", () => {
    const { candidates } = explain(schedulerWith({ a: {}, b: {} }), OPTIONS, [], 0);
    expect(candidates.map((candidate) => [candidate.warm_for, candidate.cost_s])).toEqual([
      [null, 0],
      [null, 0],
    ]);
  });

  // Where every ready replica is ejected all are tried.
  test("never list the replica that the decision names as passed over", () => {
    const scheduler = schedulerWith({ a: { hints: ["x"], concurrency: 2 } });
    eject(scheduler, "a");
    const { decision, candidates } = explain(scheduler, OPTIONS, ["x"], 0);
    expect(decision).toMatchObject({ outcome: "grant", replica: "a" });
    expect(candidates[0]?.passed_over).toBeNull();
  });
});

describe("the decision", () => {
  test.each<[string, Record<string, Said>, string[], object]>([
    ["a grant", { a: { hints: ["x"] } }, ["x"], { outcome: "grant", replica: "a", reason: "hint_match", warm: true }],
    ["a cold grant", { a: {} }, ["x"], { outcome: "grant", replica: "a", reason: "hash_owner", warm: false }],
    ["no hint", { a: {} }, [], { outcome: "grant", replica: "a", reason: "least_loaded", warm: true }],
    ["a wait", { a: { status: "starting" } }, ["x"], { outcome: "wait" }],
    ["a refusal", {}, ["x"], { outcome: "refuse", error_type: "no_replicas" }],
  ])("%s", (_, replicas, hints, decision) => {
    expect(explain(schedulerWith(replicas), OPTIONS, hints, 0)).toMatchObject({ hints, decision, waiting: 0 });
  });
});

const HINTS = ["v", "w", "x", "y"];
const IDS = ["a", "b", "c", "d"];
const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.tuple(
      fc.constant("report" as const),
      fc.constantFrom(...IDS),
      fc.record({
        status: fc.constantFrom(
          "ready" as const,
          "ready" as const,
          "ready" as const,
          "starting" as const,
          "draining" as const,
          "stopped" as const,
        ),
        concurrency: fc.integer({ min: 1, max: 2 }),
        hints: fc.option(fc.subarray(HINTS)),
        hintSlots: fc.option(fc.nat({ max: 2 })),
      }),
    ),
  },
  { weight: 4, arbitrary: fc.tuple(fc.constant("request" as const), fc.shuffledSubarray(HINTS, { maxLength: 2 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("fail" as const), fc.nat({ max: 9 })) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("wait" as const), fc.constantFrom(1, 3000, 16_000)) },
  { weight: 1, arbitrary: fc.tuple(fc.constant("settling" as const), fc.constantFrom(0, 500)) },
);

test("whatever the state, it tells what `enqueue` does with such a request, and changes nothing", () => {
  const options = { queueLengthMax: 3, coldStartMs: 2000 };
  const told = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { maxLength: 25, size: "max" }), fc.shuffledSubarray(HINTS, { maxLength: 3 }), (steps, hints) => {
      const scheduler = createScheduler();
      let now = 0;
      for (const [index, [does, what, said]] of steps.entries()) {
        if (does === "report") hears(scheduler.fleet, what, said, now);
        else if (does === "request") enqueue(scheduler, options, index, arrival(what, now), now);
        else if (does === "fail") unreachable(scheduler, what, now);
        else if (does === "settling") scheduler.settlingUntilMs = now + what;
        else expire(scheduler, TTL_MS, (now += what));
        if (index % 3 === 0) settle(scheduler, options, now);
      }
      const before = fullPicture(scheduler);
      const { decision, waiting } = explain(scheduler, options, hints, now);
      expect(fullPicture(scheduler)).toEqual(before);
      expect(waiting).toBe(scheduler.room.length);
      const standing = enqueue(scheduler, options, 1000, arrival(hints, now, { deadlineMs: Infinity }), now);
      told.add(decision.outcome);
      if (standing.kind === "waiting") expect(decision).toEqual({ outcome: "wait" });
      else if (standing.kind === "refused") expect(decision).toEqual({ outcome: "refuse", error_type: standing.refusal.kind });
      else {
        const { grant, reason, warm } = standing;
        expect(decision).toEqual({ outcome: "grant", replica: grant.replica.id, reason, warm });
      }
    }),
    seeded(600),
  );
  expect([...told].toSorted()).toEqual(["grant", "refuse", "wait"]);
});
