// A workload that does not change and whose hints all fit: loads end. While a hint is missing that would fit there is a free hint slot, a spare copy, or
// a hint that nobody asks for. As long as those are what a load takes the place of, the missing hints get fewer with each load.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { TUNING } from "../../src/routing/tuning.ts";
import { seeded } from "./support/seeded.ts";
import { coldRequests, type Steady } from "./support/steady.ts";

/** Hints that some replica holds at first although nobody asks for them. */
const UNWANTED = ["unwanted-1", "unwanted-2"];

const fleets = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 }).chain((slots) => {
  const total = slots.reduce((sum, count) => sum + count, 0);
  // As many as fit in every other run.
  const count = fc.oneof(fc.constant(total), fc.integer({ min: 1, max: total }));
  return count.chain((hints) => {
    const names = Array.from({ length: hints }, (_, index) => `hint-${index}`);
    const holds = (most: number) => fc.shuffledSubarray([...names, ...UNWANTED], { maxLength: Math.min(most, hints + 2) });
    const replica = (most: number) => fc.record({ slots: fc.constant(most), holds: holds(most) });
    const times = fc.double({ min: 1, max: 10, noNaN: true });
    return fc.record({
      replicas: fc.tuple(...slots.map((most) => replica(most))),
      popularity: fc
        .tuple(...names.map(() => times))
        .map((all) => Object.fromEntries(names.map((name, at) => [name, all[at] ?? 1]))),
    });
  });
});

const steady = (foundFull: fc.Arbitrary<number>): fc.Arbitrary<Steady> =>
  fc
    .tuple(
      fleets,
      fc.record({
        loadServices: fc.double({ min: -1, max: 1, noNaN: true }).map((exponent) => 10 ** exponent),
        tells: fc.constantFrom("in band", "heartbeat"),
        hintless: fc.constantFrom(0, 30),
        seed: fc.integer(),
        foundFull,
      }),
    )
    .map(([fleet, rest]) => ({ ...fleet, ...rest }));

/** Two replicas of two hint slots; the hint asked for most is on both. */
const POPULAR_ON_BOTH: Steady = {
  replicas: [
    { slots: 2, holds: ["eng", "fra"] },
    { slots: 2, holds: ["eng", "deu"] },
  ],
  popularity: { eng: 2, fra: 1, deu: 1, spa: 1 },
  loadServices: 1.1,
  tells: "in band",
  hintless: 60,
  foundFull: 0,
  seed: 1,
};

describe("where all hints fit and one client asks for one after another, loads end", () => {
  test("with the spare copy of the hint asked for most", () => {
    expect(coldRequests(POPULAR_ON_BOTH, 500).length).toBeLessThanOrEqual(4);
  });

  /** Twice as many as hints: losses within 2 % of a load count as equal, and what a replica used before it was first heard of is not known. */
  test("after at most two for each hint, whatever replicas held at first", () => {
    fc.assert(
      fc.property(steady(fc.constant(0)), (its) => {
        expect(coldRequests(its, 500).length).toBeLessThanOrEqual(2 * Object.keys(its.popularity).length);
      }),
      seeded(120),
    );
  });

  /** Until it is forgotten how full the fleet was, to e^-6, spare copies are taken to be of use. */
  test("also where the fleet was busy before: after six times what that is remembered for no hint is loaded twice", () => {
    fc.assert(
      fc.property(steady(fc.double({ min: 0, max: 1, noNaN: true })), (its) => {
        const late = coldRequests(its, 700).filter(({ index }) => index >= 6 * TUNING.recentMemory);
        expect(new Set(late.map(({ hint }) => hint)).size).toBe(late.length);
      }),
      seeded(60),
    );
  });
});
