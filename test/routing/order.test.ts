// Which of those that wait is next: short before long and shared loads before single ones, but nobody is overtaken for ever. Shown where
// the requests differ by far more than any tuning does.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countArrival } from "../../src/routing/model/estimates.ts";
import { noteBusy } from "../../src/routing/model/utilisation.ts";
import { orderOf } from "../../src/routing/policy/priority.ts";
import type { Arrival } from "../../src/routing/scheduler.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { driver, type Driver } from "./support/driver.ts";
import { NEVER, type Said } from "./support/fleets.ts";
import { seeded } from "./support/seeded.ts";

/** One replica that is warm for a long and a short hint and busy with request 1. */
function busy(longMs = 60_000, shortMs = 1000): Driver {
  const fleet = driver({ a: { hints: ["long", "short"], hintSlots: 2 } });
  fleet.teaches("long", longMs, 10);
  fleet.teaches("short", shortMs, 20);
  fleet.arrives(1, []);
  return fleet;
}

/** Many times what the fleet tolerates now. */
const longWaitMs = ({ its }: Driver) => 20 * orderOf(its.fleet).toleranceMs;

/** The request that gets the slot when request 1 ends. */
function next(fleet: Driver, now: number): string {
  fleet.ends(1, now);
  return Object.keys(fleet.settles(now)).join();
}

describe("short requests", () => {
  test("overtake long ones at once", () => {
    const fleet = busy();
    fleet.arrives(2, ["long"], 0);
    fleet.arrives(3, ["short"], 1);
    expect(next(fleet, 2)).toBe("3");
  });

  test("that have just come no longer overtake one that has waited several tolerances", () => {
    const fleet = busy();
    fleet.arrives(2, ["long"], 0, { deadlineMs: Infinity });
    const now = longWaitMs(fleet);
    fleet.arrives(3, ["short"], now - 1);
    expect(next(fleet, now)).toBe("2");
  });

  test("do so where others had to wait as long, in a peak that is over but lately was", () => {
    const firstAfter = (peak: number) => {
      const fleet = busy();
      const now = longWaitMs(fleet);
      const others = Array.from({ length: peak }, (_, index) => 100 + index);
      for (const id of others) fleet.arrives(id, ["long"], 0, { deadlineMs: Infinity });
      for (const id of others) fleet.ends(id, 1);
      fleet.arrives(2, ["long"], 2, { deadlineMs: Infinity });
      fleet.arrives(3, ["short"], now - 1);
      return next(fleet, now);
    };
    // Each is a minute's work for the one replica.
    const minutes = longWaitMs(busy()) / 60_000;
    expect([0, Math.ceil(minutes), 100 * Math.ceil(minutes)].map(firstAfter)).toEqual(["2", "2", "3"]);
  });

  test("do not overtake a long one that is about to reach its deadline: it has less patience", () => {
    const overtakes = (deadlineMs: number) => {
      const fleet = busy(15_000, 5000);
      fleet.arrives(2, ["long"], 0, { deadlineMs });
      fleet.arrives(3, ["short"], 999, { deadlineMs: Infinity });
      return next(fleet, 1000);
    };
    expect([Infinity, 1001].map(overtakes)).toEqual(["3", "2"]);
  });

  test("are short by what their clients say once such claims have come true", () => {
    const fleet = driver({ a: { hints: ["x"], hintSlots: 1 } });
    for (let id = 100; id < 100 + 20 * TUNING.claimPrior; id++) {
      const declaredMs = id % 2 === 0 ? 1000 : 30_000;
      fleet.arrives(id, ["x"], 0, { declaredMs });
      fleet.answers(id, 1);
      fleet.ends(id, declaredMs);
    }
    fleet.arrives(1, []);
    fleet.arrives(2, ["x"], 0, { declaredMs: 30_000 });
    fleet.arrives(3, ["x"], 1, { declaredMs: 1000 });
    expect(next(fleet, 2)).toBe("3");
  });
});

test("the backlog is the work of those that wait for each slot of a ready replica, and is remembered when they are gone", () => {
  const backlogMs = (
    replicas: Readonly<Record<string, Said>>,
    slots: number,
    rest: Partial<Arrival> = { deadlineMs: Infinity },
  ) => {
    const fleet = driver(replicas);
    fleet.teaches("long", 60_000);
    for (let id = 0; id < slots; id++) fleet.arrives(id, []);
    for (const id of [101, 102, 103, 104]) fleet.arrives(id, ["long"], 0, rest);
    expect(fleet.waiting()).toEqual([101, 102, 103, 104]);
    for (const id of [101, 102, 103, 104]) fleet.ends(id);
    return fleet.its.fleet.estimates.pressure.backlogMs;
  };
  const one = backlogMs({ a: {} }, 1);
  expect(one).toBeGreaterThan(4 * 50_000);
  expect(backlogMs({ a: { concurrency: 3 }, b: {}, c: { concurrency: 5, status: "starting" } }, 4)).toBeCloseTo(one / 4, 3);
  // Normal requests do not wait for low ones, and nobody waits beyond a deadline.
  expect(backlogMs({ a: {} }, 1, { deadlineMs: Infinity, priority: "low" })).toBe(0);
  expect(backlogMs({ a: {} }, 1, { deadlineMs: 90_000 })).toBe(90_000);
  // While every replica is starting nobody can tell.
  expect(backlogMs({ a: { status: "starting" } }, 0)).toBe(0);
});

