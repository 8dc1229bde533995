// What replicas show of how they make room: when each hint was last used, and whether they heed advice.
import { describe, expect, test } from "vitest";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { applyInBandHints } from "../../../src/routing/ledger/membership.ts";
import type { Eviction } from "../../../src/routing/ledger/replica.ts";
import { takeSlot } from "../../../src/routing/ledger/slots.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { fleetWith, hears, known, load, type Said } from "../support/fleets.ts";
import { answerGrant, finishGrant } from "../support/failing.ts";

/** A warm request of the hint that was answered and is over. */
function uses(fleet: Fleet, id: string, hint: string, now: number): void {
  const grant = takeSlot(fleet, now, { replica: known(fleet, id), hint, warm: true }, now);
  answerGrant(fleet, grant, now + 1);
  finishGrant(fleet, grant, now + 2);
}

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

describe("whether a replica heeds advice on what to evict", () => {
  const SAID: Said = { hints: ["often", "seldom"], hintSlots: 2, concurrency: 3 };
  function full(): Fleet {
    const fleet = fleetWith({ a: SAID });
    uses(fleet, "a", "often", 100);
    uses(fleet, "a", "seldom", 200);
    return fleet;
  }

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
