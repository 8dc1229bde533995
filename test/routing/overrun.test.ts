// Forecasts that turn out wrong: a request that has outlived its estimate is expected to run on for longer the more it did, and a wait that has cost
// more than the load it was to spare is given up.
import { describe, expect, test } from "vitest";
import type { Grant } from "../../src/routing/ledger/fleet.ts";
import { remainingMs } from "../../src/routing/policy/availability-forecast.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { driver, type Driver } from "./support/driver.ts";
import { COLD_MS } from "./support/fleets.ts";
import { runs, SERVING_MS, taught } from "./support/serving.ts";

const { overrun } = TUNING;

describe("a request that was expected to take 10 s", () => {
  const grant: Grant = runs(taught({ a: { hints: ["y"] } }), "a", "y", 0);
  const left = (ranMs: number) => remainingMs(grant, ranMs);

  test.each([
    ["has what is left of them", 0, 10_000],
    ["and never less than a part of them", 9900, 1500],
    ["after its time has a part of them to go", 10_000, 1500],
    ["after twice its time a part twice as large of what it ran", 20_000, 6000],
    ["after three times a part three times as large", 30_000, 13_500],
    ["after very long as long again", 1_000_000, 1_000_000],
    ["and no longer than that", 10_000_000, 10_000_000],
  ])("%s: after %d ms %d ms", (_, ranMs, due) => {
    expect(left(ranMs)).toBeCloseTo(due, 3);
  });

  test("has the longer to go the longer it has outlived that, and no more than it ran", () => {
    let before = 0;
    for (let ranMs = SERVING_MS; ranMs < 20 * SERVING_MS; ranMs += 500) {
      expect(left(ranMs)).toBeGreaterThan(before);
      expect(left(ranMs)).toBeLessThanOrEqual(ranMs);
      before = left(ranMs);
    }
    expect(left(SERVING_MS / overrun)).toBeCloseTo(SERVING_MS / overrun, 3);
  });

  test("of which nothing was expected is no ground for a division", () => {
    const unknown = { ...grant, expectedMs: 0 };
    expect([remainingMs(unknown, 0), remainingMs(unknown, 1000)]).toEqual([0, 1000]);
  });
});

describe("a wait beside a free replica", () => {
  const WARM = { hints: ["x"], hintSlots: 1 };
  const COLD = { hints: [], hintSlots: 1 };

  /** `a` holds x and serves requests of about 100 ms; `b` is free. Request 1 runs on `a`. */
  function waiting(): Driver {
    const fleet = driver({ a: WARM, b: COLD });
    fleet.teaches("x", 100, 30);
    expect(fleet.arrives(1, ["x"])).toBe("a hint_match");
    return fleet;
  }

  /** Where the request 2 is sent, and when. Each time its wait looks short: whatever runs on `a` is replaced by another that has just begun. */
  function endsWith(fleet: Driver, fromMs: number): { readonly atMs: number; readonly went: string | undefined } {
    for (let now = fromMs; now < 60_000; now += 50) {
      const went = fleet.settles(now)[2];
      if (went !== undefined) return { atMs: now, went };
      const [grant] = fleet.its.fleet.replicas.get("a")?.grants.values() ?? [];
      if (grant !== undefined) Object.assign(grant, { grantedAtMs: now });
    }
    return { atMs: Infinity, went: "nobody" };
  }

  test("that has cost as much as the load is over, however soon the warm one seems to be free", () => {
    const fleet = waiting();
    expect(fleet.arrives(2, ["x"], 1000, { deadlineMs: Infinity })).toBe("waiting");
    const { atMs, went } = endsWith(fleet, 1000);
    expect(went).toMatch(/^b hash_/);
    expect(atMs).toBeGreaterThanOrEqual(1000 + COLD_MS);
    expect(atMs).toBeLessThanOrEqual(1000 + COLD_MS + LIMITS.askedAgainMs);
  });

  test("counts from when it could have loaded, not from its arrival", () => {
    const fleet = waiting();
    expect(fleet.arrives(3, ["y"], 100)).toBe("b hash_owner");
    expect(fleet.arrives(2, ["x"], 1000, { deadlineMs: Infinity })).toBe("waiting");
    expect(fleet.its.room.waiting.get(2)?.declinedAtMs).toBe(Infinity);
    expect(fleet.settles(9000)).toEqual({});
    expect(fleet.its.room.waiting.get(2)?.declinedAtMs).toBe(Infinity);
    fleet.ends(3, 9000);
    Object.assign([...fleet.its.fleet.grants.values()][0] ?? {}, { grantedAtMs: 9000 });
    expect(fleet.settles(9000)).toEqual({});
    expect(fleet.its.room.waiting.get(2)?.declinedAtMs).toBe(9000);
    expect(endsWith(fleet, 9050).atMs).toBeGreaterThanOrEqual(9000 + COLD_MS);
  });

  test("of one that came to a free slot and declined it counts from its arrival", () => {
    const fleet = waiting();
    fleet.arrives(2, ["x"], 10);
    expect(fleet.its.room.waiting.get(2)?.declinedAtMs).toBe(10);
  });

  test("counts anew once no slot was free", () => {
    const fleet = waiting();
    fleet.arrives(2, ["x"], 10, { deadlineMs: Infinity });
    expect(fleet.arrives(3, ["y"], 20)).toBe("b hash_owner");
    expect(fleet.settles(20)).toEqual({});
    fleet.ends(3, 9000);
    Object.assign([...fleet.its.fleet.grants.values()][0] ?? {}, { grantedAtMs: 9000 });
    expect(fleet.settles(9000)).toEqual({});
    expect(fleet.its.room.waiting.get(2)?.declinedAtMs).toBe(9000);
  });
});
