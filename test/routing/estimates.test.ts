// What is learned of an app: means that forget and lean on each other, loads from cold answers against warm ones, demand, and families.
// The numbers are worked out from TUNING, whatever it says.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  countArrival,
  createEstimates,
  demandShare,
  familyOf,
  learnAnswer,
  learnLoad,
  loadMs,
  meanLoadMs,
  serviceMs,
  type Estimates,
} from "../../src/routing/model/estimates.ts";
import { stopLoading } from "../../src/routing/ledger/residency.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { adoptSlot, answerGrant, finishGrant, takeSlot } from "../../src/routing/ledger/slots.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { driver } from "./support/driver.ts";
import { COLD_MS, fleetWith, known, load } from "./support/fleets.ts";
import { seeded } from "./support/seeded.ts";
import { served, times } from "./support/served.ts";

const {
  hintMemory,
  fleetMemory,
  servicePrior,
  familyPrior,
  latelyArrivals,
  latelyPrior,
  loadPrior,
  ownLoadPrior,
  toldApart,
  outlier,
} = TUNING;

describe("the time a warm request holds its slot", () => {
  test("is not known before any has ended, then for every hint that of all", () => {
    expect(serviceMs(served(), "x")).toBe(0);
    expect(serviceMs(served(["x", 7000]), "y")).toBe(7000);
  });

  test("is the hint's own mean, shrunk by `servicePrior` samples to its family's, and that by `familyPrior` to that of all", () => {
    const estimates = served(["x", 10_000], ["x+anime", 20_000], ["y", 30_000]);
    // Of the last few nothing is left.
    for (let other = 0; other < 100 * latelyArrivals; other++) countArrival(estimates, "other");
    // All: (10 + 20 + 30) / 3 = 20.
    const family = (10_000 + 20_000 + familyPrior * 20_000) / (2 + familyPrior);
    expect(serviceMs(estimates, "x")).toBeCloseTo((10_000 + servicePrior * family) / (1 + servicePrior), 6);
    expect(serviceMs(estimates, "x+anime")).toBeCloseTo((20_000 + servicePrior * family) / (1 + servicePrior), 6);
    expect(serviceMs(estimates, "x+never asked for")).toBeCloseTo(family, 6);
    expect(serviceMs(estimates, "never asked for")).toBeCloseTo(20_000, 6);
  });

  test("counts what the last few took beside the longer mean, the less the more arrivals are past", () => {
    const long = times(hintMemory, () => ["x", 10_000] as const);
    const estimates = served(...long, ...times(3, () => ["x", 20_000] as const));
    const its = estimates.hints.get("x");
    if (its === undefined) throw new Error("x is not known");
    const after = [0, latelyArrivals, 100 * latelyArrivals].map((arrivals) => {
      for (let other = 0; other < arrivals; other++) countArrival(estimates, "other");
      return serviceMs(estimates, "x");
    });
    const longer = (its.service.sum + servicePrior * serviceMs(estimates, "y")) / (its.service.weight + servicePrior);
    // The last three were the dear ones, so the last few are dearer than the longer mean.
    expect(its.lately.sum / its.lately.weight).toBeGreaterThan(longer);
    expect(after[0]).toBeCloseTo((its.lately.sum + latelyPrior * longer) / (its.lately.weight + latelyPrior), 6);
    expect(after[1]).toBeCloseTo(
      (its.lately.sum / Math.E + latelyPrior * longer) / (its.lately.weight / Math.E + latelyPrior),
      6,
    );
    expect(after[2]).toBeCloseTo(longer, 6);
  });

  test.each([
    ["sdxl", "sdxl"],
    ["sdxl+anime+detail", "sdxl"],
    ["flux/dev:v2", "flux/dev"],
    ["flux@1#a", "flux"],
    ["https://example.com/a:b", "https://example.com/a"],
    ["https://example.com/a", "https://example.com/a"],
    ["+anime", "+anime"],
    ["", ""],
  ])("the family of %j is %j", (hint, family) => {
    expect(familyOf(hint)).toBe(family);
  });

  test("of a new hint is that of its family's hints when they were new, not that of the one asked for most", () => {
    const popular = times(200, () => ["x", 2000] as const);
    const others = times(20, (index) => [`x+${index}`, 20_000] as const);
    expect(serviceMs(served(...popular, ...others), "x+new")).toBeGreaterThan(12_000);
  });

  test("of at most 20,000 families is remembered; the longest not served is forgotten", () => {
    const names = times(LIMITS.learnedHints - 1, (index) => [`hint-${index}`, 1000] as const);
    const { families } = served(["first", 1000], ...names, ["first", 1000], ["one more", 1000]);
    expect(families.size).toBe(LIMITS.learnedHints);
    expect(["first", "hint-0", "one more"].map((name) => families.has(name))).toEqual([true, false, true]);
  });

  test("lies between the shortest and the longest seen", () => {
    const request = fc.tuple(fc.constantFrom("x", "y", "z"), fc.integer({ min: 1, max: 1_000_000 }));
    fc.assert(
      fc.property(fc.array(request, { minLength: 1, maxLength: 200 }), (requests) => {
        const seen = requests.map(([, heldMs]) => heldMs);
        const estimate = serviceMs(served(...requests), "x");
        expect(estimate).toBeGreaterThan(Math.min(...seen) - 1e-6);
        expect(estimate).toBeLessThan(Math.max(...seen) + 1e-6);
      }),
      seeded(200),
    );
  });

  test.each([
    ["far longer", 1e9, 10_000 * outlier],
    ["far shorter", 0, 10_000 / outlier],
  ])("counts an odd one that took %s for at most `outlier` times what was expected", (_, heldMs, counted) => {
    const estimates = served(["x", 10_000], ["x", heldMs]);
    expect(serviceMs(estimates, "unknown")).toBeCloseTo((10_000 + counted) / 2, 6);
  });

  test("is not below 0 where a clock went back, and recovers", () => {
    const estimates = served(["x", -2000], ...times(100, () => ["x", 10_000] as const));
    expect(Math.abs(serviceMs(estimates, "x") - 10_000)).toBeLessThan(1000);
    expect(serviceMs(served(["x", -2000]), "x")).toBe(0);
  });

  test("forgets: once a mean is full, a sample moves it by 1 / memory of the difference", () => {
    const estimates = served(...times(hintMemory, () => ["x", 10_000] as const), ["x", 20_000]);
    const its = estimates.hints.get("x")?.service ?? { sum: 0, weight: 0 };
    expect(its.weight).toBeCloseTo(hintMemory, 6);
    expect(its.sum / its.weight).toBeCloseTo(10_000 + 10_000 / hintMemory, 6);
  });

  test("follows a change, a hint's mean long before that of all", () => {
    const before = times(fleetMemory, () => ["x", 10_000] as const);
    const after = times(5 * hintMemory, () => ["x", 20_000] as const);
    const estimates = served(...before, ...after);
    expect(Math.abs(serviceMs(estimates, "x") - 20_000)).toBeLessThan(1000);
    expect(serviceMs(estimates, "y")).toBeLessThan(serviceMs(estimates, "x"));
  });
});

