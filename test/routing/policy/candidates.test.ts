// Who gets a request that waits for nothing and why: every reason, the order of preferences, and the ties. In these fleets hash order is
// computed with `ranked`, whose values are pinned in rendezvous.test.ts.
import { describe, expect, test } from "vitest";
import { seeded as seededRandom } from "../../../bench/simulate/random.ts";
import { failGrant } from "../../../src/routing/health/ejection.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { setDrained } from "../../../src/routing/ledger/membership.ts";
import { isReady, loadOf } from "../../../src/routing/ledger/replica.ts";
import { releaseSlot } from "../../../src/routing/ledger/slots.ts";
import { hashName, ranked } from "../../../src/routing/rendezvous.ts";
import { decide, decideIgnoringLoad, fleetWith, load, occupy, wants, type Said } from "../support/fleets.ts";

/** The decision in a word or two: `replica reason`, and the hint where it is not the first one wanted. */
function decided(fleet: Fleet, hints: readonly string[], avoid: readonly string[] = [], now = 0): string {
  const choice = decide(fleet, wants(hints, avoid), now);
  if (choice === null) return "nobody";
  return `${choice.replica.id} ${choice.reason}${choice.hint === (hints[0] ?? null) ? "" : ` for ${choice.hint}`}`;
}

/** Replicas in the hash order of a hint, owner first. */
const orderOf = (fleet: Fleet, hint: string) => ranked(hashName(hint), fleet.replicas.values()).map((replica) => replica.id);

/** The one at a place of a list that is long enough. */
function at<T>(list: readonly T[], place: number): T {
  const found = list[place];
  if (found === undefined) throw new Error(`nothing at ${place}`);
  return found;
}

describe("without a hint", () => {
  // Load by concurrency, then requests served so far in the incarnation.
  test.each<[string, Record<string, [concurrency: number, load: number, ended: number]>, string]>([
    ["1/2 < 2/3 < 3/4", { a: [4, 3, 0], b: [2, 1, 0], c: [3, 2, 0] }, "b"],
    ["0/1 < 1/8: a share, not a number", { a: [8, 1, 0], b: [1, 0, 0] }, "b"],
    ["1/8 < 1/2: the same number is less of more", { a: [2, 1, 0], b: [8, 1, 0] }, "b"],
    ["2/4 = 1/2, served 2 against 1", { a: [4, 2, 0], b: [2, 1, 0] }, "b"],
    ["0 = 0, served 3, 1, 2", { a: [1, 0, 3], b: [1, 0, 1], c: [1, 0, 2] }, "b"],
    ["1/1 is full, whatever the others' load", { a: [1, 1, 0], b: [100, 99, 50] }, "b"],
  ])("%s", (_, replicas, chosen) => {
    const fleet = fleetWith(Object.fromEntries(Object.entries(replicas).map(([id, [concurrency]]) => [id, { concurrency }])));
    for (const [id, [, held, ended]] of Object.entries(replicas)) {
      for (let request = 0; request < ended; request++) for (const grant of occupy(fleet, id, 1)) releaseSlot(fleet, grant);
      occupy(fleet, id, held);
    }
    expect(decided(fleet, [])).toBe(`${chosen} least_loaded`);
  });

  test("100 requests over concurrency 1, 3, 6 go 10, 30, 60", () => {
    const fleet = fleetWith({ a: { concurrency: 10 }, b: { concurrency: 30 }, c: { concurrency: 60 } });
    for (let request = 0; request < 100; request++) {
      const choice = decide(fleet, wants([]), 0);
      if (choice !== null) occupy(fleet, choice.replica.id, 1);
    }
    expect([...fleet.replicas.values()].map((replica) => replica.grants.size)).toEqual([10, 30, 60]);
  });
});

