// One origin belongs to one replica: a process that beats from the origin of another has taken its place.
import { describe, expect, test } from "vitest";
import { createFleet, type Fleet } from "../../../src/routing/ledger/fleet.ts";
import { deleteReplica, restoreReplica, storedForm, sweep } from "../../../src/routing/ledger/membership.ts";
import { adoptSlot, isLost, releaseSlot } from "../../../src/routing/ledger/slots.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { fleetWith, hears, known, load, loads, occupy, picture, TTL_MS, type Said } from "../support/fleets.ts";
import { violations } from "../support/invariants.ts";

const ORIGIN = "https://gpu.example.com";
const HERE: Said = { origin: ORIGIN, concurrency: 2 };
const ids = (fleet: Fleet) => [...fleet.replicas.keys()];

describe("another id at the origin", () => {
  test("ends the entry before it, with its hints, its load and its place in every index", () => {
    const fleet = fleetWith({ old: { ...HERE, hints: ["x"], incarnation: 3, sequence: 7 }, b: {} });
    load(fleet, "old", "y");
    occupy(fleet, "old", 1);
    const version = fleet.version;
    expect(hears(fleet, "new", { ...HERE, incarnation: 4 }, 100)).toMatchObject({
      kind: "accepted",
      replaced: "old",
      stored: true,
    });
    expect(ids(fleet)).toEqual(["b", "new"]);
    expect([fleet.holders.size, loads(fleet), fleet.version > version]).toEqual([0, { b: 0, new: 0 }, true]);
    expect(violations(fleet, 100)).toEqual([]);
    for (const id of fleet.grants.keys()) releaseSlot(fleet, fleet.grants.get(id) ?? raise());
    expect(violations(fleet, 200)).toEqual([]);
  });

  test("of the same incarnation too", () => {
    const fleet = fleetWith({ old: HERE });
    expect(hears(fleet, "new", HERE, 100)).toMatchObject({ replaced: "old" });
  });

  test("is refused where that is a newer process, and changes nothing", () => {
    const fleet = fleetWith({ new: { ...HERE, incarnation: 5 }, b: {} });
    const before = picture(fleet);
    const taken = { kind: "origin_taken", replica: "new", incarnation: 5 };
    expect(hears(fleet, "old", { ...HERE, incarnation: 4 }, 100)).toEqual(taken);
    expect(hears(fleet, "b", { ...HERE, incarnation: 4 }, 100)).toEqual(taken);
    expect(picture(fleet)).toEqual(before);
  });

  test("may stop there, which ends only itself", () => {
    const fleet = fleetWith({ new: { ...HERE, incarnation: 5 }, old: { incarnation: 4 } });
    expect(hears(fleet, "old", { ...HERE, incarnation: 4, status: "stopped" }, 100)).toEqual({ kind: "stopped", known: true });
    expect(ids(fleet)).toEqual(["new"]);
  });

  test.each<[string, (fleet: Fleet) => unknown]>([
    ["stopped", (fleet) => hears(fleet, "old", { ...HERE, incarnation: 9, status: "stopped" }, 50)],
    ["moved", (fleet) => hears(fleet, "old", { origin: "https://elsewhere.example.com", incarnation: 9 }, 50)],
    ["was deleted", (fleet) => deleteReplica(fleet, known(fleet, "old"), TTL_MS)],
    ["expired", (fleet) => sweep(fleet, TTL_MS, TTL_MS)],
  ])("takes it where the one before %s, and replaces nobody", (_, happens) => {
    const fleet = fleetWith({ old: { ...HERE, incarnation: 9 } });
    happens(fleet);
    expect(hears(fleet, "new", HERE, TTL_MS)).toMatchObject({ kind: "accepted", replaced: null });
    expect(violations(fleet, TTL_MS)).toEqual([]);
  });
});

describe("the one that was replaced", () => {
  const replaced = () => {
    const fleet = fleetWith({ old: { ...HERE, sequence: 7 } });
    const [grant] = occupy(fleet, "old", 1);
    hears(fleet, "new", { ...HERE, incarnation: 2 }, 100);
    return { fleet, grant: grant ?? raise() };
  };

  test("is refused with what it said before, and at the origin while the newer one is there", () => {
    const { fleet } = replaced();
    expect(hears(fleet, "old", { ...HERE, sequence: 7 }, 200)).toMatchObject({ kind: "stale" });
    expect(hears(fleet, "old", { ...HERE, sequence: 8 }, 200)).toMatchObject({ kind: "origin_taken", replica: "new" });
  });

  test("comes back elsewhere as it was, with the requests that it still runs, and with a new process at once", () => {
    const { fleet } = replaced();
    expect(hears(fleet, "old", { sequence: 8, concurrency: 2 }, 200)).toMatchObject({ kind: "accepted", replaced: null });
    expect(loads(fleet)).toEqual({ new: 0, old: 1 });
    expect(hears(fleet, "old", { ...HERE, incarnation: 3 }, 300)).toMatchObject({ replaced: "new" });
    expect([ids(fleet), violations(fleet, 300)]).toEqual([["old"], []]);
  });

  test("is no replica that was silent for too long: its requests are not given up at once", () => {
    const { fleet, grant } = replaced();
    expect([isLost(grant), [...fleet.orphaning.values()]]).toEqual([false, [100 + TTL_MS]]);
    expect(fleet.tombstones.get("old")).toMatchObject({ forbidden: false, untilMs: 100 + TTL_MS });
    expect(
      adoptSlot(fleet, 99, { replica: "old", incarnation: 1, hint: null, startedAtMs: 0, answered: false }, 0),
    ).not.toBeNull();
  });
});

test("a replica that moves to the origin of another replaces it, and its own is free", () => {
  const fleet = fleetWith({ a: { incarnation: 2 }, b: { incarnation: 1 } });
  expect(hears(fleet, "a", { incarnation: 2, origin: "https://b.example.com" }, 100)).toMatchObject({ replaced: "b" });
  expect([...fleet.byOrigin.keys()]).toEqual(["https://b.example.com"]);
  expect(hears(fleet, "c", { origin: "https://a.example.com" }, 200)).toMatchObject({ replaced: null });
});

test("a full fleet takes a replica in the place of the one at its origin, and no other", () => {
  const fleet = createFleet();
  for (let index = 0; index < LIMITS.replicasPerApp; index++) hears(fleet, `r${index}`);
  expect(hears(fleet, "another").kind).toBe("fleet_full");
  expect(hears(fleet, "new", { origin: "https://r0.example.com" })).toMatchObject({ kind: "accepted", replaced: "r0" });
  expect(fleet.replicas.size).toBe(LIMITS.replicasPerApp);
});

test("a restart keeps whose the origin is", () => {
  const before = fleetWith({ a: { ...HERE, incarnation: 5 } });
  const fleet = createFleet();
  restoreReplica(fleet, storedForm(known(before, "a")), TTL_MS);
  expect(hears(fleet, "b", HERE, 100)).toMatchObject({ kind: "origin_taken", replica: "a" });
  expect(hears(fleet, "b", { ...HERE, incarnation: 6 }, 100)).toMatchObject({ replaced: "a" });
});

function raise(): never {
  throw new Error("no grant");
}
