// When an isolate sends a request by itself, and where.
import { describe, expect, test } from "vitest";
import { seeded } from "../../../bench/simulate/random.ts";
import { SnapshotEncoder } from "../../../src/routing/direct/codec.ts";
import { FleetCopy } from "../../../src/routing/direct/copy.ts";
import { decideDirect, DIRECT_RULE } from "../../../src/routing/direct/decide.ts";
import { Reporter } from "../../../src/routing/direct/report.ts";
import { Replica } from "../../../src/routing/ledger/replica.ts";
import { Model, learnHeld } from "../../../src/routing/model/model.ts";
import { FleetImage } from "../../../src/routing/direct/snapshot.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { fleetWith, known, load, occupy, schedulerOf, take, unreachable, type Said } from "../support/fleets.ts";

/** Narrow replicas make short tests. */
const RULE = { ...DIRECT_RULE, concurrencyLeast: 4 };
const ANY = () => true;
/** What a request takes. */
const SERVICE_MS = 4000;

/** A fleet, so many slots of each replica taken, and a copy of it made at time 0. */
function world(replicas: Readonly<Record<string, Said>>, taken: Readonly<Record<string, number>> = {}) {
  const fleet = fleetWith(replicas);
  for (const [id, slots] of Object.entries(taken)) occupy(fleet, id, slots);
  const image = new FleetImage(1);
  const encoder = new SnapshotEncoder();
  const copy = new FleetCopy();
  const reporter = new Reporter("isolate", copy);
  const random = seeded(1);
  const model = new Model(12_000);
  learnHeld(model, { replica: new Replica("a", 1), hint: null, warmth: "none", declaredMs: null }, SERVICE_MS);
  const its = {
    ...{ fleet, copy, reporter },
    refresh(now: number) {
      image.refresh({ fleet, model }, now);
      copy.apply(encoder.encode(image, copy.known), now);
    },
    choice: (hints: readonly string[], now = 0, usable: Parameters<typeof decideDirect>[2] = ANY) =>
      decideDirect(copy, hints, usable, now, random, RULE),
    /** Where it goes, and by which hint. */
    goes(hints: readonly string[], now = 0, usable: Parameters<typeof decideDirect>[2] = ANY): string {
      const choice = its.choice(hints, now, usable);
      return choice === null ? "object" : `${choice.replica.id} ${choice.hint}`;
    },
    sends(hints: readonly string[], now = 0) {
      const choice = its.choice(hints, now);
      return choice && reporter.begin(choice, hints, now);
    },
  };
  its.refresh(0);
  return its;
}

const holds = (hint: string, concurrency = 8): Said => ({ hints: [hint], hintSlots: 4, concurrency });

test.each<[string, Readonly<Record<string, Said>>, Readonly<Record<string, number>>, readonly string[], string]>([
  ["a warm replica with room", { a: holds("x"), b: holds("y") }, {}, ["x"], "a x"],
  ["the first hint that has one", { a: holds("x"), b: holds("y") }, { a: 8 }, ["x", "y"], "b y"],
  ["the object, if none is warm", { a: holds("x") }, {}, ["y"], "object"],
  ["the object, if the copy is empty", {}, {}, [], "object"],
  ["any with room, without hints", { a: holds("x"), b: { concurrency: 8 } }, { a: 8 }, [], "b null"],
  ["one with a free slot", { a: holds("x") }, { a: 7 }, ["x"], "a x"],
  ["the object, if none is free", { a: holds("x") }, { a: 8 }, ["x"], "object"],
  ["one of four slots", { a: holds("x", 4) }, {}, ["x"], "a x"],
  ["the object, for a replica of three slots", { a: holds("x", 3) }, {}, ["x"], "object"],
  ["the object, if the replica is not ready", { a: { ...holds("x"), status: "draining" } }, {}, ["x"], "object"],
])("a request goes to %s", (_, replicas, taken, hints, goes) => {
  expect(world(replicas, taken).goes(hints)).toBe(goes);
});

test("a hint that is being loaded is not warm, and what a replica that failed would have got is the object's", () => {
  const its = world({ a: holds("x"), b: holds("x") });
  load(its.fleet, "a", "y");
  const [grant] = occupy(its.fleet, "b", 1, 1);
  unreachable(schedulerOf(its.fleet), grant!.id, 2);
  its.refresh(LIMITS.imageAgeMs);
  expect(its.goes(["y"])).toBe("object");
  const went = Map.groupBy(
    Array.from({ length: 200 }, () => its.goes(["x"])),
    (where) => where,
  );
  expect([...went.keys()].toSorted()).toEqual(["a x", "object"]);
  // As if one of the slots of `b` were free, beside seven of `a`.
  expect(went.get("object")!.length).toBeGreaterThan(10);
  expect(went.get("object")!.length).toBeLessThan(50);
});

