// The waiting room: who is bound when a slot becomes free, when a wait ends by itself, what a restart of the object does, and that a
// burst for one cold hint loads it once. The order among those that wait is in order.test.ts, waits beside a free slot are in
// affinity-wait.test.ts.
import { describe, expect, test } from "vitest";
import { restoreReplica, storedForm } from "../../src/routing/ledger/membership.ts";
import * as scheduling from "../../src/routing/scheduler.ts";
import { driver, type Driver } from "./support/driver.ts";
import { fleetWith, hears, known, loads, TTL_MS, unreachable } from "./support/fleets.ts";

describe("a slot that becomes free goes", () => {
  test("to the oldest request that is warm there, then to one that is not", () => {
    const fleet = driver({ a: { hints: ["x"] } });
    fleet.arrives(1, ["x"]);
    for (const [id, hint] of [
      [2, "cold"],
      [3, "x"],
      [4, "x"],
    ] as const)
      expect(fleet.arrives(id, [hint], id)).toBe("waiting");
    fleet.ends(1, 10);
    expect(fleet.dispatches(10)).toEqual({ 3: "a hint_wait" });
    fleet.ends(3, 20);
    expect(fleet.dispatches(20)).toEqual({ 4: "a hint_wait" });
    fleet.ends(4, 30);
    expect(fleet.dispatches(30)).toEqual({ 2: "a hash_owner" });
  });

  test("in order of arrival among requests without a hint", () => {
    const fleet = driver({ a: {} });
    fleet.arrives(1, []);
    for (const id of [2, 3, 4]) fleet.arrives(id, [], id);
    const bound: string[] = [];
    for (const id of [1, 2, 3]) {
      fleet.ends(id, 10);
      bound.push(...Object.keys(fleet.dispatches(10)));
    }
    expect(bound).toEqual(["2", "3", "4"]);
  });

  test("in order of arrival at the router, where one had to ask again after a restart", () => {
    const fleet = driver({ a: {} });
    fleet.arrives(1, []);
    fleet.arrives(2, [], 100);
    fleet.arrives(3, [], 200, { arrivedAtMs: 50 });
    expect(fleet.waiting()).toEqual([3, 2]);
  });

  test("to as many as there are slots, each with its own reason", () => {
    const fleet = driver({ a: { hints: ["x"], concurrency: 3 } });
    for (const id of [1, 2, 3]) fleet.arrives(id, []);
    for (const [id, hints] of [
      [4, ["cold"]],
      [5, []],
      [6, ["none", "x"]],
      [7, ["x"]],
    ] as const)
      fleet.arrives(id, [...hints], id);
    for (const id of [1, 2, 3]) fleet.ends(id, 10);
    // Warm first: 5 (no hint is as good as warm), 6 and 7; the cold 4 waits on.
    expect(fleet.dispatches(10)).toEqual({ 5: "a least_loaded", 6: "a hint_wait", 7: "a hint_wait" });
    expect(fleet.waiting()).toEqual([4]);
  });

  test("to nobody that avoids its replica", () => {
    const fleet = driver({ a: {}, b: {} });
    for (const id of [1, 2]) fleet.arrives(id, []);
    fleet.arrives(3, [], 5, { avoid: ["a"] });
    const onA = fleet.its.fleet.grants.get(1)?.replica.id === "a" ? 1 : 2;
    fleet.ends(onA, 10);
    expect(fleet.dispatches(10)).toEqual({});
    expect(fleet.arrives(4, [], 11)).toBe("a least_loaded");
    fleet.ends(3 - onA, 12);
    expect(fleet.dispatches(12)).toEqual({ 3: "b least_loaded" });
  });

  test.each<[string, (fleet: Driver) => unknown]>([
    ["a replica joins", (fleet) => hears(fleet.its.fleet, "b", {}, 10)],
    ["a replica takes more at once", (fleet) => hears(fleet.its.fleet, "a", { concurrency: 2 }, 10)],
    ["a replica restarts", (fleet) => hears(fleet.its.fleet, "a", { incarnation: 2 }, 10)],
  ])("also when %s", (_, happens) => {
    const fleet = driver({ a: {} });
    fleet.arrives(1, []);
    fleet.arrives(2, []);
    happens(fleet);
    expect(Object.keys(fleet.dispatches(10))).toEqual(["2"]);
  });
});

