// What is assumed after a load: once its answer has come the replica is used again for the hint, though nobody calls that warm, until
// its next report, which has the last word.
import { describe, expect, test } from "vitest";
import { decide } from "../../src/routing/decide.ts";
import { heldHints, isHeld, isWarm, type Fleet } from "../../src/routing/fleet.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { applyInBandHints, deleteReplica, sweep } from "../../src/routing/membership.ts";
import { answerGrant, ejectReplica, finishGrant, releaseSlot, takeSlot } from "../../src/routing/slots.ts";
import { driver } from "./support/driver.ts";
import { COLD_MS, fleetWith, hears, known, load, TTL_MS, wants, type Said } from "./support/fleets.ts";
import { violations } from "./support/invariants.ts";

const FULL: Said = { hints: ["flux"], hintSlots: 1, concurrency: 2 };
const ROOMY: Said = { hints: [], hintSlots: 3, concurrency: 2 };
const holds = (fleet: Fleet, hint: string) => isHeld(known(fleet, "a"), hint, 5000);
const chosen = (fleet: Fleet, hint: string) => {
  const choice = decide(fleet, wants([hint]), 5000);
  return choice === null ? "nobody" : `${choice.replica.id} ${choice.warm ? "warm" : "cold"}`;
};

/** `a` was full and has loaded sdxl for a request that is over; `b` has room. */
function loaded(): Fleet {
  const fleet = fleetWith({ a: FULL, b: ROOMY });
  const grant = load(fleet, "a", "sdxl");
  answerGrant(fleet, grant, 3000);
  finishGrant(fleet, grant, 4000);
  return fleet;
}

test("the next request goes there, though another has room, and is not called warm", () => {
  const fleet = loaded();
  expect([holds(fleet, "sdxl"), isWarm(known(fleet, "a"), "sdxl", 5000)]).toEqual([true, false]);
  expect(chosen(fleet, "sdxl")).toBe("a cold");
  expect(heldHints(known(fleet, "a"))).toBe(2);
  expect(violations(fleet, 5000)).toEqual([]);
});

test("a newcomer takes its free slot at once, and does not wait for the request that runs beside it", () => {
  const fleet = driver({ a: { concurrency: 2 } });
  fleet.teaches("sdxl", 100);
  fleet.arrives(1, ["sdxl"]);
  fleet.answers(1, COLD_MS);
  expect(fleet.arrives(2, ["sdxl"], COLD_MS)).toBe("a hash_owner");
});

describe("the next report has the last word", () => {
  test.each<[string, (fleet: Fleet) => unknown, string]>([
    ["a heartbeat without the hint", (fleet) => hears(fleet, "a", FULL, 4500), "b cold"],
    ["a heartbeat that lists nothing", (fleet) => hears(fleet, "a", { ...FULL, hints: [] }, 4500), "b cold"],
    ["a list in band without it", (fleet) => applyInBandHints(fleet, known(fleet, "a"), ["flux"]), "b cold"],
    ["a heartbeat with it", (fleet) => hears(fleet, "a", { ...FULL, hints: ["sdxl"] }, 4500), "a warm"],
    ["a list in band with it", (fleet) => applyInBandHints(fleet, known(fleet, "a"), ["sdxl"]), "a warm"],
  ])("%s", (_, says, due) => {
    const fleet = loaded();
    says(fleet);
    expect(chosen(fleet, "sdxl")).toBe(due);
    expect(known(fleet, "a").assumed.size).toBe(0);
    expect(violations(fleet, 5000)).toEqual([]);
  });

  test("a report of another replica says nothing of this one", () => {
    const fleet = loaded();
    hears(fleet, "b", ROOMY, 4500);
    expect(chosen(fleet, "sdxl")).toBe("a cold");
  });
});

describe("nothing is assumed", () => {
  test.each<[string, (fleet: Fleet) => unknown]>([
    ["after a load whose request ended without an answer", (fleet) => releaseSlot(fleet, load(fleet, "a", "x"))],
    [
      "after a load on a replica that could not be reached",
      (fleet) => {
        const grant = load(fleet, "a", "x");
        ejectReplica(fleet, grant, 1000);
        finishGrant(fleet, grant, 2000);
      },
    ],
    [
      "after a request that found the hint warm",
      (fleet) => {
        const grant = takeSlot(fleet, 99, { replica: known(fleet, "a"), hint: "flux", warm: true }, 0);
        hears(fleet, "a", { ...FULL, hints: ["x"] }, 500);
        answerGrant(fleet, grant, 1000);
        finishGrant(fleet, grant, 2000);
        hears(fleet, "a", { ...FULL, hints: [] }, 3000);
      },
    ],
    [
      "of a replica that left before the answer came",
      (fleet) => {
        const grant = load(fleet, "a", "x");
        deleteReplica(fleet, known(fleet, "a"), TTL_MS);
        answerGrant(fleet, grant, 1000);
        hears(fleet, "a", { ...FULL, incarnation: 2 }, 2000);
      },
    ],
  ])("%s", (_, happens) => {
    const fleet = fleetWith({ a: FULL, b: ROOMY });
    happens(fleet);
    expect([known(fleet, "a").assumed.size, holds(fleet, "x"), fleet.holders.has("x")]).toEqual([0, false, false]);
    expect(violations(fleet, 2000)).toEqual([]);
  });

  test("of a replica that expired and returned in the same incarnation", () => {
    const fleet = loaded();
    sweep(fleet, TTL_MS, TTL_MS);
    expect(fleet.holders.has("sdxl")).toBe(false);
    hears(fleet, "a", FULL, TTL_MS + 1000);
    expect(holds(fleet, "sdxl")).toBe(false);
  });
});

test("at most as many hints are assumed as a replica may list, the oldest forgotten first", () => {
  const fleet = fleetWith({ a: { concurrency: 1 } });
  for (let index = 0; index <= LIMITS.hintsPerReplica; index++) {
    const grant = load(fleet, "a", `hint-${index}`);
    answerGrant(fleet, grant, 1000);
    finishGrant(fleet, grant, 2000);
  }
  expect(known(fleet, "a").assumed.size).toBe(LIMITS.hintsPerReplica);
  expect(["hint-0", "hint-1", `hint-${LIMITS.hintsPerReplica}`].map((hint) => holds(fleet, hint))).toEqual([false, true, true]);
  expect(violations(fleet, 5000)).toEqual([]);
});
