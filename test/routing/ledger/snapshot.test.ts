// The view of a fleet that an edge keeps: who is in it, when its version grows, and the choice by hash alone.
import { describe, expect, test } from "vitest";
import { applyInBandHints, deleteReplica, setDrained, sweep } from "../../../src/routing/ledger/membership.ts";
import { takeSnapshot } from "../../../src/routing/ledger/snapshot.ts";
import { decideBySnapshot } from "../../../src/routing/policy/by-snapshot.ts";
import { hashName, ranked } from "../../../src/routing/rendezvous.ts";
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

describe("the choice by snapshot", () => {
  const replicas = ["a", "b", "c", "d"].map((id) => ({ id, weight: 2, hash: hashName(id) }));
  const order = ranked(hashName("sdxl"), replicas).map((replica) => replica.id);
  const idle = { hasFailed: () => false, hasRoom: () => true };

  /** The place in hash order of the one that is chosen while those at these places have failed, or are full. */
  function placeOf({ failed = [], full = [] }: { failed?: readonly number[]; full?: readonly number[] }): number | null {
    const among = (places: readonly number[]) => (replica: { id: string }) => places.includes(order.indexOf(replica.id));
    const found = decideBySnapshot(replicas, "sdxl", { hasFailed: among(failed), hasRoom: (its) => !among(full)(its) });
    return found === null ? null : order.indexOf(found.id);
  }

  test.each<[string, Parameters<typeof placeOf>[0], number | null]>([
    ["the first in hash order", {}, 0],
    ["the next where that is full", { full: [0] }, 1],
    ["the last where only that has room", { full: [0, 1, 2] }, 3],
    ["nobody where all are full", { full: [0, 1, 2, 3] }, null],
    ["the first that has not failed", { failed: [0, 1] }, 2],
    ["nobody where those that have not failed are full", { failed: [0, 1], full: [2, 3] }, null],
    ["the first where all have failed", { failed: [0, 1, 2, 3] }, 0],
    ["the first with room where all have failed", { failed: [0, 1, 2, 3], full: [0] }, 1],
  ])("is %s", (_, known, expected) => {
    expect(placeOf(known)).toBe(expected);
  });

  test("is nobody where there is none", () => {
    expect(decideBySnapshot([], "sdxl", idle)).toBeNull();
  });

  test("spreads requests without a hint, which bring a key of their own, over all", () => {
    const chosen = new Set(Array.from({ length: 64 }, (_, index) => decideBySnapshot(replicas, `request-${index}`, idle)?.id));
    expect(chosen.size).toBe(4);
  });
});
