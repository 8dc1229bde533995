// How replicas go and what is remembered of them: stop, delete, expiry, the return of each, and the hope that is left.
import { describe, expect, test } from "vitest";
import { createFleet } from "../../../src/routing/ledger/fleet.ts";
import { deleteReplica, hasReady, graceUntilMs, setDrained, sweep } from "../../../src/routing/ledger/membership.ts";
import { releaseSlot } from "../../../src/routing/ledger/slots.ts";
import { fleetWith, hears, known, load, loads, occupy, TTL_MS, type Said } from "../support/fleets.ts";

const gone = (fleet: ReturnType<typeof createFleet>) => ({
  replicas: fleet.replicas.size,
  free: fleet.free.size,
  holders: fleet.holders.size,
  hints: fleet.advertisedHints,
  text: fleet.advertisedText,
});
const NOTHING = { replicas: 0, free: 0, holders: 0, hints: 0, text: 0 };

describe("stopped", () => {
  test("removes the replica from every index at once; its requests run on", () => {
    const fleet = fleetWith({ a: { hints: ["sdxl"], concurrency: 3 } });
    load(fleet, "a", "flux");
    expect(hears(fleet, "a", { status: "stopped" }, 1000)).toEqual({ kind: "stopped", known: true });
    expect(gone(fleet)).toEqual(NOTHING);
    expect(fleet.grants.size).toBe(1);
  });

  test("from a replica nobody knows is heard and changes nothing", () => {
    const fleet = createFleet();
    expect(hears(fleet, "a", { status: "stopped" })).toEqual({ kind: "stopped", known: false });
    expect([fleet.version, fleet.tombstones.size]).toEqual([0, 0]);
  });

  test.each<[string, Said, number, "accepted" | "stale"]>([
    ["a late report of before the stop", { sequence: 4 }, 1000, "stale"],
    ["the stop's own sequence", { sequence: 5 }, 1000, "stale"],
    ["a late report 1 ms before one time to live has passed", { sequence: 4 }, 14_999, "stale"],
    ["the same one time to live after the stop", { sequence: 4 }, 15_000, "accepted"],
    ["a later report", { sequence: 6 }, 1000, "accepted"],
    ["a report without sequence: order of arrival", { sequence: null }, 1000, "accepted"],
    ["an earlier incarnation", { incarnation: 2, sequence: 9 }, 14_999, "stale"],
    ["an earlier incarnation, one time to live after the stop", { incarnation: 2, sequence: 9 }, 15_000, "accepted"],
    ["a later incarnation", { incarnation: 4, sequence: 0 }, 1000, "accepted"],
  ])("then %s, %j at %d ms: %s", (_, said, now, outcome) => {
    const fleet = fleetWith({ a: { incarnation: 3, sequence: 4 } });
    hears(fleet, "a", { incarnation: 3, sequence: 5, status: "stopped" }, 0);
    expect(hears(fleet, "a", { incarnation: 3, ...said }, now).kind).toBe(outcome);
  });

  test("by a newer incarnation removes the old one, and both are then refused when late", () => {
    const fleet = fleetWith({ a: { incarnation: 3, sequence: 4 } });
    expect(hears(fleet, "a", { incarnation: 4, sequence: 2, status: "stopped" }, 0)).toEqual({ kind: "stopped", known: true });
    expect(hears(fleet, "a", { incarnation: 3, sequence: 5 }, 1000)).toEqual({ kind: "stale", incarnation: 4, sequence: 2 });
    expect(hears(fleet, "a", { incarnation: 4, sequence: 1 }, 1000)).toEqual({ kind: "stale", incarnation: 4, sequence: 2 });
  });

  test("without a sequence keeps the last one known, so that a late report is still refused", () => {
    const fleet = fleetWith({ a: { sequence: 6 } });
    hears(fleet, "a", { sequence: null, status: "stopped" }, 1000);
    expect(hears(fleet, "a", { sequence: 5 }, 2000).kind).toBe("stale");
  });

  test("after expiry is remembered: a report sent before it stays refused", () => {
    const fleet = fleetWith({ a: { sequence: 3 } });
    sweep(fleet, TTL_MS, TTL_MS);
    hears(fleet, "a", { sequence: 5, status: "stopped" }, TTL_MS + 1000);
    expect(hears(fleet, "a", { sequence: 4 }, TTL_MS + 2000).kind).toBe("stale");
  });
});

