// When replicas that hold a hint will be free: what is left of each running request, and list scheduling over their slots.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { learnService, serviceMs } from "../../src/routing/model/estimates.ts";
import { isReady, type Fleet, type Grant, type Replica, type Warmth } from "../../src/routing/ledger/fleet.ts";
import { foresee, freeInMs, remainingMs } from "../../src/routing/policy/availability-forecast.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { restoreReplica, storedForm } from "../../src/routing/ledger/membership.ts";
import { adoptSlot, answerGrant, takeSlot } from "../../src/routing/ledger/slots.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { COLD_MS, fleetWith, hears, known, load, TTL_MS, type Said } from "./support/fleets.ts";
import { seeded } from "./support/seeded.ts";
import { anywhere, NOBODY, runs, SERVING_MS, starts, taught } from "./support/serving.ts";

describe("the next requests in line start", () => {
  test.each<[string, number[], number, number, number[]]>([
    ["one slot: one after the other", [5], 1, 10, [5, 15, 25]],
    ["two slots: each goes to the one that is free first", [3, 5], 1, 10, [3, 5, 13, 15, 23]],
    ["one that is long busy is left alone until the others catch up", [0, 25], 1, 10, [0, 10, 20, 25, 30]],
    ["a slot that stands for two takes them at twice the rate", [4], 2, 10, [4, 9, 14]],
    ["requests of unknown length", [7], 1, 0, [7, 7, 7]],
  ])("%s", (_, ends, more, serviceMs, due) => {
    expect(starts({ ends: [...ends], more, serviceMs }, due.length)).toEqual(due);
  });

  test("never before the one ahead, and as if each slot kept a list of its own", () => {
    const ends = fc.array(fc.nat({ max: 100_000 }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(ends, fc.nat({ max: 50_000 }), (ends, serviceMs) => {
        const seen = starts({ ends: [...ends], more: 1, serviceMs }, 60);
        const due = ends.flatMap((end) => Array.from({ length: 60 }, (_, place) => end + place * serviceMs));
        expect(seen).toEqual(due.toSorted((a, b) => a - b).slice(0, 60));
      }),
      seeded(200),
    );
  });
});

describe("a running request is expected to take", () => {
  /** As one granted at time 0 with this warmth. */
  function granted(warmth: Warmth): Grant {
    const fleet = taught({ a: { hints: ["y"], concurrency: 3 } });
    if (warmth === "loading") load(fleet, "a", "x");
    const hint = warmth === "none" ? null : warmth === "warm" ? "y" : "x";
    const grant =
      warmth === "unknown"
        ? adoptSlot(fleet, 99, { replica: "a", incarnation: 1, hint, startedAtMs: 0, answered: true })
        : takeSlot(fleet, 99, { replica: known(fleet, "a"), hint, warm: warmth !== "cold" }, 0);
    expect(grant?.warmth).toBe(warmth);
    if (grant === null) throw new Error("not adopted");
    return grant;
  }
  const left = (warmth: Warmth, now: number) => remainingMs(granted(warmth), now);

  test.each<[string, number, number]>([
    ["warm, at once", left("warm", 0), SERVING_MS],
    ["warm, after 4 of 10 s", left("warm", 4000), 6000],
    ["without a hint, after 4 of 10 s", left("none", 4000), 6000],
    ["cold, at once: with its load", left("cold", 0), COLD_MS + SERVING_MS],
    ["cold, after 4 s", left("cold", 4000), COLD_MS + SERVING_MS - 4000],
    ["behind a load that may still last", left("loading", 0), COLD_MS + SERVING_MS],
    ["granted before a restart", left("unknown", 1000), SERVING_MS - 1000],
  ])("%s", (_, remaining, due) => {
    expect(remaining).toBeCloseTo(due, 6);
  });

  test("when it has run for its expected time, a part of that more", () => {
    expect(left("warm", SERVING_MS)).toBeCloseTo(TUNING.overrun * SERVING_MS, 3);
  });

  test("never less than a part of its expected time, its load included", () => {
    for (const [warmth, expectedMs] of [
      ["warm", SERVING_MS],
      ["unknown", SERVING_MS],
      ["cold", COLD_MS + SERVING_MS],
      ["loading", COLD_MS + SERVING_MS],
    ] as const) {
      const atLeast = TUNING.overrun * expectedMs * (1 - 1e-9);
      for (const now of [0, 1, expectedMs - 1, expectedMs]) expect(left(warmth, now)).toBeGreaterThanOrEqual(atLeast);
    }
  });

  test("what was known when it was granted: what is learned since is of others", () => {
    const fleet = taught({ a: {} });
    const grant = runs(fleet, "a", "x", 0);
    for (let sample = 0; sample < 50; sample++) learnService(fleet.estimates, "x", 5 * SERVING_MS, null);
    expect(remainingMs(grant, 0)).toBeCloseTo(SERVING_MS, 6);
  });
});

describe("others wait for what else the holder holds", () => {
  const { contention, contendersAtMost } = TUNING;
  /** When the slot is foreseen for a request for x, which is over in 10 s: its holder has y too, and others hold y. */
  const startMs = (waitingFor: Readonly<Record<string, number>>, others = 0, concurrency = 1) => {
    const more = Array.from({ length: others }, (_, index) => [`other-${index}`, { hints: ["y"] }] as const);
    const fleet = taught({ a: { hints: ["x", "y"], concurrency }, ...Object.fromEntries(more) });
    runs(fleet, "a", "x", 0);
    return foresee(fleet, new Map(Object.entries(waitingFor)), ["x"], anywhere, 0)?.ends[0];
  };

  test("so a part of what they take of it is added", () => {
    expect(startMs({ y: 1 })).toBeCloseTo(SERVING_MS + contention * SERVING_MS, 6);
  });

  test("and less where others hold that too", () => {
    expect(startMs({ y: 1 }, 3)).toBeCloseTo(SERVING_MS + (contention * SERVING_MS) / 4, 6);
  });

  test("and less where the replica has more slots", () => {
    expect(startMs({ y: 1 }, 0, 5)).toBeCloseTo(SERVING_MS + (contention * SERVING_MS) / 5, 6);
  });

  test("by some of its hints where it holds many", () => {
    const hints = Array.from({ length: 4 * LIMITS.hintsContended }, (_, index) => `y+${index}`);
    const fleet = taught({ a: { hints: ["x", ...hints] } });
    runs(fleet, "a", "x", 0);
    const start = foresee(fleet, new Map(hints.map((hint) => [hint, 1])), ["x"], anywhere, 0)?.ends[0] ?? 0;
    const each = contention * serviceMs(fleet.estimates, "y+0");
    expect(start).toBeCloseTo(SERVING_MS + (LIMITS.hintsContended - 1) * each, 3);
  });

  test("and no more than for so many, however many wait", () => {
    expect(startMs({ y: 1000 })).toBeCloseTo(SERVING_MS + contention * contendersAtMost * SERVING_MS, 6);
  });

  test("but nothing for those that wait for the same hint, which are in line, or for what it does not hold", () => {
    expect(startMs({ x: 5, z: 5 })).toBeCloseTo(SERVING_MS, 6);
  });
});

describe("the slots foreseen are those", () => {
  const WARM: Said = { hints: ["x"], hintSlots: 1 };

  test("of replicas that advertise the hint, are loading it or have loaded it", () => {
    const fleet = taught({ a: WARM, b: {}, c: {}, d: {} });
    runs(fleet, "a", "x", 0);
    load(fleet, "b", "x");
    answerGrant(fleet, load(fleet, "c", "x", -COLD_MS), 0);
    runs(fleet, "d", "y", 0);
    const seen = foresee(fleet, NOBODY, ["x"], anywhere, 0);
    expect(seen?.more).toBe(1);
    const due = [SERVING_MS, SERVING_MS, COLD_MS + SERVING_MS].map((ms) => expect.closeTo(ms, 6));
    expect(seen?.ends.toSorted((a, b) => a - b)).toEqual(due);
  });

  test.each<[string, (fleet: Fleet) => unknown, (replica: Replica) => boolean, number]>([
    ["is draining", (fleet) => hears(fleet, "a", { ...WARM, status: "draining" }), anywhere, 0],
    ["may not be used", () => null, ({ id }) => id !== "a", 0],
    ["holds it no longer", (fleet) => hears(fleet, "a", { hints: [], hintSlots: 1 }), anywhere, 0],
  ])("not of one that %s", (_, happens, usable, now) => {
    const fleet = taught({ a: WARM });
    runs(fleet, "a", "x", 0);
    happens(fleet);
    expect(foresee(fleet, NOBODY, ["x"], usable, now)).toBeNull();
  });

  test("not of a load that went on for too long to be believed", () => {
    const fleet = taught({ a: {} });
    load(fleet, "a", "x");
    expect(foresee(fleet, NOBODY, ["x"], anywhere, LIMITS.loadTimesBelieved * COLD_MS - 1)).not.toBeNull();
    expect(foresee(fleet, NOBODY, ["x"], anywhere, LIMITS.loadTimesBelieved * COLD_MS)).toBeNull();
  });

  test("of the first hint that anybody holds", () => {
    const fleet = taught({ a: WARM, b: { hints: ["y"], hintSlots: 1 } });
    runs(fleet, "a", "x", 0);
    runs(fleet, "b", "y", 2000);
    expect(starts(foresee(fleet, NOBODY, ["nobody's", "y", "x"], anywhere, 4000), 1)).toEqual([expect.closeTo(8000, 0)]);
    expect(starts(foresee(fleet, NOBODY, ["x", "y"], anywhere, 4000), 1)).toEqual([expect.closeTo(6000, 0)]);
    expect(foresee(fleet, NOBODY, ["nobody's"], anywhere, 0)).toBeNull();
    expect(foresee(fleet, NOBODY, [], anywhere, 0)).toBeNull();
  });

  test("of some where there are many, each standing for as many as are not looked at", () => {
    const times = 4;
    const ids = Array.from({ length: times * LIMITS.slotsForeseen }, (_, index) => `r${index}`);
    const fleet = taught(Object.fromEntries(ids.map((id) => [id, WARM])));
    for (const id of ids) runs(fleet, id, "x", 0);
    const seen = foresee(fleet, NOBODY, ["x"], anywhere, 0);
    expect(seen?.ends.length).toBe(LIMITS.slotsForeseen);
    expect(seen?.more).toBeCloseTo(times, 6);
  });

  test("of some also where they are all on one replica", () => {
    const slots = 10 * LIMITS.slotsForeseen;
    const fleet = taught({ a: { ...WARM, concurrency: slots } });
    for (let slot = 0; slot < slots; slot++) runs(fleet, "a", "x", 0);
    const seen = foresee(fleet, NOBODY, ["x"], anywhere, 0);
    expect(seen?.ends.length).toBe(LIMITS.slotsForeseen);
    expect(seen?.more).toBeCloseTo(10, 6);
  });
});

describe("a full replica has a free slot", () => {
  test("when the first of its requests ends", () => {
    const fleet = taught({ a: { hints: ["x"], concurrency: 3 } });
    for (const now of [3000, 1000, 2000]) runs(fleet, "a", "x", now);
    expect(freeInMs(known(fleet, "a"), 4000)).toBeCloseTo(7000, 6);
  });

  test("at any time where nothing is known of what runs there", () => {
    const fleet = taught({ a: {} });
    const restarted = fleetWith({});
    restoreReplica(restarted, storedForm(known(fleet, "a")), TTL_MS);
    hears(restarted, "a", { inFlight: 1 }, 1000);
    expect([isReady(known(restarted, "a")), restarted.free.size]).toEqual([true, 0]);
    expect(freeInMs(known(restarted, "a"), 1000)).toBe(0);
  });
});
