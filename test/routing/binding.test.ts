// Late binding as a function of fleet and room: who is bound to what in one round, in which order, and when to decide again. What
// that means for whole histories is in scheduler-properties.test.ts.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { considerNewcomer } from "../../src/routing/policy/newcomer.ts";
import { countArrival, learnAnswer, learnService } from "../../src/routing/model/estimates.ts";
import { decide } from "../../src/routing/policy/decide.ts";
import type { Fleet } from "../../src/routing/ledger/fleet.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { insistsAtMs, orderOf } from "../../src/routing/policy/priority.ts";
import { takeSlot } from "../../src/routing/ledger/slots.ts";
import type { WaitingRoom } from "../../src/routing/ledger/queue.ts";
import { driver } from "./support/driver.ts";
import { COLD_MS, fleetWith, known, load, wants, type Said } from "./support/fleets.ts";
import { violations } from "./support/invariants.ts";
import { bind, roomOf } from "./support/rounds.ts";
import { seeded } from "./support/seeded.ts";

/** A fleet that knows a request of x to take so long, of which one has just started on `a`. */
function busy(servingMs: number, replicas: Readonly<Record<string, Said>>): Fleet {
  const fleet = fleetWith(replicas);
  countArrival(fleet.estimates, "x");
  learnAnswer(fleet.estimates, "x", 1);
  learnService(fleet.estimates, "x", servingMs, null);
  takeSlot(fleet, 1000, { replica: known(fleet, "a"), hint: "x", warm: true }, 100);
  return fleet;
}
const WARM: Said = { hints: ["x"], hintSlots: 1 };
const SOON_MS = COLD_MS / 100;

