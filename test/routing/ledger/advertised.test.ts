// What replicas say they hold: the three advertised states, reports in band, hint slots, and the limits of one fleet.
import { describe, expect, test } from "vitest";
import { createFleet, type Fleet } from "../../../src/routing/ledger/fleet.ts";
import { applyInBandHints, deleteReplica, restoreReplica, storedForm, sweep } from "../../../src/routing/ledger/membership.ts";
import { heldHints, hintSpace, isWarm, type HintSpace } from "../../../src/routing/ledger/replica.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { fleetWith, hears, known, load, picture, TTL_MS, type Said } from "../support/fleets.ts";

const numbered = (prefix: string, count: number) => Array.from({ length: count }, (_, index) => `${prefix}${index}`);
const holders = (fleet: Fleet) =>
  Object.fromEntries([...fleet.holders].map(([hint, its]) => [hint, [...its].map((replica) => replica.id)]));

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

describe("the index of holders follows", () => {
  test("lists that change, shrink, vanish", () => {
    const fleet = fleetWith({ a: { hints: ["x", "y"] }, b: { hints: ["y"] } });
    expect(holders(fleet)).toEqual({ x: ["a"], y: ["a", "b"] });
    hears(fleet, "a", { hints: ["y", "z"] });
    expect(holders(fleet)).toEqual({ y: ["a", "b"], z: ["a"] });
    hears(fleet, "b", { hints: null });
    expect(holders(fleet)).toEqual({ y: ["a"], z: ["a"] });
    hears(fleet, "a", { hints: [] });
    expect(holders(fleet)).toEqual({});
  });

  test("draining replicas stay holders; they only are not chosen", () => {
    const fleet = fleetWith({ a: { hints: ["x"] } });
    hears(fleet, "a", { hints: ["x"], status: "draining" });
    expect(holders(fleet)).toEqual({ x: ["a"] });
  });
});

describe("in band", () => {
  test.each<[string, string[] | null, string[], string[], boolean]>([
    ["replaces the list of the heartbeat", ["x"], ["y", "z"], ["y", "z"], true],
    ["makes a replica that did not specialise do so", null, ["x"], ["x"], true],
    ["an empty list: specialises, holds nothing", null, [], [], true],
    ["an empty list takes all away", ["x"], [], [], true],
    ["the same in another order is no news", ["x", "y"], ["y", "x"], ["x", "y"], false],
  ])("%s", (_, before, said, after, news) => {
    const fleet = fleetWith({ a: { hints: before } });
    expect(applyInBandHints(fleet, known(fleet, "a"), said, 0)).toBe(news);
    expect([...(known(fleet, "a").advertised ?? ["does not specialise"])]).toEqual(after);
    expect(Object.keys(holders(fleet))).toEqual(after);
  });

  test("the last to arrive wins: a heartbeat that lists hints replaces what came in band", () => {
    const fleet = fleetWith({ a: { hints: ["x"] } });
    applyInBandHints(fleet, known(fleet, "a"), ["y"], 0);
    hears(fleet, "a", { hints: ["x"] }, 1000);
    expect(Object.keys(holders(fleet))).toEqual(["x"]);
  });

  // Decision 6: "Unmodified fal apps therefore advertise on every response; the heartbeat only has to bring origin and liveness."
  // Such a heartbeat has no hints.
  test("a heartbeat that only brings origin and liveness leaves what came in band", () => {
    const fleet = fleetWith({ a: {} });
    applyInBandHints(fleet, known(fleet, "a"), ["sdxl"], 0);
    hears(fleet, "a", {}, 5000);
    expect(isWarm(known(fleet, "a"), "sdxl", 5000)).toBe(true);
  });

  test.each<[string, Said, string[] | null]>([
    ["lists other hints: it knows better", { hints: ["y"] }, ["y"]],
    ["lists none: nothing is loaded", { hints: [] }, []],
    ["comes from a new process: nothing is known of that one", { incarnation: 2 }, null],
  ])("a heartbeat that %s", (_, said, after) => {
    const fleet = fleetWith({ a: {} });
    applyInBandHints(fleet, known(fleet, "a"), ["x"], 0);
    hears(fleet, "a", said, 5000);
    const { advertised } = known(fleet, "a");
    expect(advertised && [...advertised]).toEqual(after);
  });

  test("once a heartbeat has listed hints, one without a list means what it says: does not specialise", () => {
    const fleet = fleetWith({ a: {} });
    applyInBandHints(fleet, known(fleet, "a"), ["x"], 0);
    hears(fleet, "a", { hints: ["y"] }, 5000);
    hears(fleet, "a", {}, 10_000);
    expect(known(fleet, "a").advertised).toBeNull();
  });

  test("what came in band outlives a restart of the object and the heartbeats without hints after it", () => {
    const fleet = fleetWith({ a: {} });
    applyInBandHints(fleet, known(fleet, "a"), ["x"], 0);
    const restarted = createFleet();
    restoreReplica(restarted, storedForm(known(fleet, "a")), TTL_MS);
    hears(restarted, "a", {}, 5000);
    expect(isWarm(known(restarted, "a"), "x", 5000)).toBe(true);
  });

  test("a list that the heartbeat gave too means the same after a restart of the object", () => {
    const fleet = fleetWith({ a: { hints: ["x"] } });
    let stored = storedForm(known(fleet, "a"));
    if (applyInBandHints(fleet, known(fleet, "a"), ["x"], 0)) stored = storedForm(known(fleet, "a"));
    const restarted = createFleet();
    restoreReplica(restarted, stored, TTL_MS);
    const after = [fleet, restarted].map((either) => {
      hears(either, "a", {}, 5000);
      return isWarm(known(either, "a"), "x", 5000);
    });
    expect(after[0]).toBe(after[1]);
  });

  test("a replica that lists the same in heartbeats and in band causes no writes", () => {
    const fleet = fleetWith({ a: { hints: ["x"] } });
    for (let round = 1; round < 4; round++) {
      applyInBandHints(fleet, known(fleet, "a"), ["x"], 0);
      expect(hears(fleet, "a", { hints: ["x"] }, round * 5000)).toMatchObject({ stored: false });
      expect(applyInBandHints(fleet, known(fleet, "a"), ["x"], 0)).toBe(false);
    }
  });

  test.each<[string, (fleet: Fleet) => unknown]>([
    ["stopped", (fleet) => hears(fleet, "a", { status: "stopped" })],
    ["was deleted", (fleet) => deleteReplica(fleet, known(fleet, "a"), TTL_MS)],
    ["expired", (fleet) => sweep(fleet, TTL_MS, TTL_MS)],
    ["restarted", (fleet) => hears(fleet, "a", { incarnation: 2 })],
  ])("from a replica that %s meanwhile changes nothing", (_, leaves) => {
    const fleet = fleetWith({ a: { hints: ["x"] } });
    const record = known(fleet, "a");
    leaves(fleet);
    const before = picture(fleet);
    expect(applyInBandHints(fleet, record, ["y"], 0)).toBe(false);
    expect(picture(fleet)).toEqual(before);
  });
});

