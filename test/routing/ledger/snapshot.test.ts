// The view of a fleet that an edge keeps: who is in it, and when its version grows.
import { describe, expect, test } from "vitest";
import { applyInBandHints, deleteReplica, setDrained, sweep } from "../../../src/routing/ledger/membership.ts";
import { takeSnapshot } from "../../../src/routing/ledger/snapshot.ts";
import { fleetWith, hears, known, occupy, TTL_MS } from "../support/fleets.ts";

test("a snapshot holds the ready replicas, full ones too", () => {
  const fleet = fleetWith({ a: { concurrency: 2 }, b: { status: "starting" }, c: { status: "draining" }, d: {}, e: {} });
  setDrained(fleet, known(fleet, "e"), true);
  occupy(fleet, "d", 1);
  expect(takeSnapshot(fleet).replicas).toEqual([
    { id: "a", origin: "https://a.example.com", concurrency: 2 },
    { id: "d", origin: "https://d.example.com", concurrency: 1 },
  ]);
});

describe("the version grows with who may be chosen and where, and with nothing else", () => {
  type Change = (fleet: ReturnType<typeof fleetWith>) => unknown;
  test.each<[string, boolean, Change]>([
    ["a replica joins", true, (fleet) => hears(fleet, "b")],
    ["its origin changes", true, (fleet) => hears(fleet, "a", { origin: "https://elsewhere.example.com" })],
    ["its concurrency changes", true, (fleet) => hears(fleet, "a", { concurrency: 2 })],
    ["its status changes", true, (fleet) => hears(fleet, "a", { status: "draining" })],
    ["it restarts", true, (fleet) => hears(fleet, "a", { incarnation: 2 })],
    ["it is drained", true, (fleet) => setDrained(fleet, known(fleet, "a"), true)],
    ["it stops", true, (fleet) => hears(fleet, "a", { status: "stopped" })],
    ["it is deleted", true, (fleet) => deleteReplica(fleet, known(fleet, "a"), TTL_MS)],
    ["it expires", true, (fleet) => sweep(fleet, TTL_MS, TTL_MS)],
    ["it says the same again", false, (fleet) => hears(fleet, "a", {}, 5000)],
    ["its hints change", false, (fleet) => hears(fleet, "a", { hints: ["sdxl"] })],
    ["its hints change in band", false, (fleet) => applyInBandHints(fleet, known(fleet, "a"), ["sdxl"], 0)],
    ["it takes a request", false, (fleet) => occupy(fleet, "a", 1)],
    ["its stale heartbeat is refused", false, (fleet) => hears(fleet, "a", { incarnation: 0, concurrency: 9 })],
  ])("%s: %j", (_, grows, change) => {
    const fleet = fleetWith({ a: {} });
    const { version } = fleet;
    change(fleet);
    expect(fleet.version > version).toBe(grows);
  });
});