describe("a round", () => {
  test.each<[string, Fleet, WaitingRoom]>([
    ["where nobody waits", fleetWith({ a: {} }), roomOf()],
    ["where no slot is free", fleetWith({ a: { status: "draining" } }), roomOf([[]])],
  ])("%s binds nobody and is over", (_, fleet, room) => {
    expect(bind(fleet, room)).toEqual({ bound: [], lookAgainMs: Infinity });
  });

  test("binds warm ones first, then those that load, until no slot is left", () => {
    const fleet = fleetWith({ a: WARM, b: { hints: ["y"], hintSlots: 1 }, c: { hints: [], hintSlots: 1 } });
    expect(bind(fleet, roomOf([["cold"]], [["x"]], [["y"]], [["other"]]))).toEqual({
      bound: ["2 a warm", "3 b warm", "1 c cold"],
      lookAgainMs: Infinity,
    });
  });

  test("gives a slot to the one that only it can serve, before a shorter one that another replica can take soon", () => {
    const fleet = busy(10_000, { a: WARM, b: { hints: ["x", "y"] } });
    const room = roomOf([["x"], { expectedMs: 9000 }], [["y"], { expectedMs: 10_000 }]);
    expect(bind(fleet, room, "auto", 9500).bound).toEqual(["2 b warm"]);
    const alone = fleetWith({ b: { hints: ["x", "y"] } });
    expect(bind(alone, roomOf([["x"], { expectedMs: 9000 }], [["y"], { expectedMs: 10_000 }])).bound).toEqual(["1 b warm"]);
  });

  test("binds those that share a load to it while it has slots", () => {
    const fleet = fleetWith({ a: { concurrency: 3 }, b: { concurrency: 3 } });
    const { bound } = bind(fleet, roomOf([["x"]], [["x"]], [["x"]]));
    const [first = ""] = bound;
    const replica = first.split(" ")[1];
    expect(bound).toEqual([`1 ${replica} cold`, `2 ${replica} warm`, `3 ${replica} warm`]);
  });

  test("binds requests that may not go to one replica to another, or leaves them", () => {
    const room = roomOf([["x"], { avoid: ["a"] }], [["x"]]);
    expect(bind(fleetWith({ a: WARM }), room)).toMatchObject({ bound: ["2 a warm"] });
    const other = fleetWith({ a: WARM, b: {} });
    expect(bind(other, roomOf([["x"], { avoid: ["a"] }], [["x"]])).bound.toSorted()).toEqual(["1 b cold", "2 a warm"]);
  });

  const soon = () => busy(SOON_MS, { a: WARM, b: {} });

  test("leaves a slot idle where a request is better off waiting, and asks to be called again soon", () => {
    expect(bind(soon(), roomOf([["x"]]))).toEqual({ bound: [], lookAgainMs: 100 + LIMITS.lookAgainMs });
  });

  test("gives that slot to others, and is over where no slot is left beside those that wait", () => {
    for (const [hints, due] of [
      [[], "2 b warm"],
      [["cold"], "2 b cold"],
    ] as const) {
      expect(bind(soon(), roomOf([["x"]], [hints]))).toEqual({ bound: [due], lookAgainMs: Infinity });
    }
  });

  test("loads at once where the wait would be long, or may not be", () => {
    const loaded = { bound: ["1 b cold"], lookAgainMs: Infinity };
    expect(bind(busy(100 * COLD_MS, { a: WARM, b: {} }), roomOf([["x"]]))).toEqual(loaded);
    expect(bind(soon(), roomOf([["x"]]), "never")).toEqual(loaded);
    expect(bind(soon(), roomOf([["x"], { avoid: ["a"] }]))).toEqual(loaded);
  });

  test("gives any slot to one that insists, and asks to be called when one will", () => {
    const fleet = soon();
    const order = orderOf(fleet);
    const patientMs = insistsAtMs({ arrivedAtMs: 0, deadlineMs: Infinity }, order);
    for (const beforeMs of [0, 1, 50]) {
      const room = roomOf([["x"], { arrivedAtMs: 100 + beforeMs - patientMs }]);
      if (beforeMs === 0) expect(bind(soon(), room)).toEqual({ bound: ["1 b cold"], lookAgainMs: Infinity });
      else expect(bind(soon(), room)).toEqual({ bound: [], lookAgainMs: 100 + beforeMs });
    }
  });

  test("binds those that want what another of the same round loads, where that replica has slots", () => {
    const fleet = driver({ c: { concurrency: 1 } });
    fleet.arrives(1, []);
    fleet.answers(1, 0, ["y"]);
    fleet.arrives(2, ["y"]);
    fleet.arrives(3, ["v", "y"]);
    fleet.hears("a", { concurrency: 3 });
    fleet.hears("c", { concurrency: 1, hints: ["v"] });
    fleet.settles(0);
    const { its } = fleet;
    expect([...its.room.waiting.values()].filter((waiting) => decide(its.fleet, waiting, 0)?.warm === true)).toEqual([]);
  });

  test.each(["auto", "never"] as const)(
    "binds one that may go to the free replica, behind any number that may not: AFFINITY_WAIT=%s",
    (affinityWait) => {
      const refused = Array.from({ length: 2 * LIMITS.lanesAsked }, (_, index) => [`hint-${index}`, { avoid: ["b"] }] as const);
      const room = roomOf(...refused.map(([hint, rest]) => [[hint], rest] as const), [["x"]]);
      const fleet = fleetWith({ b: {} });
      expect(bind(fleet, room, affinityWait)).toEqual({ bound: [`${refused.length + 1} b cold`], lookAgainMs: Infinity });
    },
  );

  test("does not load where a load of the same hint is about to end", () => {
    const fleet = busy(SOON_MS, { a: { hints: [] }, b: {}, c: { hints: [] } });
    load(fleet, "b", "y", 100 - COLD_MS);
    expect(bind(fleet, roomOf([["y"]]))).toEqual({ bound: [], lookAgainMs: 100 + LIMITS.lookAgainMs });
  });
});