describe("among requests that cost the same", () => {
  test("the oldest is first, whatever they want", () => {
    const fleet = driver({ a: { hints: ["x", "y"], hintSlots: 2 } });
    fleet.arrives(1, []);
    fleet.arrives(2, ["x"], 30);
    fleet.arrives(3, ["y"], 10);
    fleet.arrives(4, ["y", "x"], 20);
    const order: string[] = [];
    for (let running = 1; order.length < 3; running = Number(order.at(-1))) {
      fleet.ends(running, 40);
      order.push(...Object.keys(fleet.settles(40)));
    }
    expect(order).toEqual(["3", "4", "2"]);
  });

  test("the one that came first is first, also of those that came in one millisecond", () => {
    for (const [second, third] of [
      [["x"], ["y"]],
      [["y"], ["x"]],
      [["x", "y"], ["x"]],
      [["y"], ["x", "y"]],
    ] as const) {
      const fleet = driver({ a: { hints: ["x", "y"], hintSlots: 2 } });
      fleet.arrives(1, []);
      fleet.arrives(2, second);
      fleet.arrives(3, third);
      expect(next(fleet, 0)).toBe("2");
    }
  });

  test("the older is first also where both turn out, in the round, to cost the most that counts", () => {
    const fleet = driver({ a: { hints: ["p"], hintSlots: 2 }, b: { hints: ["w"], hintSlots: 1 } }, NEVER);
    const { estimates } = fleet.its.fleet;
    for (const [hint, heldMs] of [
      ["w", 1000],
      ["p", 1000],
      ["older", 1000],
      ["dearer", 1500],
    ] as const)
      fleet.teaches(hint, heldMs);
    for (let request = 0; request < 3000; request++) countArrival(estimates, "w");
    fleet.arrives(1, ["p"]);
    fleet.arrives(2, ["w"]);
    // As if all slots had been busy for long: loads weigh most.
    noteBusy(estimates.pressure, 1, 1000, 1e9);
    fleet.arrives(3, ["p"], 14_000);
    fleet.arrives(4, ["older"], 14_001);
    fleet.arrives(5, ["dearer"], 14_005);
    fleet.ends(1, 14_010);
    fleet.ends(2, 14_010);
    fleet.settles(14_010);
    expect(fleet.waiting()).toEqual([5]);
  });

  test("those that want the same are served in order of arrival, whatever else waits", () => {
    const HINTS = [[], ["x"], ["y"], ["z"], ["x", "y"]];
    const requests = fc.array(fc.record({ hints: fc.constantFrom(...HINTS), cameMs: fc.nat({ max: 1000 }) }), { minLength: 2 });
    fc.assert(
      fc.property(requests, fc.constantFrom(1, 2, 3), (requests, concurrency) => {
        const fleet = driver({ a: { hints: ["x"], hintSlots: 2, concurrency } }, NEVER);
        fleet.its.settlingUntilMs = 1;
        const came = requests.toSorted((a, b) => a.cameMs - b.cameMs);
        for (const [id, { hints, cameMs }] of came.entries()) fleet.arrives(id, hints, 0, { arrivedAtMs: cameMs });
        const served: number[] = [];
        for (let now = 1000; fleet.waiting().length > 0; now += 1000) {
          const bound = [...fleet.its.fleet.grants.keys()];
          for (const id of bound) fleet.ends(id, now);
          fleet.settles(now);
          // A round binds in any order of ids, so what is in it counts as one.
          served.push(...[...fleet.its.fleet.grants.keys()].toSorted((a, b) => a - b));
        }
        for (const wanted of HINTS) {
          const its = served.filter((id) => came[id]?.hints === wanted);
          expect(its).toEqual(its.toSorted((a, b) => a - b));
        }
        expect(served.length).toBe(came.length);
      }),
      seeded(200),
    );
  });
});

describe("requests that must load", () => {
  test("come after warm ones of the same age, and before them when they have waited long", () => {
    const firstAfter = (waitsLong: boolean) => {
      const fleet = driver({ a: { hints: ["x"], hintSlots: 1 } });
      fleet.teaches("x", 1000);
      fleet.arrives(1, []);
      fleet.arrives(2, ["cold"], 0, { deadlineMs: Infinity });
      const now = waitsLong ? longWaitMs(fleet) : 2;
      fleet.arrives(3, ["x"], now - 1);
      return next(fleet, now);
    };
    expect([false, true].map(firstAfter)).toEqual(["3", "2"]);
  });

  test("come before others when many share the load", () => {
    const fleet = driver({ a: { hints: ["x"], hintSlots: 1 } });
    fleet.teaches("x", 1000);
    fleet.arrives(1, []);
    fleet.arrives(2, ["rare"], 0);
    for (const id of [3, 4, 5, 6, 7, 8]) fleet.arrives(id, ["wanted"], id);
    expect(next(fleet, 10)).toBe("3");
  });

  test("share less of a second load where another replica holds the hint already: six beside one holder are as good as three", () => {
    const fleet = driver({ a: { hints: ["x"], hintSlots: 1 }, b: { hints: ["wanted"], hintSlots: 1 } }, NEVER);
    fleet.teaches("x", 1000);
    fleet.arrives(1, ["x"]);
    fleet.arrives(9, ["wanted"]);
    fleet.arrives(2, ["rare"], 0);
    for (const id of [3, 4, 5, 6, 7, 8]) fleet.arrives(id, ["wanted"], id);
    for (const id of [10, 11, 12, 13]) fleet.arrives(id, ["rare"], id);
    expect(next(fleet, 20)).toBe("2");
  });
});
