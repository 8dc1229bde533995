// When each hint was last used on a replica, and the hint that the replica is taken to evict by that.
import { describe, expect, test } from "vitest";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { evictedBy, usedAtMs } from "../../../src/routing/ledger/replica.ts";
import { noteUse } from "../../../src/routing/ledger/residency.ts";
import { takeSlot } from "../../../src/routing/ledger/slots.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { fleetWith, hears, known, load, type Said } from "../support/fleets.ts";
import { answerGrant, finishGrant } from "../support/failing.ts";

test("the last use is remembered of the hints that a replica holds, and of few others", () => {
  const fleet = fleetWith({ a: {} });
  const names = Array.from({ length: LIMITS.hintsPerReplica + 20 }, (_, index) => `hint-${index}`);
  for (const [index, hint] of [...names, "hint-100", "one more"].entries()) {
    const grant = load(fleet, "a", hint, index);
    answerGrant(fleet, grant, index);
    finishGrant(fleet, grant, index);
    hears(fleet, "a", {}, index);
  }
  const { usedAtMs: uses, unreported } = known(fleet, "a");
  expect([...unreported.keys()].filter((hint) => !uses.has(hint))).toEqual([]);
  expect([unreported.size, uses.get("one more")]).toEqual([LIMITS.hintsPerReplica, names.length + 1]);
  expect(uses.size).toBeLessThanOrEqual(LIMITS.hintsPerReplica + LIMITS.usesSpare);
});

test("a list ends the memory of what it leaves out, unless a request uses that", () => {
  const fleet = fleetWith({ a: { hints: ["x", "y", "z"], concurrency: 2 } });
  const replica = known(fleet, "a");
  for (const [index, hint] of ["z", "y", "x"].entries()) noteUse(replica, hint, index);
  takeSlot(fleet, 1, { replica, hint: "z", warm: true }, 7);
  hears(fleet, "a", { hints: ["x"], concurrency: 2 }, 8);
  expect(["x", "y", "z"].map((hint) => usedAtMs(replica, hint))).toEqual([2, -Infinity, 7]);
  expect([...(replica.advertised ?? []), ...replica.usedAtMs]).toEqual([
    ["x", 2],
    ["z", 7],
  ]);
});

describe("for one more hint a replica evicts", () => {
  const FULL: Said = { hints: ["old", "new"], hintSlots: 2, concurrency: 3 };

  const use = (fleet: Fleet, id: number, hint: string) =>
    takeSlot(fleet, id, { replica: known(fleet, "a"), hint, warm: true }, 0);

  test("what it used longest ago, or was never seen to use", () => {
    const replica = known(fleetWith({ a: FULL }), "a");
    noteUse(replica, "old", 1);
    expect(evictedBy(replica)).toBe("new");
    noteUse(replica, "new", 2);
    expect(evictedBy(replica)).toBe("old");
  });

  test("nothing that is in use or being loaded", () => {
    const fleet = fleetWith({ a: FULL });
    use(fleet, 1, "old");
    expect(evictedBy(known(fleet, "a"))).toBe("new");
    use(fleet, 2, "new");
    expect(evictedBy(known(fleet, "a"))).toBeNull();
    const loads = fleetWith({ a: { ...FULL, hintSlots: 3 } });
    load(loads, "a", "third");
    expect(evictedBy(known(loads, "a"))).toBe("old");
  });

  test.each<[string, Said]>([
    ["it has a free hint slot", { hints: ["old"], hintSlots: 2 }],
    ["it holds nothing", { hints: [], hintSlots: 1 }],
    ["it says nothing of what it holds", {}],
  ])("nothing if %s", (_, said) => {
    expect(evictedBy(known(fleetWith({ a: said }), "a"))).toBeNull();
  });
});