describe("whatever waits and whatever is free", () => {
  const HINTS = ["v", "w", "x"];
  const replica = fc.record({
    concurrency: fc.integer({ min: 1, max: 3 }),
    hints: fc.option(fc.subarray(HINTS)),
    hintSlots: fc.option(fc.integer({ min: 1, max: 3 })),
  });
  const request = fc.tuple(
    fc.shuffledSubarray(HINTS, { maxLength: 2 }),
    fc.record({
      avoid: fc.subarray(["r0"]),
      expectedMs: fc.nat({ max: 50_000 }),
      arrivedAtMs: fc.integer({ min: -200_000, max: 0 }),
    }),
  );
  const drawn = fc.record({
    replicas: fc.array(replica, { minLength: 1, maxLength: 5 }),
    requests: fc.array(request, { maxLength: 20 }),
    servingMs: fc.constantFrom(0, 100, 10_000),
  });

  function built({ replicas, servingMs }: { replicas: Said[]; servingMs: number }): Fleet {
    const fleet = fleetWith(Object.fromEntries(replicas.map((said, index) => [`r${index}`, said])));
    learnAnswer(fleet.estimates, "x", 1);
    learnService(fleet.estimates, "x", servingMs, null);
    return fleet;
  }

  test.each(["auto", "never"] as const)(
    "no slot is given twice and nobody is bound where they may not go: %s",
    (affinityWait) => {
      fc.assert(
        fc.property(drawn, ({ requests, ...rest }) => {
          const fleet = built(rest);
          const room = roomOf(...requests);
          const slots = fleet.slots;
          const { bound, lookAgainMs } = bind(fleet, room, affinityWait);
          expect(bound.length + room.waiting.size).toBe(requests.length);
          expect(bound.length).toBeLessThanOrEqual(slots);
          for (const grant of fleet.grants.values()) {
            expect(requests[grant.id - 1]?.[1].avoid).not.toContain(grant.replica.id);
          }
          expect(violations(fleet, 100)).toEqual([]);
          const beside = [...room.waiting.values()].filter((waiting) => decide(fleet, waiting, 100) !== null);
          if (affinityWait === "never") expect(beside).toEqual([]);
          if (beside.length === 0) return;
          expect(lookAgainMs).toBeGreaterThan(100);
          expect(lookAgainMs).toBeLessThanOrEqual(100 + LIMITS.lookAgainMs);
        }),
        seeded(300),
      );
    },
  );

  test("with `never` a lane keeps its order: those bound came before those that wait on", () => {
    fc.assert(
      fc.property(drawn, ({ requests, ...rest }) => {
        const fleet = built(rest);
        const room = roomOf(...requests);
        const before = [...room.lanes].map(({ queue }) => queue.map(({ id }) => id));
        bind(fleet, room, "never");
        for (const ids of before) {
          const waiting = ids.filter((id) => room.waiting.has(id));
          expect(waiting).toEqual(ids.slice(ids.length - waiting.length));
        }
      }),
      seeded(300),
    );
  });

  test("a newcomer is told to wait only where that is expected to be short of what it is worth", () => {
    const newcomers = fc.shuffledSubarray(HINTS, { maxLength: 2 });
    const deadlines = fc.constantFrom(101, 500, 60_000, Infinity);
    let waits = 0;
    fc.assert(
      fc.property(drawn, newcomers, deadlines, ({ requests, ...rest }, hints, deadlineMs) => {
        const fleet = built({ ...rest, servingMs: 100 });
        const room = roomOf(...requests);
        bind(fleet, room);
        const newcomer = { ...wants(hints), arrivedAtMs: 100, deadlineMs };
        const told = considerNewcomer(fleet, room, newcomer, "auto", 100);
        if (told === null || !("kind" in told)) return;
        waits++;
        expect(told.expectedMs).toBeLessThan(told.worthMs);
        expect(told.lookAgainMs).toBeGreaterThan(100);
        const insistsMs = insistsAtMs(newcomer, orderOf(fleet));
        expect(told.lookAgainMs).toBeLessThanOrEqual(Math.min(100 + LIMITS.lookAgainMs, insistsMs));
        expect(considerNewcomer(fleet, room, newcomer, "never", 100)).toMatchObject({ hint: hints[0], warm: false });
      }),
      seeded(500),
    );
    expect(waits).toBeGreaterThan(0);
  });
});
