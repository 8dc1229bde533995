// What one heartbeat does to a fleet: which late ones are refused, who stays drained, and how many of those that left are remembered. Every rule of it,
// and of departures and restarts, is in the reference model.
import { describe, expect, test } from "vitest";
import { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { setDrained } from "../../../src/routing/ledger/membership.ts";
import { fleetWith, hears, known, picture } from "../support/fleets.ts";

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
    const fleet = new Fleet();
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
});

test("at most 10,000 departed are remembered, the oldest forgotten first", () => {
  const fleet = new Fleet();
  for (let index = 0; index <= 10_000; index++) {
    hears(fleet, `r${index}`, { sequence: 1 });
    hears(fleet, `r${index}`, { sequence: 2, status: "stopped" });
  }
  expect(fleet.tombstones.size).toBe(10_000);
  expect([fleet.tombstones.has("r0"), fleet.tombstones.has("r1"), fleet.tombstones.has("r10000")]).toEqual([false, true, true]);
});