describe("warm", () => {
  test("a replica that advertises the hint takes it, whatever its place in the hash order", () => {
    for (const holder of ["a", "b", "c"]) {
      const fleet = fleetWith({ a: { hints: [] }, b: { hints: [] }, c: { hints: [] }, [holder]: { hints: ["sdxl"] } });
      expect(decided(fleet, ["sdxl"])).toBe(`${holder} hint_match`);
    }
  });

  test("a replica that is loading the hint takes it", () => {
    const fleet = fleetWith({ a: { concurrency: 2 }, b: { concurrency: 2 } });
    load(fleet, "b", "sdxl");
    expect(decided(fleet, ["sdxl"])).toBe("b hint_match");
    expect(decided(fleet, ["sdxl"], [], 119_999)).toBe("b hint_match");
    expect(decided(fleet, ["sdxl"], [], 120_000)).not.toContain("hint_match");
  });

  test.each<[string, string[], string]>([
    ["the first hint with a free holder wins: x", ["x", "y"], "a hint_match"],
    ["and not the least loaded holder of any", ["y", "x"], "b hint_match"],
    ["a first hint that nobody holds is passed over", ["none", "y"], "b hint_match for y"],
    ["a first hint whose holders are all full is passed over", ["full", "x"], "a hint_match for x"],
    ["the last of many", ["none", "full", "nothing", "y"], "b hint_match for y"],
  ])("several hints are an order of preference: %s", (_, hints, outcome) => {
    const fleet = fleetWith({ a: { hints: ["x"], concurrency: 4 }, b: { hints: ["y"], concurrency: 4 }, c: { hints: ["full"] } });
    occupy(fleet, "a", 3);
    occupy(fleet, "b", 1);
    occupy(fleet, "c", 1);
    expect(decided(fleet, hints)).toBe(outcome);
  });

  test("none of several warm and free: the first is what is hashed and loaded", () => {
    const fleet = fleetWith({ a: { hints: [] }, b: { hints: [] }, c: { hints: [] } });
    const owner = at(orderOf(fleet, "first"), 0);
    expect(decided(fleet, ["first", "second"])).toBe(`${owner} hash_owner`);
    expect(decide(fleet, wants(["first", "second"]), 0)).toMatchObject({ hint: "first", warm: false });
  });

  test("the least loaded holder for its concurrency: 1/4 < 1/3 < 2/4", () => {
    const hints = ["sdxl"];
    const fleet = fleetWith({ a: { hints, concurrency: 3 }, b: { hints, concurrency: 4 }, c: { hints, concurrency: 4 } });
    occupy(fleet, "a", 1);
    occupy(fleet, "b", 1);
    occupy(fleet, "c", 2);
    expect(decided(fleet, hints)).toBe("b hint_match");
  });

  test("holders of equal load in hash order: the owner, when it fills the next, and so on", () => {
    const hints = ["sdxl"];
    const fleet = fleetWith({ a: { hints }, b: { hints }, c: { hints }, d: { hints } });
    for (const id of orderOf(fleet, "sdxl")) {
      expect(decided(fleet, hints)).toBe(`${id} hint_match`);
      occupy(fleet, id, 1);
    }
    expect(decided(fleet, hints)).toBe("nobody");
  });
});

test("of many holders the least loaded, of equals the first in hash order: as if one looked at each", () => {
  const random = seededRandom(2);
  for (let round = 0; round < 12; round++) {
    const said = (): Said => ({ concurrency: 1 + Math.floor(random() * 3), hints: random() < 0.8 ? ["sdxl"] : [] });
    const fleet = fleetWith(Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`r${round}-${index}`, said()])));
    const all = [...fleet.replicas.values()];
    for (const replica of all) occupy(fleet, replica.id, Math.floor(random() * (replica.concurrency + 1)));
    for (const replica of all)
      if (random() < 0.1 && replica.isFree) failGrant(fleet, load(fleet, replica.id, "x"), { kind: "unreachable" }, 0);
    for (;;) {
      const usable = all.filter((its) => its.isFree && its.advertised?.has("sdxl") && !fleet.unhealthy.has(its));
      const least = Math.min(...usable.map((its) => loadOf(its) / its.concurrency));
      const [first] = ranked(
        hashName("sdxl"),
        usable.filter((its) => loadOf(its) / its.concurrency === least),
      );
      if (first === undefined) break;
      expect(decided(fleet, ["sdxl"], [], 1)).toBe(`${first.id} hint_match`);
      occupy(fleet, first.id, 1);
    }
  }
});

