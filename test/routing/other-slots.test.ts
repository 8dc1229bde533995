// Slots that a request could wait for: whether all in line find one soon, and when there is another than the one that is free.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Fleet, Replica } from "../../src/routing/ledger/fleet.ts";
import { elsewhereMs, foresee, startSooner, type WaitingFor } from "../../src/routing/policy/availability-forecast.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { COLD_MS, known, load, type Said } from "./support/fleets.ts";
import { seeded } from "./support/seeded.ts";
import { anywhere, NOBODY, runs, SERVING_MS, starts, taught } from "./support/serving.ts";

describe("whether all in line start sooner than some time", () => {
  const soon = (fleet: Fleet, inLine: number, thanMs: number, hints = ["x"], waitingFor: WaitingFor = NOBODY) =>
    startSooner(fleet, waitingFor, hints, anywhere, 5000, inLine, thanMs);

  test("each needs a slot of its own that is free before; the second of a slot is not looked at", () => {
    const fleet = taught({ a: { hints: ["x"] }, b: { hints: ["x"] } });
    // Over after 5 and 7 s.
    for (const [id, now] of [
      ["a", 0],
      ["b", 2000],
    ] as const)
      runs(fleet, id, "x", now);
    expect([soon(fleet, 1, 5100), soon(fleet, 1, 4900), soon(fleet, 2, 7100), soon(fleet, 2, 6900)]).toEqual([
      true,
      false,
      true,
      false,
    ]);
    expect(soon(fleet, 3, 1e9)).toBe(false);
  });

  test("by the holders of the first hint that has any", () => {
    const fleet = taught({ a: { hints: ["x"] }, b: { hints: ["y"] } });
    runs(fleet, "a", "x", 4900);
    runs(fleet, "b", "y", 0);
    expect(soon(fleet, 1, 6000, ["nobody's", "y", "x"])).toBe(true);
    expect(soon(fleet, 1, 6000, ["x", "y"])).toBe(false);
    expect(soon(fleet, 1, 6000, ["nobody's"])).toBe(false);
  });

  test("of requests from before a restart nothing is known, and nobody looks past them to another hint", () => {
    const fleet = taught({ a: { hints: ["x"] }, b: { hints: ["y"] } });
    known(fleet, "a").unclaimed = 1;
    runs(fleet, "b", "y", 0);
    expect([soon(fleet, 1, 6000, ["x", "y"]), soon(fleet, 1, 6000, ["y"])]).toEqual([false, true]);
  });

  test("those who wait for what else the replica holds make it later", () => {
    const fleet = taught({ a: { hints: ["x", "y"] } });
    runs(fleet, "a", "x", 0);
    expect([soon(fleet, 1, 5100), soon(fleet, 1, 5100, ["x"], new Map([["y", 1]]))]).toEqual([true, false]);
    expect(soon(fleet, 1, 5100 + TUNING.contention * SERVING_MS, ["x"], new Map([["y", 1]]))).toBe(true);
  });

  test("at most `slotsForeseen` are looked at", () => {
    const many = Object.fromEntries(Array.from({ length: LIMITS.slotsForeseen }, (_, index) => [`b${index}`, { hints: ["x"] }]));
    const fleet = taught({ ...many, last: { hints: ["x"] } });
    for (const id of Object.keys(many)) runs(fleet, id, "x", 5000);
    runs(fleet, "last", "x", 0);
    expect(soon(fleet, 1, 6000)).toBe(false);
  });

  test("is only said where list scheduling says it too", () => {
    const started = fc.record({ replica: fc.constantFrom("a", "b", "c"), atMs: fc.nat({ max: 5000 }) });
    let said = 0;
    fc.assert(
      fc.property(
        fc.array(started, { maxLength: 6 }),
        fc.integer({ min: 1, max: 6 }),
        fc.nat({ max: 12_000 }),
        fc.nat({ max: 4 }),
        (all, inLine, thanMs, others) => {
          const waitingFor = new Map([["y", others]]);
          const fleet = taught({
            a: { hints: ["x", "y"] },
            b: { hints: ["x"], concurrency: 2 },
            c: { hints: ["x", "y"], concurrency: 3 },
          });
          for (const { replica, atMs } of all) if (freeIn(fleet, replica)) runs(fleet, replica, "x", atMs);
          if (!soon(fleet, inLine, thanMs, ["x"], waitingFor)) return;
          said++;
          const foreseen = starts(foresee(fleet, waitingFor, ["x"], anywhere, 5000), inLine);
          for (const start of foreseen) expect(start).toBeLessThan(thanMs);
        },
      ),
      seeded(300),
    );
    expect(said).toBeGreaterThan(20);
  });

  const freeIn = (fleet: Fleet, id: string) => known(fleet, id).grants.size < known(fleet, id).concurrency;
});

describe("another slot for a request", () => {
  const X: Said = { hints: ["x"] };
  const elsewhere = (fleet: Fleet, now = 0, hints = ["x"], usable: (replica: Replica) => boolean = anywhere) =>
    elsewhereMs(fleet, hints, known(fleet, "a"), usable, now);

  test("is free now, or when a request of another holder is expected to be over, whichever is first", () => {
    const fleet = taught({ a: X, b: X, c: { hints: ["x"], concurrency: 2 } });
    expect(elsewhere(fleet)).toBe(0);
    runs(fleet, "b", "x", 0);
    expect(elsewhere(fleet, 4000)).toBe(0);
    for (const now of [2000, 3000]) runs(fleet, "c", "x", now);
    expect(elsewhere(fleet, 4000)).toBeCloseTo(6000, 6);
  });

  test("is free where the replica itself has more than one", () => {
    const fleet = taught({ a: { hints: ["x"], concurrency: 2 } });
    expect(elsewhere(fleet)).toBe(0);
    runs(fleet, "a", "x", 0);
    expect(elsewhere(fleet)).toBe(Infinity);
  });

  test("is there for any of its hints", () => {
    const fleet = taught({ a: X, b: { hints: ["y"] } });
    expect(elsewhere(fleet, 0, ["x"])).toBe(Infinity);
    expect(elsewhere(fleet, 0, ["x", "y"])).toBe(0);
  });

  test("there is none where others do not hold it, are not ready, may not be used, or have loaded it for too long", () => {
    expect(elsewhere(taught({ a: X, b: { hints: ["y"] }, c: { hints: ["x"], status: "draining" } }))).toBe(Infinity);
    expect(elsewhere(taught({ a: X, b: X }), 0, ["x"], ({ id }) => id !== "b")).toBe(Infinity);
    const loading = taught({ a: X, b: { concurrency: 2 } });
    load(loading, "b", "x", 0);
    expect(elsewhere(loading, 1)).toBe(0);
    expect(elsewhere(loading, 10 * LIMITS.loadTimesBelieved * COLD_MS)).toBe(Infinity);
  });

  test("is looked for among `slotsForeseen` slots", () => {
    const many = Object.fromEntries(Array.from({ length: LIMITS.slotsForeseen }, (_, index) => [`b${index}`, X]));
    const fleet = taught({ a: X, ...many, last: X });
    for (const id of Object.keys(many)) runs(fleet, id, "x", 0);
    expect(elsewhere(fleet, 1000)).toBeCloseTo(9000, 6);
  });
});