test("if the one that holds the first hint failed, the next hint is not tried: the object tries the replica again", () => {
  const its = world({ a: holds("x"), b: holds("y") });
  const [grant] = occupy(its.fleet, "a", 1, 1);
  unreachable(schedulerOf(its.fleet), grant!.id, 2);
  its.refresh(LIMITS.imageAgeMs);
  expect([its.goes(["x", "y"]), its.goes(["y"])]).toEqual(["object", "b y"]);
});

test("what a replica may evict next is left to the object, and a replica that must evict for a load", () => {
  const its = world({ a: { hints: ["x", "y"], hintSlots: 2, concurrency: 8 } });
  take(its.fleet, 1, { replica: known(its.fleet, "a"), hint: "y", warm: true }, 1);
  its.refresh(LIMITS.imageAgeMs);
  // The other is in use.
  expect([its.goes(["x"]), its.goes(["y"])]).toEqual(["object", "a y"]);
  load(its.fleet, "a", "z", 2);
  its.refresh(2 * LIMITS.imageAgeMs);
  expect(its.goes(["y"])).toBe("object");
});

test("a replica that the isolate may not use is passed over", () => {
  const its = world({ a: holds("x"), b: holds("x") });
  expect(its.goes(["x"], 0, ({ id }) => id !== "a")).toBe("b x");
  expect(its.goes(["x"], 0, () => false)).toBe("object");
});

test("an old copy is not used", () => {
  const its = world({ a: holds("x") });
  expect([its.goes(["x"], LIMITS.directAgeMs), its.goes(["x"], LIMITS.directAgeMs + 1)]).toEqual(["a x", "object"]);
});

test("before the object knows what a request takes, it is asked", () => {
  const { copy } = world({ a: holds("x") });
  copy.serviceMs = 0;
  expect(decideDirect(copy, ["x"], ANY, 0, () => 0, RULE)).toBeNull();
});

describe("room is what is left", () => {
  test("after the isolate's own requests, until they are over", () => {
    const its = world({ a: holds("x") });
    const sends = Array.from({ length: 8 }, () => its.sends(["x"])!);
    expect(its.goes(["x"])).toBe("object");
    sends[0]!.finish(true, 1);
    expect(its.goes(["x"])).toBe("a x");
  });

  test("and of those counts once what the snapshot includes", () => {
    const its = world({ a: holds("x") });
    const early = Array.from({ length: 4 }, () => its.sends(["x"])!);
    its.reporter.take(50);
    // The object has counted them.
    occupy(its.fleet, "a", 4);
    its.refresh(LIMITS.imageAgeMs);
    const [replica] = its.copy.replicas;
    expect([replica?.load, replica?.unfinished, replica?.included]).toEqual([4, 4, 4]);
    const late = Array.from({ length: 4 }, () => its.sends(["x"], 100)!);
    expect(its.goes(["x"], 100)).toBe("object");
    // The snapshot still counts this one.
    early[0]!.finish(true, 100);
    expect(its.goes(["x"], 100)).toBe("object");
    late[0]!.finish(true, 100);
    expect([its.goes(["x"], 100), replica?.unfinished, replica?.included]).toEqual(["a x", 6, 3]);
  });

  test("the less certain the older the copy is for what a request takes", () => {
    const its = world({ a: holds("x"), b: holds("y") }, { a: 4 });
    expect([its.goes(["x"], 600), its.goes(["x"], 900)]).toEqual(["a x", "object"]);
    // Where nothing ran, nothing is expected.
    expect(its.goes(["y"], 10_000)).toBe("b y");
  });
});

test("equal views spread requests in proportion to room", () => {
  const its = world({ a: holds("x", 16), b: holds("x", 16), c: holds("x", 16), d: holds("x", 16) }, { a: 0, b: 8, c: 12, d: 16 });
  const counts: Record<string, number> = { a: 0, b: 0, c: 0, d: 0 };
  for (let request = 0; request < 7000; request++) counts[its.choice(["x"])!.replica.id]!++;
  expect(counts["d"]).toBe(0);
  for (const [id, room] of [
    ["a", 16],
    ["b", 8],
    ["c", 4],
  ] as const) {
    expect(Math.abs(counts[id]! / 7000 - room / 28)).toBeLessThan(0.02);
  }
});

test("the share of a replica that has no room to spare goes to the object and not to the others", () => {
  const its = world({ a: holds("x", 3), b: holds("x", 9) });
  const chosen = Array.from({ length: 4000 }, () => its.goes(["x"]));
  expect(new Set(chosen)).toEqual(new Set(["object", "b x"]));
  expect(Math.abs(chosen.filter((its) => its === "object").length / 4000 - 3 / 12)).toBeLessThan(0.03);
});
