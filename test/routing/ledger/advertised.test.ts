// What replicas say they hold: the three advertised states, hint slots, and the limits of one fleet.
import { describe, expect, test } from "vitest";
import { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { applyInBandHints } from "../../../src/routing/ledger/membership.ts";
import { heldHints, hintSpace, isWarm, type HintSpace } from "../../../src/routing/ledger/replica.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { fleetWith, hears, known, load, fieldsOf, type Said } from "../support/fleets.ts";

const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);

describe("three advertised states", () => {
  test.each<[string, string[] | null, boolean, boolean]>([
    ["none reported: does not specialise, warm for nothing", null, false, false],
    ["an empty list: specialises, holds nothing", [], true, false],
    ["a list: warm for what it names", ["sdxl"], true, true],
  ])("%s", (_, hints, specialises, warm) => {
    const fleet = fleetWith({ a: { hints } });
    expect(known(fleet, "a").advertised !== null).toBe(specialises);
    expect(isWarm(known(fleet, "a"), "sdxl", 0)).toBe(warm);
  });

  test.each<[string, Said, number, HintSpace]>([
    ["does not specialise, slots unknown", {}, 0, "unknown"],
    ["does not specialise, slots unknown, loading one", {}, 1, "unknown"],
    ["holds nothing, slots unknown: room for one at least", { hints: [] }, 0, "free"],
    ["holds nothing, slots unknown, loading one", { hints: [] }, 1, "unknown"],
    ["holds one, slots unknown", { hints: ["x"] }, 0, "unknown"],
    ["2 held of 3", { hints: ["x", "y"], hintSlots: 3 }, 0, "free"],
    ["2 held and 1 loading of 3", { hints: ["x", "y"], hintSlots: 3 }, 1, "full"],
    ["3 held of 3", { hints: ["x", "y", "z"], hintSlots: 3 }, 0, "full"],
    ["4 held of 3, as some caches do for a while", { hints: ["w", "x", "y", "z"], hintSlots: 3 }, 0, "full"],
    ["0 slots", { hints: [], hintSlots: 0 }, 0, "full"],
    ["does not specialise, 1 slot", { hintSlots: 1 }, 0, "free"],
    ["does not specialise, 1 slot, loading one", { hintSlots: 1 }, 1, "full"],
  ])("room of one that %s", (_, said, loading, queue) => {
    const fleet = fleetWith({ a: { concurrency: 8, ...said } });
    for (const hint of numbered("loading-", loading)) load(fleet, "a", hint);
    expect(hintSpace(known(fleet, "a"))).toBe(queue);
  });

  test("a hint that is advertised and loading is held once", () => {
    const fleet = fleetWith({ a: { concurrency: 2 } });
    load(fleet, "a", "sdxl");
    hears(fleet, "a", { concurrency: 2, hints: ["sdxl", "flux"] });
    expect(heldHints(known(fleet, "a"))).toBe(2);
  });
});

describe("in band", () => {
  test("a replica that lists the same in heartbeats and in band causes no writes", () => {
    const fleet = fleetWith({ a: { hints: ["x"] } });
    for (let round = 1; round < 4; round++) {
      applyInBandHints(fleet, known(fleet, "a"), ["x"], 0);
      expect(hears(fleet, "a", { hints: ["x"] }, round * 5000)).toMatchObject({ stored: false });
      expect(applyInBandHints(fleet, known(fleet, "a"), ["x"], 0)).toBe(false);
    }
  });
});