describe("a wait ends by itself", () => {
  test("at its deadline, not before, and before a slot that becomes free just then", () => {
    const fleet = driver({ a: {} });
    fleet.arrives(1, []);
    fleet.arrives(2, [], 0, { deadlineMs: 5000 });
    fleet.arrives(3, [], 0, { deadlineMs: 6000 });
    expect(fleet.dispatches(4999)).toEqual({});
    fleet.ends(1, 5000);
    expect(fleet.dispatches(5000)).toEqual({ 2: "timed_out", 3: "a least_loaded" });
    expect(fleet.its.counters.refused.timed_out).toBe(1);
  });

  test("when its client goes, which is counted and leaves the others in order", () => {
    const fleet = driver({ a: {} });
    for (const id of [1, 2, 3, 4]) fleet.arrives(id, [], id);
    fleet.ends(3, 10);
    fleet.ends(3, 10);
    expect([fleet.waiting(), fleet.its.counters.left]).toEqual([[2, 4], 1]);
  });

  test("the end of a request that nobody knows does nothing", () => {
    const fleet = driver({ a: {} });
    fleet.ends(99, 10);
    expect(fleet.its.counters.left).toBe(0);
  });
});

describe("a burst for one cold hint loads it once", () => {
  const BURST = Array.from({ length: 20 }, (_, index) => index + 1);

  test("20 that arrive together on an idle fleet of concurrency 32", () => {
    const fleet = driver({ a: { concurrency: 32 }, b: { concurrency: 32 }, c: { concurrency: 32 } });
    const outcomes = BURST.map((id) => fleet.arrives(id, ["sdxl"]));
    const owner = outcomes[0]?.split(" ")[0] ?? "";
    expect(outcomes).toEqual(BURST.map((id) => `${owner} ${id === 1 ? "hash_owner" : "hint_match"}`));
    expect([fleet.its.counters.cold, loads(fleet.its.fleet)[owner]]).toEqual([1, 20]);
  });

  test("20 that waited for the object to recover", () => {
    const fleet = driver({ a: { concurrency: 32 }, b: { concurrency: 32 }, c: { concurrency: 32 } });
    fleet.its.recoveringUntilMs = 500;
    for (const id of BURST) expect(fleet.arrives(id, ["sdxl"], id)).toBe("waiting");
    const outcomes = Object.values(fleet.dispatches(500));
    expect(outcomes.filter((outcome) => outcome.endsWith("hash_owner")).length).toBe(1);
    expect(outcomes.filter((outcome) => outcome.endsWith("hint_wait")).length).toBe(19);
    expect(fleet.its.counters.cold).toBe(1);
  });

  test("20 that waited for the first replica to be ready", () => {
    const fleet = driver({ a: { concurrency: 32, status: "starting" } });
    for (const id of BURST) fleet.arrives(id, ["sdxl"], id);
    hears(fleet.its.fleet, "a", { concurrency: 32 }, 100);
    expect(Object.keys(fleet.dispatches(100)).length).toBe(20);
    expect(fleet.its.counters.cold).toBe(1);
  });

  test("a second burst while the load lasts, heartbeats in between", () => {
    const fleet = driver({ a: { concurrency: 32 }, b: { concurrency: 32 } });
    for (const id of BURST) fleet.arrives(id, ["sdxl"]);
    for (const id of ["a", "b"]) hears(fleet.its.fleet, id, { concurrency: 32, hints: [] }, 5000);
    for (const id of BURST.slice(0, 10)) expect(fleet.arrives(100 + id, ["sdxl"], 6000)).toContain("hint_match");
    expect(fleet.its.counters.cold).toBe(1);
  });
});

