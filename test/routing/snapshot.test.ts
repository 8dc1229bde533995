// The view of a fleet that an edge keeps: who is in it, when its version grows, and the choice by hash alone.
import { describe, expect, test } from "vitest";
import { decideBySnapshot } from "../../src/routing/decide.ts";
import { applyInBandHints, deleteReplica, setDrained, sweep } from "../../src/routing/membership.ts";
import { hashName, ranked } from "../../src/routing/rendezvous.ts";
import { takeSnapshot } from "../../src/routing/snapshot.ts";
import { fleetWith, hears, known, occupy, TTL_MS } from "./support/fleets.ts";

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
    ["its hints change in band", false, (fleet) => applyInBandHints(fleet, known(fleet, "a"), ["sdxl"])],
    ["it takes a request", false, (fleet) => occupy(fleet, "a", 1)],
    ["its stale heartbeat is refused", false, (fleet) => hears(fleet, "a", { incarnation: 0, concurrency: 9 })],
  ])("%s: %j", (_, grows, change) => {
    const fleet = fleetWith({ a: {} });
    const { version } = fleet;
    change(fleet);
    expect(fleet.version > version).toBe(grows);
  });
});

const idle = { hasFailed: () => false, running: () => 0 };

describe("the choice by snapshot", () => {
  const replicas = ["a", "b", "c", "d"].map((id) => ({ id, weight: 2, concurrency: 2, hash: hashName(id) }));
  const order = ranked(hashName("sdxl"), replicas).map((replica) => replica.id);

  /** Who gets a request while these have failed, and so many requests run at each by hash order. */
  function chosen({
    avoid = [],
    failed = [],
    running = [],
  }: Partial<Record<"avoid" | "failed", string[]>> & { running?: number[] }) {
    const known = {
      hasFailed: ({ id }: { id: string }) => failed.includes(id),
      running: ({ id }: { id: string }) => running[order.indexOf(id)] ?? 0,
    };
    return decideBySnapshot(replicas, "sdxl", avoid, known)?.id ?? "nobody";
  }

  const place = (id: string) => order.indexOf(id);

  test("is the first in hash order, then the next of those not avoided", () => {
    for (let tried = 0; tried <= order.length; tried++) {
      expect(chosen({ avoid: order.slice(0, tried) })).toBe(order[tried] ?? "nobody");
    }
  });

  test.each<[string, number[], number]>([
    ["one has room", [1, 0, 0, 0], 0],
    ["the first is full", [2, 0, 0, 0], 1],
    ["only the last has room", [2, 3, 2, 1], 3],
    ["none has room: fewest requests", [4, 3, 2, 3], 2],
    ["none has room, and two have the fewest: hash order", [4, 3, 5, 3], 1],
  ])("%s", (_, running, expected) => {
    expect(place(chosen({ running }))).toBe(expected);
  });

  test("passes over what has failed, full or not, unless all have", () => {
    expect(place(chosen({ failed: order.slice(0, 2) }))).toBe(2);
    expect(place(chosen({ failed: order.slice(0, 2), running: [0, 0, 9, 8] }))).toBe(3);
    expect(place(chosen({ failed: order.slice(1), avoid: order.slice(0, 1) }))).toBe(1);
    expect(place(chosen({ failed: order }))).toBe(0);
  });

  test("is nobody where there is none", () => {
    expect(decideBySnapshot([], "sdxl", [], idle)).toBeNull();
  });

  test("spreads requests without a hint, which bring a key of their own, over all", () => {
    const chosen = new Set(
      Array.from({ length: 64 }, (_, index) => decideBySnapshot(replicas, `request-${index}`, [], idle)?.id),
    );
    expect(chosen.size).toBe(4);
  });
});