describe("limits of one fleet", () => {
  /** 781 x 256 + 64 = 200,000 hints. */
  function fullOfHints(): Fleet {
    const fleet = new Fleet();
    for (let index = 0; index < 781; index++) hears(fleet, `r${index}`, { hints: numbered(`${index}-`, 256) });
    hears(fleet, "last", { hints: numbered("last-", 64) });
    return fleet;
  }

  test("200,000 hints are admitted, one more is not and changes nothing", () => {
    const fleet = fullOfHints();
    expect(fleet.advertisedHints).toBe(200_000);
    const before = [fleet.advertisedHints, fleet.advertisedText, fleet.holders.size, fleet.replicas.size];
    const last = fieldsOf(known(fleet, "last"));
    expect(hears(fleet, "new", { hints: ["one"] }, 1000).kind).toBe("fleet_full");
    expect(hears(fleet, "last", { hints: numbered("last-", 65), concurrency: 9, sequence: 4, inFlight: 3 }, 1000).kind).toBe(
      "fleet_full",
    );
    expect(hears(fleet, "last", { incarnation: 2, hints: numbered("last-", 65) }, 1000).kind).toBe("fleet_full");
    expect(applyInBandHints(fleet, known(fleet, "last"), numbered("last-", 65), 0)).toBe(false);
    expect(fieldsOf(known(fleet, "last"))).toEqual(last);
    expect([fleet.advertisedHints, fleet.advertisedText, fleet.holders.size, fleet.replicas.size]).toEqual(before);
  });

  test("a full fleet takes a list of the same length in place of the present one, and any list without hints", () => {
    const fleet = fullOfHints();
    expect(hears(fleet, "last", { hints: numbered("other-", 64) }).kind).toBe("accepted");
    expect(hears(fleet, "last", { incarnation: 2, hints: numbered("again-", 64) }).kind).toBe("accepted");
    expect(hears(fleet, "new", { hints: [] }).kind).toBe("accepted");
    expect(hears(fleet, "new", { hints: null }).kind).toBe("accepted");
    expect(fleet.advertisedHints).toBe(200_000);
  });

  test("a replica that leaves gives its share back", () => {
    const fleet = fullOfHints();
    hears(fleet, "last", { status: "stopped", hints: numbered("last-", 64) });
    expect(fleet.advertisedHints).toBe(200_000 - 64);
    expect(hears(fleet, "new", { hints: numbered("new-", 65) }).kind).toBe("fleet_full");
    expect(hears(fleet, "new", { hints: numbered("new-", 64) }).kind).toBe("accepted");
  });

  test("16 MiB of hint text are admitted, one character more is not", () => {
    const fleet = new Fleet();
    // 128 replicas x 256 hints x 512 characters = 2^24.
    for (let index = 0; index < 128; index++) {
      hears(fleet, `r${index}`, { hints: numbered(`${index}-`, 256).map((hint) => hint.padEnd(512, "x")) });
    }
    expect(fleet.advertisedText).toBe(LIMITS.hintTextPerApp);
    expect(hears(fleet, "new", { hints: ["a"] }).kind).toBe("fleet_full");
    expect(applyInBandHints(fleet, known(fleet, "r0"), ["a"], 0)).toBe(true);
    expect(hears(fleet, "new", { hints: ["a"] }).kind).toBe("accepted");
  });

  test("10,000 replicas are admitted, one more is not, and those known go on", () => {
    const fleet = new Fleet();
    for (let index = 0; index < 10_000; index++) hears(fleet, `r${index}`);
    expect(hears(fleet, "new")).toMatchObject({ kind: "fleet_full" });
    expect(fleet.replicas.has("new")).toBe(false);
    expect(hears(fleet, "r0", { incarnation: 2 }).kind).toBe("accepted");
    hears(fleet, "r1", { status: "stopped" });
    expect(hears(fleet, "new").kind).toBe("accepted");
  });
});

test("a full fleet takes a replica in the place of the one at its origin, and no other", () => {
  const fleet = new Fleet();
  for (let index = 0; index < LIMITS.replicasPerApp; index++) hears(fleet, `r${index}`);
  expect(hears(fleet, "another").kind).toBe("fleet_full");
  expect(hears(fleet, "new", { origin: "https://r0.example.com" })).toMatchObject({ kind: "accepted", replaced: "r0" });
  expect(fleet.replicas.size).toBe(LIMITS.replicasPerApp);
});