describe("after a restart of the object", () => {
  function restarted() {
    const before = fleetWith({ a: { hints: ["x"] } });
    const fleet = driver();
    restoreReplica(fleet.its.fleet, storedForm(known(before, "a")), TTL_MS);
    fleet.its.recoveringUntilMs = 500;
    return fleet;
  }

  test("nothing is granted for 500 ms, then everything in order", () => {
    const fleet = restarted();
    expect([fleet.arrives(1, [], 0), fleet.arrives(2, ["x"], 499)]).toEqual(["waiting", "waiting"]);
    expect(fleet.dispatches(499)).toEqual({});
    expect(fleet.dispatches(500)).toEqual({ 1: "a least_loaded" });
    expect(fleet.arrives(3, [], 501)).toBe("waiting");
  });

  test("a request that reports that it runs keeps its slot", () => {
    const fleet = restarted();
    scheduling.adopt(fleet.its, 50, { replica: "a", incarnation: 1, hint: "x", startedAtMs: -3000, answered: true });
    fleet.arrives(1, ["x"], 100);
    expect(fleet.dispatches(500)).toEqual({});
    fleet.ends(50, 2000);
    expect(fleet.dispatches(2000)).toEqual({ 1: "a hint_wait" });
  });

  test("deadlines count while it recovers", () => {
    const fleet = restarted();
    fleet.arrives(1, [], 0, { deadlineMs: 300 });
    expect(fleet.dispatches(300)).toEqual({ 1: "timed_out" });
  });

  // The end of recovery is a moment, not a call: this one arrives after it and before the timer that lets the others in.
  test("a newcomer overtakes nobody that waited for its end", () => {
    const fleet = restarted();
    fleet.arrives(1, [], 0);
    expect(fleet.arrives(2, [], 500)).toBe("waiting");
  });
});

describe("the next thing to happen by itself", () => {
  test.each<[string, (fleet: Driver) => unknown, number]>([
    ["nothing", () => null, Infinity],
    ["an expiry", (fleet) => hears(fleet.its.fleet, "a", {}, 100), 100 + TTL_MS],
    [
      "the first expiry of two",
      (fleet) => [hears(fleet.its.fleet, "a", {}, 100), hears(fleet.its.fleet, "b", {}, 50)],
      50 + TTL_MS,
    ],
    ["a deadline before the expiry", (fleet) => waits(fleet, 4000), 4000],
    [
      "the expiry, after a request of an earlier deadline has left",
      (fleet) => [waits(fleet, 4000), fleet.arrives(3, []), fleet.ends(2)],
      TTL_MS,
    ],
    [
      "a deadline, after a replica that would have expired has stopped",
      (fleet) => [
        waits(fleet, 40_000),
        hears(fleet.its.fleet, "b", { status: "starting" }, 30_000),
        hears(fleet.its.fleet, "a", { status: "stopped" }, 30_000),
      ],
      40_000,
    ],
    ["the expiry before a deadline", (fleet) => waits(fleet, 40_000), TTL_MS],
    ["the end of an ejection, while one waits", (fleet) => [waits(fleet, 40_000), unreachable(fleet.its, 1, 2000)], 12_000],
    [
      "the end of recovery, while one waits",
      (fleet) => [hears(fleet.its.fleet, "a"), recovering(fleet), fleet.arrives(1, [])],
      500,
    ],
    ["the end of recovery, while nobody waits for it", (fleet) => [hears(fleet.its.fleet, "a"), recovering(fleet)], TTL_MS],
    [
      "the end of grace",
      (fleet) => [waits(fleet, 40_000), hears(fleet.its.fleet, "a", { status: "stopped" }, 1000)],
      1000 + TTL_MS,
    ],
  ])("%s", (_, happens, next) => {
    const fleet = driver();
    happens(fleet);
    let wakeMs = scheduling.nextEventMs(fleet.its);
    // It may be for what has gone meanwhile: then nothing happens, and the time is right after that one look.
    if (wakeMs < next) {
      expect([scheduling.expire(fleet.its, TTL_MS, wakeMs), fleet.dispatches(wakeMs)]).toEqual([[], {}]);
      wakeMs = scheduling.nextEventMs(fleet.its);
    }
    expect(wakeMs).toBe(next);
  });

  function recovering(fleet: Driver): void {
    fleet.its.recoveringUntilMs = 500;
  }
  function waits(fleet: Driver, deadlineMs: number): void {
    hears(fleet.its.fleet, "a");
    fleet.arrives(1, []);
    fleet.arrives(2, [], 0, { deadlineMs });
  }
});
