// What the scheduler does whatever its policy: when a wait ends by itself, what a restart of the object does, when somebody must look next. Which request is
// sent where is in policy/.
import { describe, expect, test } from "vitest";
import { restoreReplica, storedForm } from "../../src/routing/ledger/membership.ts";
import { expire } from "../../src/routing/registry.ts";
import * as scheduling from "../../src/routing/scheduler.ts";
import { driver, type Driver } from "./support/driver.ts";
import { fleetWith, hears, known, TTL_MS, unreachable } from "./support/fleets.ts";

describe("a slot goes", () => {
  test("in order of arrival at the router, where one had to ask again after a restart", () => {
    const fleet = driver({ a: {} });
    fleet.arrives(1, []);
    fleet.arrives(2, [], 100);
    fleet.arrives(3, [], 200, { arrivedAtMs: 50 });
    expect(fleet.waiting()).toEqual([3, 2]);
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

describe("a burst for one cold hint loads it once: 20", () => {
  const BURST = Array.from({ length: 20 }, (_, index) => index + 1);

  test("that waited for the object to recover", () => {
    const fleet = driver({ a: { concurrency: 32 }, b: { concurrency: 32 }, c: { concurrency: 32 } });
    fleet.its.recoveringUntilMs = 500;
    for (const id of BURST) expect(fleet.arrives(id, ["sdxl"], id)).toBe("waiting");
    const outcomes = Object.values(fleet.dispatches(500));
    expect(outcomes.filter((outcome) => outcome.endsWith("hash_owner")).length).toBe(1);
    expect(outcomes.filter((outcome) => outcome.endsWith("hint_wait")).length).toBe(19);
    expect(fleet.its.counters.cold).toBe(1);
  });

  test("that waited for the first replica to be ready", () => {
    const fleet = driver({ a: { concurrency: 32, status: "starting" } });
    for (const id of BURST) fleet.arrives(id, ["sdxl"], id);
    hears(fleet.its.fleet, "a", { concurrency: 32 }, 100);
    expect(Object.keys(fleet.dispatches(100)).length).toBe(20);
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
      expect([expire(fleet.its, TTL_MS, wakeMs), fleet.dispatches(wakeMs)]).toEqual([[], {}]);
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
