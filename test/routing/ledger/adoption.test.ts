// Requests of before a restart of the object: what replicas say that they serve counts until those requests have reported themselves.
import { describe, expect, test } from "vitest";
import { createFleet, type Fleet } from "../../../src/routing/ledger/fleet.ts";
import { restoreReplica, storedForm } from "../../../src/routing/ledger/membership.ts";
import { loadOf } from "../../../src/routing/ledger/replica.ts";
import { adoptSlot, releaseSlot } from "../../../src/routing/ledger/slots.ts";
import { fleetWith, hears, known, occupy, type Said } from "../support/fleets.ts";

describe("after a restart of the object", () => {
  /** A replica restored with requests of before, `adopted` of which have reported themselves. */
  function restarted(concurrency: number, adopted: number): Fleet {
    const before = fleetWith({ a: { concurrency } });
    const fleet = createFleet();
    restoreReplica(fleet, storedForm(known(before, "a")), 15_000);
    for (let id = 1; id <= adopted; id++) adopt(fleet, id);
    return fleet;
  }
  const adopt = (fleet: Fleet, id: number) =>
    adoptSlot(fleet, id, { replica: "a", incarnation: 1, hint: null, startedAtMs: -1000, answered: true }, 0);
  const load = (fleet: Fleet) => loadOf(known(fleet, "a"));

  test.each<[string, number, number, number | null, number]>([
    ["none adopted, 3 reported: 3", 4, 0, 3, 3],
    ["2 adopted, 3 reported: max(2, 3) = 3", 4, 2, 3, 3],
    ["3 adopted, 2 reported: max(3, 2) = 3", 4, 3, 2, 3],
    ["3 adopted, not said: 3", 4, 3, null, 3],
    ["3 adopted, 3 reported: 3", 4, 3, 3, 3],
    ["a report beyond the concurrency takes every slot and no more", 4, 0, 50, 4],
  ])("%s", (_, concurrency, adopted, inFlight, expected) => {
    const fleet = restarted(concurrency, adopted);
    hears(fleet, "a", { concurrency, inFlight }, 1000);
    expect(load(fleet)).toBe(expected);
    expect(fleet.free.size).toBe(expected < concurrency ? 1 : 0);
  });

  test("one that is adopted later is one of those reported: the load stays", () => {
    const fleet = restarted(4, 1);
    hears(fleet, "a", { concurrency: 4, inFlight: 3 }, 1000);
    expect(load(fleet)).toBe(3);
    adopt(fleet, 2);
    expect(load(fleet)).toBe(3);
    adopt(fleet, 3);
    expect(load(fleet)).toBe(3);
    adopt(fleet, 4);
    expect(load(fleet)).toBe(4);
  });

  test("what nobody claims only shrinks, with the reports", () => {
    const fleet = restarted(8, 1);
    const seen: number[] = [];
    for (const [index, inFlight] of [5, 6, 3, 5, 1, 4].entries()) {
      hears(fleet, "a", { concurrency: 8, inFlight }, 1000 * (index + 1));
      seen.push(load(fleet));
    }
    // 1 held + unclaimed 4, min(4, 5), min(4, 2), min(2, 4), min(2, 0), min(0, 3).
    expect(seen).toEqual([5, 5, 3, 3, 1, 1]);
  });

  test("a new grant is not mistaken for one of the unclaimed", () => {
    const fleet = restarted(4, 0);
    hears(fleet, "a", { concurrency: 4, inFlight: 2 }, 1000);
    occupy(fleet, "a", 1, 1500);
    hears(fleet, "a", { concurrency: 4, inFlight: 3 }, 2000);
    expect(load(fleet)).toBe(3);
    hears(fleet, "a", { concurrency: 4, inFlight: 1 }, 3000);
    expect(load(fleet)).toBe(1);
  });

  test("a replica that restarted too has none of them", () => {
    const fleet = restarted(4, 2);
    hears(fleet, "a", { incarnation: 2, concurrency: 4, inFlight: 3 }, 1000);
    expect(load(fleet)).toBe(0);
  });

  test("the count of a replica that joins is only information", () => {
    const fleet = fleetWith({ a: { concurrency: 4, inFlight: 3 } });
    expect(load(fleet)).toBe(0);
  });
});

describe("adoption", () => {
  const ADOPTION = { replica: "a", incarnation: 1, hint: "sdxl", startedAtMs: 500, answered: false };

  test("may exceed the concurrency; then nothing is free until enough have ended", () => {
    const fleet = fleetWith({ a: { concurrency: 2 } });
    const grants = [1, 2, 3].map((id) => adoptSlot(fleet, id, ADOPTION, 0));
    expect([loadOf(known(fleet, "a")), fleet.free.size]).toEqual([3, 0]);
    for (const [ended, free] of [0, 1, 1].entries()) {
      const grant = grants[ended];
      if (grant) releaseSlot(fleet, grant);
      expect(fleet.free.size).toBe(free);
    }
  });

  test.each<[string, Said | null, Partial<typeof ADOPTION>]>([
    ["of a replica that is not known", null, {}],
    ["of an incarnation before", { incarnation: 2 }, {}],
    ["of an incarnation after", {}, { incarnation: 2 }],
  ])("%s is refused", (_, said, adoption) => {
    const fleet = said === null ? createFleet() : fleetWith({ a: said });
    expect(adoptSlot(fleet, 1, { ...ADOPTION, ...adoption }, 0)).toBeNull();
    expect(fleet.grants.size).toBe(0);
  });

  test("on a replica that has left holds a slot for its return", () => {
    const fleet = fleetWith({ a: { concurrency: 2, sequence: 1 } });
    hears(fleet, "a", { status: "stopped", sequence: 2 });
    expect(adoptSlot(fleet, 1, ADOPTION, 0)).not.toBeNull();
    expect(fleet.free.size).toBe(0);
    hears(fleet, "a", { concurrency: 2, sequence: 3 }, 1000);
    expect([loadOf(known(fleet, "a")), fleet.free.size]).toEqual([1, 1]);
  });

  test("counts no request as served and starts no load", () => {
    const fleet = fleetWith({ a: {} });
    adoptSlot(fleet, 1, ADOPTION, 0);
    expect(known(fleet, "a")).toMatchObject({ served: 0, loading: new Map() });
  });
});
