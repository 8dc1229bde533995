// What a round of binding may cost, and that nobody is kept from a free slot by others that look better than they are.
import { describe, expect, test } from "vitest";
import { countArrival, learnAnswer, learnService } from "../../src/routing/model/estimates.ts";
import type { Fleet } from "../../src/routing/ledger/fleet.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { takeSlot } from "../../src/routing/ledger/slots.ts";
import { driver } from "./support/driver.ts";
import { COLD_MS, fleetWith, known, unreachable, type Said } from "./support/fleets.ts";
import { bind, roomOf } from "./support/rounds.ts";

const hint = (index: number) => `hint-${index}`;
const upTo = (count: number) => Array.from({ length: count }, (_, index) => index);

/** Teaches the fleet that a request takes so long. */
function taught(fleet: Fleet, servingMs: number): Fleet {
  countArrival(fleet.estimates, "any");
  learnAnswer(fleet.estimates, "any", 1);
  learnService(fleet.estimates, "any", servingMs, null);
  return fleet;
}

/** How often one round asks who holds a hint, where so many requests each find one free replica and a busy one. */
function looks(lanes: number): number {
  const both = upTo(lanes).flatMap((index): [string, Said][] => [
    [`free-${index}`, { hints: [hint(index)], hintSlots: 1 }],
    [`busy-${index}`, { hints: [hint(index)], hintSlots: 1 }],
  ]);
  const fleet = taught(fleetWith(Object.fromEntries(both)), 10_000);
  for (const index of upTo(lanes)) {
    takeSlot(fleet, 10_000 + index, { replica: known(fleet, `busy-${index}`), hint: hint(index), warm: true }, 11_500);
  }
  let looked = 0;
  const get = fleet.freeHolders.get.bind(fleet.freeHolders);
  fleet.freeHolders.get = (name) => {
    looked++;
    return get(name);
  };
  const room = roomOf(...upTo(lanes).map((index) => [[hint(index)], { expectedMs: 9000, arrivedAtMs: 0 }] as const));
  expect(bind(fleet, room, "auto", 20_000).bound).toHaveLength(lanes);
  return looked;
}

test("a round looks at most a few times for each request, however many it binds", () => {
  for (const lanes of [50, 200, 400]) expect(looks(lanes)).toBeLessThanOrEqual(5 * lanes);
});

describe("a slot is not kept from one that would take it", () => {
  const hints = upTo(LIMITS.lanesAsked + 4).map(hint);
  const PATIENT = { expectedMs: 100, arrivedAtMs: 99_000 };

  /** `a` holds all the hints and is nearly done; another holds them too and is ejected. */
  function besideEjected(): Fleet {
    const { its, hears, ends } = driver({ a: { hints }, ejected: { hints } });
    taught(its.fleet, 1000);
    takeSlot(its.fleet, 1, { replica: known(its.fleet, "ejected"), hint: hint(0), warm: true }, 99_980);
    unreachable(its, 1, 99_985);
    ends(1, 99_985);
    expect(its.fleet.freeHolders.get(hint(0))?.has(known(its.fleet, "ejected"))).toBe(true);
    takeSlot(its.fleet, 2, { replica: known(its.fleet, "a"), hint: hint(0), warm: true }, 99_990);
    for (const id of ["c", "d"]) hears(id, { hints: ["other"], hintSlots: 1 });
    return its.fleet;
  }

  test("by many that would rather wait, and whose free replica is ejected", () => {
    const fleet = besideEjected();
    const room = roomOf(...hints.map((name) => [[name], PATIENT] as const), [["cold"], { ...PATIENT, expectedMs: 1000 }]);
    const cold = hints.length + 1;
    let now = 100_000;
    for (let round = 0; round < 3 && room.waiting.has(cold); round++) now = bind(fleet, room, "auto", now).lookAgainMs;
    expect(room.waiting.has(cold)).toBe(false);
  });

  test("by many that would rather wait, where it finds a free warm replica that it can spare", () => {
    const fleet = taught(fleetWith({ a: { hints }, b: { hints: ["x"] }, c: { hints: ["x"] } }), 1000);
    takeSlot(fleet, 1000, { replica: known(fleet, "a"), hint: hint(0), warm: true }, 99_990);
    const room = roomOf(...hints.map((name) => [[name], PATIENT] as const), [["x"], { ...PATIENT, expectedMs: 40_000 }]);
    expect(bind(fleet, room, "auto", 100_000).bound).toEqual([expect.stringMatching(`^${hints.length + 1} [bc] warm$`)]);
  });

  test("by having said that it would rather wait, once another has loaded its hint on a replica with slots to spare", () => {
    const fleet = taught(fleetWith({ a: { hints: ["x"] }, b: { concurrency: 2 } }), COLD_MS / 100);
    takeSlot(fleet, 1000, { replica: known(fleet, "a"), hint: "x", warm: true }, 100);
    const room = roomOf([["x"], { deadlineMs: 250 }], [["x"], { declaredMs: 1000 }]);
    const first = bind(fleet, room, "auto", 100);
    expect(first.bound).toEqual([]);
    expect(bind(fleet, room, "auto", first.lookAgainMs).bound).toEqual(["1 b cold", "2 b warm"]);
  });
});