describe("the time a load takes", () => {
  /** Warm answers after 2 s, then cold ones of x. */
  function loaded(...coldMs: readonly number[]): Estimates {
    const estimates = served(["x", 5000]);
    for (const hint of ["x", "y"]) learnAnswer(estimates, hint, 2000);
    for (const afterMs of coldMs) learnLoad(estimates, "x", afterMs);
    return estimates;
  }

  test("is the first guess until loads have been seen", () => {
    expect(loadMs(loaded(), "x")).toBe(COLD_MS);
  });

  test("is learned from how much later a cold answer comes than a warm one: 20 - 2 = 18 s", () => {
    const estimates = loaded(20_000);
    const ofAll = (18_000 + loadPrior * COLD_MS) / (1 + loadPrior);
    expect(meanLoadMs(estimates)).toBeCloseTo(ofAll, 6);
    // Its own load is told from its service as far as one warm answer tells.
    const own = (18_000 + ownLoadPrior * ofAll) / (1 + ownLoadPrior);
    expect(loadMs(estimates, "x")).toBeCloseTo(ofAll + (own - ofAll) / (1 + toldApart), 6);
    expect(loadMs(estimates, "another")).toBeCloseTo(ofAll, 6);
  });

  test("approaches what is seen again and again", () => {
    expect(Math.abs(loadMs(loaded(...times(500, () => 4000)), "x") - 2000)).toBeLessThan(200);
  });

  test("is not below 0 where cold answers come sooner, and no odd one counts more than `outlier` times the mean", () => {
    expect(meanLoadMs(loaded(1))).toBeCloseTo((loadPrior * COLD_MS) / (1 + loadPrior), 6);
    expect(meanLoadMs(loaded(1e9))).toBeCloseTo((COLD_MS * (outlier + loadPrior)) / (1 + loadPrior), 6);
  });

  test("is not learned before any warm answer tells what a load adds to", () => {
    const estimates = createEstimates(COLD_MS);
    learnLoad(estimates, "x", 60_000);
    expect(loadMs(estimates, "x")).toBe(COLD_MS);
  });
});