describe("deleted", () => {
  const deleted = () => {
    const fleet = fleetWith({ a: { incarnation: 3, sequence: 4, hints: ["sdxl"] } });
    deleteReplica(fleet, known(fleet, "a"), TTL_MS);
    return fleet;
  };

  test("is out of every index at once", () => {
    expect(gone(deleted())).toEqual(NOTHING);
  });

  test.each<[string, Said, number, "accepted" | "stale"]>([
    ["its incarnation, a higher sequence", { sequence: 5 }, 1000, "stale"],
    ["its incarnation, no sequence", { sequence: null }, 1000, "stale"],
    ["its incarnation at the last millisecond", { sequence: 5 }, 14_999, "stale"],
    ["its incarnation after one time to live", { sequence: 5 }, 15_000, "accepted"],
    ["an earlier incarnation", { incarnation: 2, sequence: 5 }, 1000, "stale"],
    ["a later incarnation", { incarnation: 4, sequence: 0 }, 1, "accepted"],
  ])("%s: %j at %d ms is %s", (_, said, now, outcome) => {
    expect(hears(deleted(), "a", { incarnation: 3, ...said }, now).kind).toBe(outcome);
  });

  // stop() in membership.ts keeps `forbidden` of the deleted incarnation when it remembers that a later one has stopped.
  test("a later incarnation that stopped meanwhile may return: only its own is banned", () => {
    const fleet = deleted();
    hears(fleet, "a", { incarnation: 4, sequence: 1, status: "stopped" }, 500);
    expect(hears(fleet, "a", { incarnation: 4, sequence: 2 }, 1000).kind).toBe("accepted");
  });

  test("a sweep does not lift the ban early", () => {
    const fleet = deleted();
    sweep(fleet, TTL_MS, 14_999);
    expect(hears(fleet, "a", { incarnation: 3, sequence: 5 }, 14_999).kind).toBe("stale");
  });
});

