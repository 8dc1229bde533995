// What a replica would lose by one more hint, what it is advised to give up, and how the next list tells whether it heeds that.
import { describe, expect, test } from "vitest";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { applyInBandHints } from "../../../src/routing/ledger/membership.ts";
import type { Eviction } from "../../../src/routing/ledger/replica.ts";
import { takeSlot } from "../../../src/routing/ledger/slots.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { adviseEviction, evictionMs, sparingMs, worthMs } from "../../../src/routing/policy/eviction-cost.ts";
import { asked, fleetWith, hears, known, load, type Said } from "../support/fleets.ts";
import { answerGrant, finishGrant } from "../support/failing.ts";

/** A warm request of the hint that was answered and is over. */
function uses(fleet: Fleet, id: string, hint: string, now: number): void {
  const grant = takeSlot(fleet, now, { replica: known(fleet, id), hint, warm: true }, now);
  answerGrant(fleet, grant, now + 1);
  finishGrant(fleet, grant, now + 2);
}

describe("what a replica would lose", () => {
  /** Holds a hint that is asked for often but was used long ago, and one that is asked for seldom but was used just now. */
  function mixed(): Fleet {
    const fleet = fleetWith({ a: { hints: ["often", "seldom"], hintSlots: 2 } });
    asked(fleet, { often: 200, seldom: 1 });
    uses(fleet, "a", "often", 100);
    uses(fleet, "a", "seldom", 200);
    return fleet;
  }

  test("is what it used longest ago, until it has been seen to heed advice: then what is worth least", () => {
    const fleet = mixed();
    expect(evictionMs(fleet, known(fleet, "a"))).toBe(worthMs(fleet, "often"));
    known(fleet, "a").heedsAdvice = true;
    expect(evictionMs(fleet, known(fleet, "a"))).toBe(worthMs(fleet, "seldom"));
    known(fleet, "a").heedsAdvice = false;
    expect(evictionMs(fleet, known(fleet, "a"))).toBe(worthMs(fleet, "often"));
  });

  test.each<[string, Said]>([
    ["has a free hint slot", { hints: ["often"], hintSlots: 2 }],
    ["holds nothing", { hints: [] }],
    ["does not say what it holds", {}],
  ])("is nothing where it %s", (_, said) => {
    const fleet = fleetWith({ a: said });
    asked(fleet, { often: 100 });
    expect(evictionMs(fleet, known(fleet, "a"))).toBe(0);
  });

  test("is another hint once the one used longest ago is used: so much more, or less where that is worth less", () => {
    const fleet = mixed();
    const a = known(fleet, "a");
    const [often, seldom] = [worthMs(fleet, "often"), worthMs(fleet, "seldom")];
    expect(sparingMs(fleet, a, "often")).toBe(seldom - often);
    expect(sparingMs(fleet, a, "seldom")).toBe(0);
    uses(fleet, "a", "often", 300);
    expect(evictionMs(fleet, a)).toBe(seldom);
    expect(sparingMs(fleet, a, "seldom")).toBe(often - seldom);
    a.heedsAdvice = true;
    expect(sparingMs(fleet, a, "seldom")).toBe(0);
  });

  test.each<[string, Said]>([
    ["there is room", { hints: ["x", "y"], hintSlots: 3 }],
    ["it is the only one", { hints: ["x"], hintSlots: 1 }],
    ["it is the only one of the longest list so far", { hints: ["x"] }],
  ])("stays what it was where a hint is used and %s", (_, said) => {
    const fleet = fleetWith({ a: said });
    asked(fleet, { x: 100, y: 1 });
    expect(sparingMs(fleet, known(fleet, "a"), "x")).toBe(0);
  });

  test("counts its longest list as its slots where it does not say how many it has", () => {
    const fleet = fleetWith({ a: { hints: ["x", "y"] } });
    asked(fleet, { x: 100, y: 100 });
    expect(evictionMs(fleet, known(fleet, "a"))).toBeGreaterThan(0);
    hears(fleet, "a", { hints: ["x"] }, 1000);
    expect(evictionMs(fleet, known(fleet, "a"))).toBe(0);
  });
});