describe("what a grant teaches of its hint", () => {
  type Happens = "warm" | "no hint" | "cold" | "behind a load" | "after an unreported load" | "before a restart" | "unanswered";

  /** Samples of the hint's means after one request that was answered after 3 s, twice as it were, and over after 5 s. */
  function samplesAfter(happens: Happens) {
    const fleet = fleetWith({ a: { hints: ["x"], concurrency: 4 } });
    const { estimates } = fleet;
    for (const hint of ["", "x", "y"]) countArrival(estimates, hint);
    learnAnswer(estimates, "another", 1000);
    if (happens === "behind a load") load(fleet, "a", "y");
    if (happens === "after an unreported load") stopLoading(fleet, load(fleet, "a", "y"), 0);
    const hint = happens === "no hint" ? null : happens === "warm" || happens === "unanswered" ? "x" : "y";
    const warm = happens !== "cold" && happens !== "after an unreported load";
    const grant =
      happens === "before a restart"
        ? adoptSlot(fleet, 99, { replica: "a", incarnation: 1, hint, startedAtMs: 0, answered: true })
        : takeSlot(fleet, 99, { replica: known(fleet, "a"), hint, warm }, 0);
    if (grant === null) throw new Error("not adopted");
    if (happens !== "unanswered") for (const now of [3000, 4000]) answerGrant(fleet, grant, now);
    finishGrant(fleet, grant, 5000);
    const { service, answer, load: loads } = estimates.hints.get(hint ?? "") ?? {};
    return [service, answer, loads].map((mean) => [mean?.weight, mean?.sum]);
  }

  const NOTHING = [0, 0];
  test.each<[Happens, number[], number[], number[]]>([
    ["warm", [1, 5000], [1, 3000], NOTHING],
    ["no hint", [1, 5000], [1, 3000], NOTHING],
    // 3 s to the first answer where a warm one takes 1 s; of its service nothing while nothing is known of any.
    ["cold", NOTHING, NOTHING, [1, 2000]],
    ["behind a load", NOTHING, NOTHING, NOTHING],
    ["after an unreported load", NOTHING, NOTHING, NOTHING],
    ["before a restart", NOTHING, NOTHING, NOTHING],
    ["unanswered", NOTHING, NOTHING, NOTHING],
  ])("%s: service %j, answer %j, load %j", (happens, service, answer, loads) => {
    expect(samplesAfter(happens)).toEqual([service, answer, loads]);
  });

  test("a load that no report has confirmed is learned once, however many requests find it done", () => {
    const fleet = driver({ a: { hints: ["w"], hintSlots: 1 } });
    const { estimates } = fleet.its.fleet;
    fleet.teaches("x", 1000, 30);
    fleet.arrives(1, ["x"]);
    fleet.answers(1, COLD_MS);
    fleet.ends(1, COLD_MS + 1000);
    const learned = structuredClone([estimates.load, estimates.service, estimates.newAnswer]);
    for (let id = 2; id < 30; id++) {
      const now = 2 * COLD_MS + id;
      fleet.arrives(id, ["x"], now);
      fleet.answers(id, now);
      fleet.ends(id, now);
    }
    expect([estimates.load, estimates.service, estimates.newAnswer]).toEqual(learned);
    expect(meanLoadMs(estimates)).toBeCloseTo(COLD_MS, -1);
  });
});

describe("demand", () => {
  /** A sequence of arrivals, oldest first. */
  function asked(...hints: readonly string[]): Estimates {
    const estimates = createEstimates(COLD_MS);
    for (const hint of hints) countArrival(estimates, hint);
    return estimates;
  }

  test("is a share: of every fourth request about a quarter, of every one all, of none nothing", () => {
    const many = 5 * Math.max(TUNING.steadyArrivals, TUNING.recentArrivals);
    const estimates = asked(...times(many, (index) => (index % 4 === 0 ? "x" : `rare-${index}`)));
    expect(Math.abs(demandShare(estimates, "x") - 0.25)).toBeLessThan(0.05);
    expect(demandShare(asked(...times(many, () => "x")), "x")).toBeGreaterThan(0.95);
    expect(demandShare(estimates, "never asked for")).toBe(0);
  });

  test("of all hints together is at most about 1, and no share is negative", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom("v", "w", "x", "y", ""), { maxLength: 300 }), (hints) => {
        const estimates = asked(...hints);
        const shares = [...estimates.hints.keys()].map((hint) => demandShare(estimates, hint));
        for (const share of shares) expect(share).toBeGreaterThan(0);
        // A memory of n arrivals adds up to 1 / (n (1 - e^(-1/n))), about 1 + 1 / 2n.
        expect(shares.reduce((sum, share) => sum + share, 0)).toBeLessThan(1 + 1 / TUNING.recentArrivals);
      }),
      seeded(200),
    );
  });

  test("fades with every arrival of something else, and one who was asked for just now counts more", () => {
    const estimates = asked(...times(20, () => "x"));
    const shares = times(50, (index) => {
      countArrival(estimates, `other-${index}`);
      return demandShare(estimates, "x");
    });
    expect(shares).toEqual(shares.toSorted((a, b) => b - a));
    expect(demandShare(asked("x", "y"), "y")).toBeGreaterThan(demandShare(asked("x", "y"), "x"));
  });

  test("is not more for a request that asks again because a replica failed it", () => {
    const { arrives, its } = driver({ a: {}, b: {} });
    arrives(1, ["x"], 0, { avoid: ["a"] });
    expect(demandShare(its.fleet.estimates, "x")).toBe(0);
    arrives(2, ["x"]);
    expect(demandShare(its.fleet.estimates, "x")).toBeGreaterThan(0);
  });

  test("of at most 20,000 hints is remembered; the longest not asked for is forgotten", () => {
    const estimates = asked(
      "first",
      "second",
      ...times(LIMITS.learnedHints - 2, (index) => `hint-${index}`),
      "first",
      "one more",
    );
    expect(estimates.hints.size).toBe(LIMITS.learnedHints);
    expect(["first", "second", "one more"].map((hint) => estimates.hints.has(hint))).toEqual([true, false, true]);
  });
});