describe("expired", () => {
  test("1 ms before the end of its time to live it is there, at the end it is gone", () => {
    const fleet = fleetWith({ a: { hints: ["sdxl"] }, b: {} });
    hears(fleet, "b", {}, 5000);
    expect(sweep(fleet, TTL_MS, 14_999)).toEqual([]);
    expect(sweep(fleet, TTL_MS, 15_000).map((replica) => replica.id)).toEqual(["a"]);
    expect([...fleet.replicas.keys()]).toEqual(["b"]);
    expect([fleet.holders.size, fleet.advertisedHints, fleet.free.size]).toEqual([0, 0, 1]);
  });

  test.each<[string, Said, number, "accepted" | "stale"]>([
    ["a late report", { sequence: 4 }, 29_999, "stale"],
    ["a late report one time to live after expiry", { sequence: 4 }, 30_000, "accepted"],
    ["a new report", { sequence: 5 }, 15_001, "accepted"],
    ["an earlier incarnation", { incarnation: 2, sequence: 5 }, 29_999, "stale"],
    ["a later incarnation", { incarnation: 4, sequence: 0 }, 15_001, "accepted"],
  ])("%s, %j at %d ms: %s", (_, said, now, outcome) => {
    const fleet = fleetWith({ a: { incarnation: 3, sequence: 4 } });
    sweep(fleet, TTL_MS, 15_000);
    expect(hears(fleet, "a", { incarnation: 3, ...said }, now).kind).toBe(outcome);
  });

  test("and back in the same incarnation its running requests take slots again", () => {
    const fleet = fleetWith({ a: { concurrency: 3 } });
    const [ended, ...running] = occupy(fleet, "a", 3);
    sweep(fleet, TTL_MS, 15_000);
    if (ended !== undefined) releaseSlot(fleet, ended);
    hears(fleet, "a", { concurrency: 3 }, 16_000);
    expect([loads(fleet), fleet.free.size]).toEqual([{ a: 2 }, 1]);
    for (const grant of running) releaseSlot(fleet, grant);
    expect([loads(fleet), fleet.free.size, fleet.grants.size]).toEqual([{ a: 0 }, 1, 0]);
  });

  test("a record with running requests is kept for as long as they run, however late the replica returns", () => {
    const fleet = fleetWith({ a: { concurrency: 2 } });
    occupy(fleet, "a", 1);
    for (const now of [15_000, 30_000, 600_000]) sweep(fleet, TTL_MS, now);
    hears(fleet, "a", { concurrency: 2 }, 600_001);
    expect(loads(fleet)).toEqual({ a: 1 });
  });

  test("back in another incarnation it starts with no load", () => {
    const fleet = fleetWith({ a: { concurrency: 3 } });
    occupy(fleet, "a", 3);
    sweep(fleet, TTL_MS, 15_000);
    hears(fleet, "a", { incarnation: 2, concurrency: 3 }, 16_000);
    expect(loads(fleet)).toEqual({ a: 0 });
  });

  test("back within one time to live it is still drained", () => {
    const fleet = fleetWith({ a: {} });
    setDrained(fleet, known(fleet, "a"), true);
    sweep(fleet, TTL_MS, 15_000);
    hears(fleet, "a", {}, 29_999);
    expect(known(fleet, "a").drained).toBe(true);
  });

  test("back later, in the same incarnation, it is still drained", () => {
    const fleet = fleetWith({ a: {} });
    setDrained(fleet, known(fleet, "a"), true);
    sweep(fleet, TTL_MS, 15_000);
    sweep(fleet, TTL_MS, 30_000);
    hears(fleet, "a", {}, 30_001);
    expect(known(fleet, "a").drained).toBe(true);
  });

  test("records are forgotten when late reports can no longer come", () => {
    const fleet = fleetWith({ a: {}, b: {}, c: {} });
    sweep(fleet, TTL_MS, 15_000);
    sweep(fleet, TTL_MS, 29_999);
    expect(fleet.tombstones.size).toBe(3);
    sweep(fleet, TTL_MS, 30_000);
    expect(fleet.tombstones.size).toBe(0);
  });

  test("at most 10,000 departed are remembered, the oldest forgotten first", () => {
    const fleet = createFleet();
    for (let index = 0; index <= 10_000; index++) {
      hears(fleet, `r${index}`, { sequence: 1 });
      hears(fleet, `r${index}`, { sequence: 2, status: "stopped" });
    }
    expect(fleet.tombstones.size).toBe(10_000);
    expect([fleet.tombstones.has("r0"), fleet.tombstones.has("r1"), fleet.tombstones.has("r10000")]).toEqual([false, true, true]);
  });
});

describe("hope", () => {
  test.each<[string, (fleet: ReturnType<typeof createFleet>) => unknown, number]>([
    ["nothing was ever known", () => null, 0],
    ["one is starting", (fleet) => hears(fleet, "a", { status: "starting" }), Infinity],
    ["one is draining", (fleet) => hears(fleet, "a", { status: "draining" }), TTL_MS],
    ["one stopped at 1000", (fleet) => [hears(fleet, "a"), hears(fleet, "a", { status: "stopped" }, 1000)], 1000 + TTL_MS],
    ["one expired at 15,000", (fleet) => [hears(fleet, "a"), sweep(fleet, TTL_MS, 15_000)], 15_000 + TTL_MS],
    [
      "two went, the later counts",
      (fleet) => {
        for (const id of ["a", "b"]) hears(fleet, id);
        hears(fleet, "b", { status: "stopped" }, 3000);
        hears(fleet, "a", { status: "stopped" }, 1000);
      },
      3000 + TTL_MS,
    ],
  ])("%s", (_, happens, until) => {
    const fleet = createFleet();
    happens(fleet);
    expect(graceUntilMs(fleet)).toBe(until);
  });

  test("hasReady sees ready replicas outside those to avoid, full ones too", () => {
    const fleet = fleetWith({ a: {}, b: {}, c: { status: "draining" } });
    occupy(fleet, "a", 1);
    expect(hasReady(fleet, [])).toBe(true);
    expect(hasReady(fleet, ["b"])).toBe(true);
    expect(hasReady(fleet, ["a", "b"])).toBe(false);
  });
});