describe("limits of one fleet", () => {
  /** 781 x 256 + 64 = 200,000 hints. */
  function fullOfHints(): Fleet {
    const fleet = createFleet();
    for (let index = 0; index < 781; index++) hears(fleet, `r${index}`, { hints: numbered(`${index}-`, 256) });
    hears(fleet, "last", { hints: numbered("last-", 64) });
    return fleet;
  }

  test("200,000 hints are admitted, one more is not and changes nothing", () => {
    const fleet = fullOfHints();
    expect(fleet.advertisedHints).toBe(200_000);
    const before = [fleet.version, fleet.advertisedHints, fleet.advertisedText, fleet.holders.size, fleet.replicas.size];
    const last = { ...known(fleet, "last") };
    expect(hears(fleet, "new", { hints: ["one"] }, 1000).kind).toBe("fleet_full");
    expect(hears(fleet, "last", { hints: numbered("last-", 65), concurrency: 9, sequence: 4, inFlight: 3 }, 1000).kind).toBe(
      "fleet_full",
    );
    expect(hears(fleet, "last", { incarnation: 2, hints: numbered("last-", 65) }, 1000).kind).toBe("fleet_full");
    expect(applyInBandHints(fleet, known(fleet, "last"), numbered("last-", 65), 0)).toBe(false);
    expect({ ...known(fleet, "last") }).toEqual(last);
    expect([fleet.version, fleet.advertisedHints, fleet.advertisedText, fleet.holders.size, fleet.replicas.size]).toEqual(before);
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
    const fleet = createFleet();
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
    const fleet = createFleet();
    for (let index = 0; index < 10_000; index++) hears(fleet, `r${index}`);
    expect(hears(fleet, "new")).toMatchObject({ kind: "fleet_full" });
    expect(fleet.replicas.has("new")).toBe(false);
    expect(hears(fleet, "r0", { incarnation: 2 }).kind).toBe("accepted");
    hears(fleet, "r1", { status: "stopped" });
    expect(hears(fleet, "new").kind).toBe("accepted");
  });
});
