// The admin view: what it says of each replica and of the decision. That it tells what `enqueue` does, whatever the state, is part of
// what every policy keeps (test/routing/policy/contract.ts).
import { describe, expect, test } from "vitest";
import { viewReplica } from "../../src/views/replica.ts";
import { explain } from "../../src/views/explain.ts";
import { setDrained } from "../../src/routing/ledger/membership.ts";
import { takeSlot } from "../../src/routing/ledger/slots.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import { hashName, ranked } from "../../src/routing/rendezvous.ts";
import { createScheduler, type Scheduler } from "../../src/routing/scheduler.ts";
import { asked, hears, known, load, occupy, OPTIONS, TTL_MS, unreachable, type Said } from "../routing/support/fleets.ts";
import { teach } from "../routing/support/teaching.ts";

function schedulerWith(replicas: Readonly<Record<string, Said>>): Scheduler {
  const scheduler = createScheduler(costPolicy());
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
    ejections: 1,
    on_probation: true,
    last_error: { kind: "unreachable", detail: "", ago_ms: 3000 },
  });
});

test("a load that was believed for too long and times that are over are not shown", () => {
  const scheduler = schedulerWith({ a: {} });
  load(scheduler.fleet, "a", "y");
  expect(viewReplica(known(scheduler.fleet, "a"), 120_000)).toMatchObject({ loading: [], expires_in_ms: 0, ejected_for_ms: 0 });
});

describe("candidates", () => {
  const SERVING_MS = 8000;
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
    teach(scheduler.model, "x", SERVING_MS);
    takeSlot(scheduler.fleet, 99, { replica: known(scheduler.fleet, "full"), hint: "x", warm: true, expectedMs: SERVING_MS }, 0);
    eject(scheduler, "broken");
    setDrained(scheduler.fleet, known(scheduler.fleet, "drained"), true);
    return explain(scheduler, OPTIONS, ["x", "y"], 1000);
  }

  test("say why they are passed over, what they are warm for, and what they would cost in seconds", () => {
    const rows = explained().candidates.map(({ replica, passed_over, warm_for, wait_s, load_s, eviction_s }) => [
      replica,
      [passed_over, warm_for, wait_s, load_s, eviction_s],
    ]);
    expect(Object.fromEntries(rows)).toEqual({
      warm: [null, "x", 0, 0, 0],
      // 8 s to serve, of which 1 has passed.
      full: ["full", "x", 7, 0, 0],
      cold: [null, null, 0, 12, 0],
      begins: ["starting", null, 0, 12, 0],
      leaves: ["draining", "x", 0, 0, 0],
      drained: ["draining", "x", 0, 0, 0],
      broken: ["ejected", "x", 0, 0, 0],
    });
  });

  test("cost the wait, the load and what that evicts together", () => {
    const scheduler = schedulerWith({ a: { hints: ["u"], hintSlots: 1 }, b: { hints: ["x"], hintSlots: 1 } });
    asked(scheduler, { u: 2, x: 1 });
    occupy(scheduler.fleet, "a", 1);
    occupy(scheduler.fleet, "b", 1);
    for (const { wait_s, load_s, eviction_s, cost_s } of explain(scheduler, OPTIONS, ["new"], 0).candidates) {
      expect([load_s, eviction_s > 0, eviction_s < 12]).toEqual([12, true, true]);
      expect(cost_s).toBeCloseTo(wait_s + load_s + eviction_s, 3);
    }
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
});

describe("the decision", () => {
  test("a wait beside a free replica: the expected wait, and the longest that would be better than a load", () => {
    const scheduler = schedulerWith({ a: { hints: ["x"], hintSlots: 1 }, b: { hints: [], hintSlots: 1 } });
    teach(scheduler.model, "x", 100);
    takeSlot(scheduler.fleet, 1, { replica: known(scheduler.fleet, "a"), hint: "x", warm: true, expectedMs: 100 }, 0);
    const { decision, candidates } = explain(scheduler, OPTIONS, ["x"], 0);
    expect(decision).toMatchObject({ outcome: "wait", expected_wait_s: 0.1 });
    if (decision.outcome === "wait") expect(decision.worth_waiting_s).toBeGreaterThan(0.1);
    expect(candidates.some(({ chosen }) => chosen)).toBe(false);
  });

  test.each<[string, Record<string, Said>, string[], object]>([
    ["a grant", { a: { hints: ["x"] } }, ["x"], { outcome: "grant", replica: "a", reason: "hint_match", warm: true }],
    ["a cold grant", { a: {} }, ["x"], { outcome: "grant", replica: "a", reason: "hash_owner", warm: false }],
    ["no hint", { a: {} }, [], { outcome: "grant", replica: "a", reason: "least_loaded", warm: true }],
    [
      "a wait for any slot",
      { a: { status: "starting" } },
      ["x"],
      { outcome: "wait", expected_wait_s: null, worth_waiting_s: null },
    ],
    ["a refusal", {}, ["x"], { outcome: "refuse", error_type: "no_replicas" }],
  ])("%s", (_, replicas, hints, decision) => {
    expect(explain(schedulerWith(replicas), OPTIONS, hints, 0)).toMatchObject({ hints, decision, waiting: 0 });
  });
});