describe("cold", () => {
  const SIX = Object.fromEntries(["a", "b", "c", "d", "e", "f"].map((id) => [id, {}] satisfies [string, Said]));

  test("the owner of the hint, then down its hash order as replicas fill", () => {
    const fleet = fleetWith(SIX);
    const order = orderOf(fleet, "sdxl");
    const seen: string[] = [];
    for (const id of order) {
      seen.push(decided(fleet, ["sdxl"]));
      occupy(fleet, id, 1);
    }
    expect(seen).toEqual(order.map((id, place) => `${id} ${place === 0 ? "hash_owner" : "hash_spill"}`));
    expect(decided(fleet, ["sdxl"])).toBe("nobody");
  });

  test("the reason counts every ready replica before the one that loads, be it full, passed over, or no choice of the policy", () => {
    const random = seededRandom(1);
    const seen = new Set<string>();
    for (let round = 0; round < 400; round++) {
      const ids = Array.from({ length: 1 + Math.floor(random() * 8) }, (_, index) => `r${round}-${index}`);
      const said = (): Said => ({
        concurrency: 1 + Math.floor(random() * 3),
        ...(random() < 0.5 ? { hints: [], hintSlots: 1 } : {}),
      });
      const fleet = fleetWith(Object.fromEntries(ids.map((id) => [id, said()])));
      for (const replica of fleet.replicas.values()) {
        const drawn = random();
        if (drawn < 0.3) occupy(fleet, replica.id, replica.concurrency);
        else if (drawn < 0.4) setDrained(fleet, replica, true);
        else if (drawn < 0.6) failGrant(fleet, load(fleet, replica.id, "other"), { kind: "unreachable" }, 0);
      }
      const avoid = ids.filter(() => random() < 0.2);
      const choice = decide(fleet, wants(["sdxl"], avoid), 1);
      if (choice === null) continue;
      const [owner] = ranked(hashName("sdxl"), [...fleet.replicas.values()].filter(isReady));
      expect(choice.reason).toBe(choice.replica === owner ? "hash_owner" : "hash_spill");
      seen.add(`${choice.reason} ${fleet.unhealthy.size > 0} ${avoid.length > 0} ${fleet.busy.size > 0}`);
    }
    expect(seen.size).toBe(16);
  });

  test("weights are concurrencies: of 1000 cold hints a replica of 9 in 10 owns about 900", () => {
    const fleet = fleetWith({ small: { concurrency: 1 }, large: { concurrency: 9 } });
    const hints = Array.from({ length: 1000 }, (_, index) => `hint-${index}`);
    const large = hints.filter((hint) => decided(fleet, [hint]).startsWith("large")).length;
    // The standard deviation is sqrt(1000 x 0.9 x 0.1) = 9.5.
    expect(Math.abs(large - 900)).toBeLessThan(40);
  });
});

describe("for a request that takes no slot", () => {
  const choose = (fleet: Fleet, hints: readonly string[], avoid: readonly string[] = []) => {
    const choice = decideIgnoringLoad(fleet, wants(hints, avoid), 0);
    return choice === null ? "nobody" : `${choice.replica.id} ${choice.reason}`;
  };

  test("full replicas count, others that may not be chosen do not", () => {
    const fleet = fleetWith({ a: { hints: ["sdxl"] }, b: { status: "starting" }, c: { status: "draining" } });
    occupy(fleet, "a", 1);
    expect([choose(fleet, ["sdxl"]), choose(fleet, ["cold"]), choose(fleet, [])]).toEqual([
      "a hint_match",
      "a hash_owner",
      "a least_loaded",
    ]);
    expect(choose(fleet, ["sdxl"], ["a"])).toBe("nobody");
    expect(decideIgnoringLoad(fleetWith({}), wants([]), 0)).toBeNull();
  });

  test("the hint decides as for others: warm, else the owner", () => {
    const fleet = fleetWith({ a: { hints: ["x"] }, b: { hints: ["y"] }, c: {} });
    expect(choose(fleet, ["none", "y"])).toBe("b hint_match");
    expect(choose(fleet, ["none"])).toBe(`${at(orderOf(fleet, "none"), 0)} hash_owner`);
  });
});