describe("when a hint was last used is remembered", () => {
  test("of as many as a replica may list, the one used longest ago forgotten first", () => {
    const fleet = fleetWith({ a: {} });
    const names = Array.from({ length: LIMITS.hintsPerReplica + 20 }, (_, index) => `hint-${index}`);
    for (const [index, hint] of [...names, "hint-100", "one more"].entries()) {
      const grant = load(fleet, "a", hint, index);
      answerGrant(fleet, grant, index);
      finishGrant(fleet, grant, index);
      hears(fleet, "a", {}, index);
    }
    const kept = [...names.slice(21), "one more"].toSorted();
    expect([...known(fleet, "a").usedAtMs.keys()].toSorted()).toEqual(kept);
  });
});

describe("advice on what to evict", () => {
  const SAID: Said = { hints: ["often", "seldom"], hintSlots: 2, concurrency: 3 };
  function full(): Fleet {
    const fleet = fleetWith({ a: SAID });
    asked(fleet, { often: 200, seldom: 1 });
    uses(fleet, "a", "often", 100);
    uses(fleet, "a", "seldom", 200);
    return fleet;
  }

  test("names what is worth least, and remembers what the replica would likely evict by itself", () => {
    const fleet = full();
    expect(adviseEviction(fleet, known(fleet, "a"))).toEqual({ advised: "seldom", likely: "often" });
  });

  test("names nothing in use or just loading, and nothing at all where all is or there is room", () => {
    const fleet = full();
    takeSlot(fleet, 1, { replica: known(fleet, "a"), hint: "seldom", warm: true }, 0);
    expect(adviseEviction(fleet, known(fleet, "a"))).toEqual({ advised: "often", likely: "often" });
    takeSlot(fleet, 2, { replica: known(fleet, "a"), hint: "often", warm: true }, 0);
    expect(adviseEviction(fleet, known(fleet, "a"))).toBeNull();
    for (const said of [{ hints: ["x"], hintSlots: 2 }, { hints: ["x"] }, {}]) {
      const roomy = fleetWith({ a: said });
      expect(adviseEviction(roomy, known(roomy, "a"))).toBeNull();
    }
  });

  const EVICTION: Eviction = { advised: "seldom", likely: "often" };
  test.each<[string, string[] | null, boolean | null]>([
    ["without what it was advised to evict: it heeds advice", ["often", "new"], true],
    ["without what it would have evicted by itself: it does not", ["seldom", "new"], false],
    ["without either: that tells nothing", ["new"], null],
    ["with both: that tells nothing", ["often", "seldom", "new"], null],
    ["that does not come", null, null],
  ])("the next list is one %s", (_, list, heeds) => {
    for (const inBand of [false, true]) {
      const fleet = full();
      const replica = known(fleet, "a");
      const grant = takeSlot(fleet, 1, { replica, hint: "new", warm: false, eviction: EVICTION }, 0);
      hears(fleet, "a", SAID, 500);
      expect(replica.heedsAdvice).toBeNull();
      answerGrant(fleet, grant, 1000);
      if (inBand && list !== null) applyInBandHints(fleet, replica, list, 0);
      else hears(fleet, "a", { ...SAID, hints: list }, 2000);
      expect(replica.heedsAdvice).toBe(heeds);
    }
  });

  test("a load that failed or was not advised teaches nothing", () => {
    for (const [eviction, answers] of [
      [EVICTION, false],
      [null, true],
    ] as const) {
      const fleet = full();
      const grant = takeSlot(fleet, 1, { replica: known(fleet, "a"), hint: "new", warm: false, eviction }, 0);
      if (answers) answerGrant(fleet, grant, 1000);
      finishGrant(fleet, grant, 2000);
      hears(fleet, "a", { ...SAID, hints: ["often", "new"] }, 3000);
      expect(known(fleet, "a").heedsAdvice).toBeNull();
    }
  });
});
