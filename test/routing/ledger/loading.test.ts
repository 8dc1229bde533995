// A load in progress: from a cold grant until its answer or end the replica counts as warm, whatever it reports.
import { describe, expect, test } from "vitest";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { applyInBandHints } from "../../../src/routing/ledger/membership.ts";
import { isWarm, type Grant } from "../../../src/routing/ledger/replica.ts";
import { releaseSlot, takeSlot } from "../../../src/routing/ledger/slots.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { driver } from "../support/driver.ts";
import { answerGrant, finishGrant } from "../support/failing.ts";
import { COLD_MS, fleetWith, hears, known, load, type Said } from "../support/fleets.ts";
import { violations } from "../support/invariants.ts";

const SAID: Said = { concurrency: 4, hints: ["flux"], hintSlots: 3 };
const isHolder = (fleet: Fleet, hint: string) => [...fleet.holders.of(hint)].includes(known(fleet, "a"));

function loading(): { fleet: Fleet; grant: Grant } {
  const fleet = fleetWith({ a: SAID });
  return { fleet, grant: load(fleet, "a", "sdxl") };
}

test("a cold grant counts as warm at once, and a warm one starts no load", () => {
  const fleet = fleetWith({ a: SAID });
  expect(isWarm(known(fleet, "a"), "sdxl", 0)).toBe(false);
  load(fleet, "a", "sdxl");
  expect(isWarm(known(fleet, "a"), "sdxl", 0)).toBe(true);
  takeSlot(fleet, 99, { replica: known(fleet, "a"), hint: "flux", warm: true }, 0);
  expect([...known(fleet, "a").loading.keys()]).toEqual(["sdxl"]);
});

describe("no report denies a load while it lasts", () => {
  test.each<[string, (fleet: Fleet) => unknown]>([
    ["a heartbeat without it", (fleet) => hears(fleet, "a", SAID, 5000)],
    ["a heartbeat with an empty list", (fleet) => hears(fleet, "a", { ...SAID, hints: [] }, 5000)],
    ["a heartbeat that does not specialise", (fleet) => hears(fleet, "a", { ...SAID, hints: null }, 5000)],
    ["a list in band without it", (fleet) => applyInBandHints(fleet, known(fleet, "a"), ["flux"], 0)],
    [
      "a list that has it and then one that has not",
      (fleet) => [hears(fleet, "a", { ...SAID, hints: ["flux", "sdxl"] }, 5000), hears(fleet, "a", SAID, 6000)],
    ],
    [
      "the end of another request that was granted as warm",
      (fleet) => {
        releaseSlot(fleet, takeSlot(fleet, 99, { replica: known(fleet, "a"), hint: "sdxl", warm: true }, 0));
      },
    ],
    ["the end of the load of another hint", (fleet) => releaseSlot(fleet, load(fleet, "a", "other"))],
  ])("%s", (_, happens) => {
    const { fleet } = loading();
    happens(fleet);
    expect(isWarm(known(fleet, "a"), "sdxl", 6000)).toBe(true);
    expect(isHolder(fleet, "sdxl")).toBe(true);
  });
});

describe("a load is believed for at most 10 load times", () => {
  test("12 s x 10: warm at 119,999 ms, cold at 120,000 ms", () => {
    const { fleet } = loading();
    expect(isWarm(known(fleet, "a"), "sdxl", 119_999)).toBe(true);
    expect(isWarm(known(fleet, "a"), "sdxl", 120_000)).toBe(false);
  });
});

describe("after a load that was answered, until the replica reports, the hint is taken to be there, and nobody knows", () => {
  const FULL: Said = { concurrency: 4, hints: ["w"], hintSlots: 1 };

  /** `a` has answered a load of x, which is over, and has not reported since. */
  function unreported(said: Said = FULL) {
    const fleet = driver({ a: said });
    const { grants } = fleet.its.fleet;
    /** A request's grant, as it is when it is made. */
    const asks = (id: number, hint = "x") => {
      fleet.arrives(id, [hint], COLD_MS);
      return { ...grants.get(id) };
    };
    const first = asks(1);
    fleet.answers(1, COLD_MS);
    fleet.ends(1, COLD_MS);
    return { ...fleet, first, asks, cold: () => fleet.its.counters.cold };
  }

  test("a request for it is neither cold nor warm: it counts as no load", () => {
    const fleet = unreported();
    expect([fleet.first, fleet.cold()]).toMatchObject([{ warmth: "cold" }, 1]);
    for (const id of [2, 3]) {
      expect(fleet.asks(id)).toMatchObject({ warmth: "unknown" });
      fleet.answers(id, COLD_MS);
      fleet.ends(id, COLD_MS);
    }
    expect(fleet.cold()).toBe(1);
    expect(violations(fleet.its.fleet, COLD_MS)).toEqual([]);
  });

  test("it is expected to hold its slot as one that loads nothing, and so are those beside it", () => {
    const fleet = unreported();
    fleet.teaches("x", 1000);
    const { expectedMs } = fleet.asks(2);
    expect(expectedMs).toBeLessThan(COLD_MS);
    expect(fleet.asks(3)).toMatchObject({ warmth: "unknown" });
  });
});

test("of loads that were answered no more are believed than a replica can hold, or could list where it does not say; the oldest is forgotten", () => {
  for (const [hintSlots, most] of [
    [2, 2],
    [null, LIMITS.hintsPerReplica],
  ] as const) {
    const fleet = fleetWith({ a: { concurrency: 9, hintSlots } });
    for (let index = 0; index <= most; index++) {
      const grant = load(fleet, "a", `hint-${index}`);
      answerGrant(fleet, grant, 1000);
      finishGrant(fleet, grant, 1000);
    }
    expect(known(fleet, "a").unreported.size).toBe(most);
    expect([0, 1, most].map((index) => isWarm(known(fleet, "a"), `hint-${index}`, 1000))).toEqual([false, true, true]);
    expect(violations(fleet, 1000)).toEqual([]);
  }
});

test("of a whole fleet's answered loads no more are believed than the limit: beyond, a replica forgets the oldest of its own", () => {
  const fleet = fleetWith({ a: { concurrency: 9 }, b: { concurrency: 9 } });
  const loads = (id: string, hint: string) => {
    const grant = load(fleet, id, hint);
    answerGrant(fleet, grant, 1000);
    finishGrant(fleet, grant, 1000);
  };
  for (const hint of ["x", "y"]) loads("a", hint);
  fleet.unreportedHints += LIMITS.unreportedHintsPerApp - 2;
  loads("a", "z");
  loads("b", "x");
  expect([...known(fleet, "a").unreported.keys()]).toEqual(["y", "z"]);
  expect([...known(fleet, "b").unreported.keys()]).toEqual([]);
  expect(fleet.unreportedHints).toBe(LIMITS.unreportedHintsPerApp);
});
