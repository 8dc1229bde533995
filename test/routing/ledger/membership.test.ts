// What one heartbeat does to a fleet: join, change, restart, and which late ones are refused. Departures are in departure.test.ts.
import { describe, expect, test } from "vitest";
import { createFleet } from "../../../src/routing/ledger/fleet.ts";
import { restoreReplica, setDrained, storedForm } from "../../../src/routing/ledger/membership.ts";
import { releaseSlot } from "../../../src/routing/ledger/slots.ts";
import { fleetWith, hears, known, load, loads, occupy, picture, TTL_MS, type Said } from "../support/fleets.ts";

const ACCEPTED = { kind: "accepted", stored: true, reclaimed: 0, replaced: null };
const UNCHANGED = { kind: "accepted", stored: false, reclaimed: 0, replaced: null };

describe("join and change", () => {
  test("a first report is stored and makes the replica live for one time to live", () => {
    const fleet = createFleet();
    const said: Said = { incarnation: 7, sequence: 3, hints: ["sdxl", "flux"], hintSlots: 3, concurrency: 4 };
    expect(hears(fleet, "a", said, 100)).toEqual(ACCEPTED);
    expect(storedForm(known(fleet, "a"))).toEqual({
      id: "a",
      incarnation: 7,
      origin: "https://a.example.com",
      status: "ready",
      drained: false,
      concurrency: 4,
      hintSlots: 3,
      hints: ["sdxl", "flux"],
      reportsHints: true,
    });
    expect(known(fleet, "a")).toMatchObject({ sequence: 3, expiresAtMs: 100 + TTL_MS, weight: 4, served: 0 });
  });

  test("a report that changes nothing stores nothing, but the replica lives on", () => {
    const said: Said = { hints: ["sdxl", "flux"], hintSlots: 3, concurrency: 4, sequence: 1 };
    const fleet = fleetWith({ a: said });
    expect(hears(fleet, "a", { ...said, sequence: 2 }, 5000)).toEqual(UNCHANGED);
    expect(hears(fleet, "a", { ...said, sequence: 3, hints: ["flux", "sdxl"] }, 6000)).toEqual(UNCHANGED);
    expect(hears(fleet, "a", { ...said, sequence: 4, inFlight: 3 }, 7000)).toEqual(UNCHANGED);
    expect(known(fleet, "a")).toMatchObject({ sequence: 4, expiresAtMs: 7000 + TTL_MS });
  });

  test.each<[string, Said]>([
    ["origin", { origin: "https://elsewhere.example.com" }],
    ["status", { status: "draining" }],
    ["concurrency", { concurrency: 2 }],
    ["hint slots", { hintSlots: 4 }],
    ["hint slots no longer known", { hintSlots: null }],
    ["one more hint", { hints: ["sdxl", "flux"] }],
    ["another hint", { hints: ["flux"] }],
    ["no hint left", { hints: [] }],
    ["no longer specialised", { hints: null }],
    ["incarnation", { incarnation: 2 }],
  ])("a change of %s is stored", (_, change) => {
    const before: Said = { hints: ["sdxl"], hintSlots: 3 };
    const fleet = fleetWith({ a: before });
    expect(hears(fleet, "a", { ...before, ...change }, 5000)).toEqual(ACCEPTED);
  });

  test("a concurrency below the load leaves the running requests and gives no slot until enough have ended", () => {
    const fleet = fleetWith({ a: { concurrency: 3 } });
    const [first, second] = occupy(fleet, "a", 3);
    hears(fleet, "a", { concurrency: 2 });
    const free = () => [...fleet.free].length;
    expect([loads(fleet), free()]).toEqual([{ a: 3 }, 0]);
    if (first !== undefined) releaseSlot(fleet, first);
    expect([loads(fleet), free()]).toEqual([{ a: 2 }, 0]);
    if (second !== undefined) releaseSlot(fleet, second);
    expect([loads(fleet), free()]).toEqual([{ a: 1 }, 1]);
  });

  test.each<[string, Said["status"], boolean]>([
    ["starting", "starting", false],
    ["ready", "ready", true],
    ["draining", "draining", false],
  ])("a replica that is %s has a free slot to give: %s, %j", (_, status, free) => {
    const fleet = fleetWith({ a: {} });
    hears(fleet, "a", { status: status ?? "ready" });
    expect(fleet.free.has(known(fleet, "a"))).toBe(free);
  });

  test("a replica that comes back from draining has its free slots again", () => {
    const fleet = fleetWith({ a: { status: "draining" } });
    hears(fleet, "a", { status: "ready" });
    expect(fleet.free.has(known(fleet, "a"))).toBe(true);
  });
});

describe("incarnations", () => {
  test("a higher one replaces everything: hints, loads, slots, counts, admin drain, sequence", () => {
    const fleet = fleetWith({ a: { incarnation: 1, sequence: 900, hints: ["sdxl"], concurrency: 2, hintSlots: 3 } });
    const grant = load(fleet, "a", "flux");
    setDrained(fleet, known(fleet, "a"), true);
    expect(hears(fleet, "a", { incarnation: 2, sequence: 0 }, 1000)).toEqual(ACCEPTED);
    expect(known(fleet, "a")).toMatchObject({
      incarnation: 2,
      sequence: 0,
      drained: false,
      advertised: null,
      hintSlots: null,
      served: 0,
    });
    expect(loads(fleet)).toEqual({ a: 0 });
    expect([...fleet.free]).toEqual([known(fleet, "a")]);
    expect([...fleet.holders]).toEqual([]);
    // The request of the dead process still holds its grant, and giving that back touches nothing of the new one.
    expect(fleet.grants.size).toBe(1);
    releaseSlot(fleet, grant);
    expect([fleet.grants.size, loads(fleet), fleet.free.size]).toEqual([0, { a: 0 }, 1]);
  });

  test("a lower one is stale while the higher is live, and at most one time to live after its end", () => {
    const fleet = fleetWith({ a: { incarnation: 5, sequence: 9 } });
    const before = picture(fleet);
    for (const now of [0, 14_999, 15_000, 29_999]) {
      expect(hears(fleet, "a", { incarnation: 4, sequence: 100 }, now)).toEqual({ kind: "stale", incarnation: 5, sequence: 9 });
    }
    expect(picture(fleet)).toEqual(before);
    expect(hears(fleet, "a", { incarnation: 4, sequence: 100 }, 30_000)).toEqual(ACCEPTED);
  });

  test.each(["starting", "ready", "draining", "stopped"] as const)("a lower one that says %s is stale", (status) => {
    const fleet = fleetWith({ a: { incarnation: 5 } });
    expect(hears(fleet, "a", { incarnation: 4, status }, 1000).kind).toBe("stale");
    expect(fleet.replicas.has("a")).toBe(true);
  });

  test("the same one with no sequence at all is accepted", () => {
    const fleet = fleetWith({ a: { incarnation: 5 } });
    expect(hears(fleet, "a", { incarnation: 5 }, 1000).kind).toBe("accepted");
  });
});

describe("sequences", () => {
  test.each<[string, (number | null)[], ("accepted" | "stale")[]]>([
    ["rising", [1, 2, 5], ["accepted", "accepted", "accepted"]],
    ["the same again", [1, 1], ["accepted", "stale"]],
    ["falling", [5, 4, 6], ["accepted", "stale", "accepted"]],
    ["from 0", [0, 0, 1], ["accepted", "stale", "accepted"]],
    ["never: order of arrival", [null, null, null], ["accepted", "accepted", "accepted"]],
    ["one report without: the last number still counts", [5, null, 5, 6], ["accepted", "accepted", "stale", "accepted"]],
    ["numbers from the second report on", [null, 3, 3], ["accepted", "accepted", "stale"]],
  ])("%s", (_, sequences, outcomes) => {
    const fleet = createFleet();
    expect(sequences.map((sequence, index) => hears(fleet, "a", { sequence }, index * 1000).kind)).toEqual(outcomes);
  });

  test("a stale report changes nothing and tells what is known", () => {
    const fleet = fleetWith({ a: { incarnation: 3, sequence: 5, hints: ["sdxl"] } });
    const before = picture(fleet);
    const late = hears(fleet, "a", { incarnation: 3, sequence: 5, hints: ["flux"], status: "draining" }, 1000);
    expect(late).toEqual({ kind: "stale", incarnation: 3, sequence: 5 });
    expect(picture(fleet)).toEqual(before);
  });
});

describe("admin drain", () => {
  test("stands whatever the replica reports, until it is taken back", () => {
    const fleet = fleetWith({ a: {} });
    expect(setDrained(fleet, known(fleet, "a"), true)).toBe(true);
    expect(setDrained(fleet, known(fleet, "a"), true)).toBe(false);
    for (const status of ["ready", "draining", "ready"] as const) {
      hears(fleet, "a", { status }, 1000);
      expect([known(fleet, "a").drained, fleet.free.size]).toEqual([true, 0]);
    }
    expect(setDrained(fleet, known(fleet, "a"), false)).toBe(true);
    expect(fleet.free.size).toBe(1);
  });

  test("taken back does not make a draining replica ready", () => {
    const fleet = fleetWith({ a: {} });
    setDrained(fleet, known(fleet, "a"), true);
    hears(fleet, "a", { status: "draining" });
    setDrained(fleet, known(fleet, "a"), false);
    expect(fleet.free.size).toBe(0);
  });
});

describe("after a restart of the object", () => {
  test("a replica is as it was stored, live for the time given", () => {
    const fleet = fleetWith({ a: { incarnation: 7, hints: ["sdxl"], hintSlots: 3, concurrency: 4, sequence: 50 } });
    setDrained(fleet, known(fleet, "a"), true);
    const stored = storedForm(known(fleet, "a"));
    const restarted = createFleet();
    restoreReplica(restarted, stored, 40_000);
    expect(storedForm(known(restarted, "a"))).toEqual(stored);
    expect(known(restarted, "a")).toMatchObject({ expiresAtMs: 40_000, sequence: null, weight: 4 });
    expect([...restarted.holders.keys()]).toEqual(["sdxl"]);
  });

  test("the first sequence is believed, even one below the last; then they must rise again", () => {
    const fleet = fleetWith({ a: { incarnation: 7, sequence: 50 } });
    const restarted = createFleet();
    restoreReplica(restarted, storedForm(known(fleet, "a")), TTL_MS);
    expect(hears(restarted, "a", { incarnation: 7, sequence: 4 }, 1000)).toEqual(UNCHANGED);
    expect(hears(restarted, "a", { incarnation: 7, sequence: 4 }, 2000).kind).toBe("stale");
  });

  test("an incarnation below the stored one is stale all the same", () => {
    const fleet = fleetWith({ a: { incarnation: 7 } });
    const restarted = createFleet();
    restoreReplica(restarted, storedForm(known(fleet, "a")), TTL_MS);
    expect(hears(restarted, "a", { incarnation: 6 }, 1000)).toEqual({ kind: "stale", incarnation: 7, sequence: null });
  });
});
