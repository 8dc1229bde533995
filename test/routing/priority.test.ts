// The order of those that wait, as a function of numbers alone: who is sooner, how long anyone is overtaken, what a wait is worth.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countArrival, learnAnswer, learnLoad, learnService, turnOf } from "../../src/routing/model/estimates.ts";
import { noteBacklog, noteBusy } from "../../src/routing/model/utilisation.ts";
import {
  coldCostMs,
  insistsAtMs,
  orderOf,
  overtakenUntil,
  patienceMs,
  priorityOf,
  sharersOf,
  underLoad,
  warmCostMs,
  worthWaitingMs,
  type InLine,
  type Order,
} from "../../src/routing/policy/priority.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { COLD_MS, fleetWith, type Said, foundFull } from "./support/fleets.ts";
import { seeded } from "./support/seeded.ts";

const HOUR_MS = 3_600_000;
const ORDER: Order = { turnMs: 30_000, toleranceMs: 60_000, loadWeight: 4 };
const ms = (max = HOUR_MS) => fc.integer({ min: 0, max });
const patient = (arrivedAtMs = 0) => ({ arrivedAtMs, deadlineMs: Infinity });
const order = fc.record({
  turnMs: fc.integer({ min: 1, max: HOUR_MS }),
  toleranceMs: fc.integer({ min: 1, max: HOUR_MS }),
  loadWeight: fc.integer({ min: 1, max: 20 }),
});

describe("priority", () => {
  test("grows with age, whatever the deadline", () => {
    fc.assert(
      fc.property(ms(), ms(), ms(), fc.option(ms(), { nil: Infinity }), order, (cost, age, more, deadlineMs, order) => {
        const queued = { arrivedAtMs: 0, deadlineMs };
        expect(priorityOf(queued, cost, order, age + more)).toBeGreaterThanOrEqual(priorityOf(queued, cost, order, age));
      }),
      seeded(300),
    );
  });

  test("falls with cost", () => {
    fc.assert(
      fc.property(ms(), ms(), ms(), order, (cost, more, age, order) => {
        expect(priorityOf(patient(), cost + more, order, age)).toBeLessThanOrEqual(priorityOf(patient(), cost, order, age));
      }),
      seeded(300),
    );
  });

  test("is above 0 and finite for anything there may be", () => {
    const extreme = fc.constantFrom(0, 1, 1e3, 1e6, 1e9);
    fc.assert(
      fc.property(extreme, extreme, extreme, extreme, (cost, now, arrivedAtMs, deadlineMs) => {
        const priority = priorityOf({ arrivedAtMs, deadlineMs }, cost, ORDER, now);
        expect(priority > 0 && priority < Infinity).toBe(true);
      }),
      seeded(300),
    );
  });

  // The rule that bounds a wait.
  test("of one that has waited `overtakenUntil` tolerances is higher than any newcomer's, whatever the two cost", () => {
    const cost = fc.integer({ min: 0, max: 1000 * HOUR_MS });
    fc.assert(
      fc.property(cost, cost, order, fc.option(ms(), { nil: Infinity }), (cost, newcomers, order, deadlineMs) => {
        const now = Math.ceil(overtakenUntil() * order.toleranceMs) + 1;
        const newcomer = { arrivedAtMs: now, deadlineMs: now + deadlineMs };
        expect(priorityOf(patient(), cost, order, now)).toBeGreaterThan(priorityOf(newcomer, newcomers, order, now));
      }),
      seeded(300),
    );
  });

  // And of how long by which: one that costs r times as much is overtaken by newcomers for r^(1/8) tolerances at most.
  test("of a request that costs r times a newcomer's is higher after the eighth root of r tolerances", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: HOUR_MS }), fc.integer({ min: 1, max: 10_000 }), order, (cost, times, order) => {
        const now = Math.ceil(times ** (1 / 8) * order.toleranceMs);
        const old = priorityOf(patient(), times * cost, order, now);
        expect(old).toBeGreaterThan(priorityOf(patient(now), cost, order, now));
      }),
      seeded(300),
    );
  });

  test("goes by cost alone up to about the tolerance", () => {
    const of = (late: number, costMs: number) => priorityOf(patient(), costMs, ORDER, late * ORDER.toleranceMs);
    expect(of(0.7, 60_000)).toBeLessThan(of(0, 30_000 * 1.8));
    expect(of(1, 60_000)).toBe(2 * of(0, 60_000));
  });

  test("grows sooner with a deadline near", () => {
    const of = (deadlineMs: number) => priorityOf({ arrivedAtMs: 0, deadlineMs }, 1000, ORDER, 10_000);
    const falling = [11_000, 20_000, 40_000, Infinity].map(of);
    expect(falling).toEqual(falling.toSorted((a, b) => b - a));
    expect(falling[0]).toBeGreaterThan(falling[3] ?? Infinity);
  });
});

describe("the tolerance", () => {
  const taught = (replicas: Record<string, Said>) => {
    const fleet = fleetWith(replicas);
    learnService(fleet.estimates, "x", 8000, null);
    return fleet;
  };

  test("of a fleet where nobody has waited is some turns, a turn being a mean request and a load", () => {
    const turnMs = 8000 + COLD_MS;
    expect(orderOf(taught({ a: {} }))).toMatchObject({ turnMs, toleranceMs: TUNING.tolerance * turnMs });
  });

  test("grows with the longest backlog, which fades", () => {
    const { estimates } = taught({ a: {} });
    const fleet = { ...taught({ a: {} }), estimates };
    const tolerance = (backlogMs: number, now: number) => {
      noteBacklog(estimates.pressure, backlogMs, turnOf(estimates), now);
      return orderOf(fleet).toleranceMs;
    };
    const none = tolerance(0, 0);
    const peak = tolerance(1_000_000, 1000);
    expect(peak).toBeGreaterThan(none);
    // While it drains it counts for what it was, and days later for nothing.
    expect(tolerance(10_000, 60_000)).toBeGreaterThan(0.99 * peak);
    expect(tolerance(2_000_000, 120_000)).toBeGreaterThan(peak);
    expect(tolerance(0, 1e10)).toBeCloseTo(none, 6);
  });

  test("forgets a backlog in `backlogTurns`, by the clock of the day, and not the faster where that goes back", () => {
    const fleet = taught({ a: {} });
    const { estimates } = fleet;
    const today = 1.7e12;
    noteBacklog(estimates.pressure, 1_000_000, turnOf(estimates), today);
    noteBacklog(estimates.pressure, 0, turnOf(estimates), today - 1e9);
    expect(estimates.pressure.backlogMs).toBe(1_000_000);
    noteBacklog(estimates.pressure, 0, turnOf(estimates), today);
    noteBacklog(estimates.pressure, 1_000_000, turnOf(estimates), today);
    const turns = TUNING.backlogTurns * orderOf(fleet).turnMs;
    noteBacklog(estimates.pressure, 0, turnOf(estimates), today + turns / 2);
    noteBacklog(estimates.pressure, 0, turnOf(estimates), today + turns);
    expect(estimates.pressure.backlogMs).toBeCloseTo(1_000_000 / Math.E, 3);
  });

  test("grows faster in a fleet that has been busy for long, and its loads weigh more", () => {
    const { estimates } = taught({ a: {} });
    const fleet = { ...taught({ a: {} }), estimates };
    const orders = [0, 0.5, 0.9, 0.99].map((share) => {
      noteBusy(estimates.pressure, share, turnOf(estimates), estimates.pressure.busyAtMs + 1e9);
      noteBacklog(estimates.pressure, 100_000, turnOf(estimates), estimates.pressure.busyAtMs);
      return orderOf(fleet);
    });
    for (const part of ["toleranceMs", "loadWeight"] as const) {
      const growing = orders.map((its) => its[part]);
      expect(growing).toEqual(growing.toSorted((a, b) => a - b));
      expect(growing.at(-1)).toBeGreaterThan(growing[0] ?? 0);
    }
  });

  test.each([
    ["no deadline: that of the fleet", Infinity, ORDER.toleranceMs],
    ["a deadline far away: that of the fleet", (2 * ORDER.toleranceMs) / TUNING.patience, ORDER.toleranceMs],
    ["a deadline near: a part of the time until then", 1000, TUNING.patience * 1000],
    ["a deadline at once: hardly any", 0, 1],
    ["a deadline that has passed: hardly any", -1000, 1],
  ])("of one request, with %s", (_, deadlineMs, due) => {
    expect(patienceMs({ arrivedAtMs: 0, deadlineMs }, ORDER)).toBe(due);
  });

  test("a request insists a little before it is over", () => {
    expect(insistsAtMs(patient(5000), ORDER)).toBeCloseTo(5000 + TUNING.insists * ORDER.toleranceMs, 6);
  });

  test("every request insists before its deadline, when `insists` times `patience` of the time until then has passed at the latest", () => {
    fc.assert(
      fc.property(ms(), fc.integer({ min: 1, max: HOUR_MS }), order, (arrivedAtMs, timeMs, order) => {
        const insistsMs = insistsAtMs({ arrivedAtMs, deadlineMs: arrivedAtMs + timeMs }, order);
        expect(insistsMs).toBeGreaterThan(arrivedAtMs);
        expect(insistsMs).toBeLessThanOrEqual(arrivedAtMs + TUNING.insists * Math.max(1, TUNING.patience * timeMs));
      }),
      seeded(200),
    );
  });
});

describe("what grows with the share of busy slots", () => {
  const drawn = fc.double({ min: 0, max: 1, noNaN: true });
  test("never falls, and never leaves its bounds", () => {
    fc.assert(
      fc.property(drawn, drawn, (one, other) => {
        const its = { base: 1, busy: 0.2, most: 3 };
        const [low, high] = [underLoad(its, Math.min(one, other)), underLoad(its, Math.max(one, other))];
        expect(low).toBeLessThanOrEqual(high);
        expect(low).toBeGreaterThanOrEqual(its.base + its.busy);
        expect(high).toBeLessThanOrEqual(its.most);
      }),
      seeded(200),
    );
  });
});

describe("the cost of a request that must load", () => {
  const costOf = (servingMs: number, loadingMs: number, regretMs: number, sharedBy: number) =>
    coldCostMs(servingMs, loadingMs, regretMs, sharedBy, ORDER);

  test("is the serving, and the load with what it evicts by their weight, shared", () => {
    const { loadWeight } = ORDER;
    const { sharing } = TUNING;
    expect(costOf(5000, 12_000, 3000, 1)).toBe(5000 + loadWeight * 15_000);
    expect(costOf(5000, 12_000, 3000, 2)).toBe(5000 + (loadWeight * 15_000) / Math.min(2, sharing));
    expect(costOf(5000, 12_000, 3000, 1000)).toBe(5000 + (loadWeight * 15_000) / sharing);
    expect(costOf(5000, 12_000, 3000, 0)).toBe(costOf(5000, 12_000, 3000, 1));
    expect(costOf(5000, 0, 0, 1)).toBe(5000);
  });

  test("never falls with any of its parts but sharing", () => {
    fc.assert(
      fc.property(ms(), ms(), ms(), fc.nat({ max: 20 }), ms(), (serving, loading, regret, sharedBy, more) => {
        const cost = costOf(serving, loading, regret, sharedBy);
        expect(costOf(serving + more, loading, regret, sharedBy)).toBeGreaterThanOrEqual(cost);
        expect(costOf(serving, loading + more, regret, sharedBy)).toBeGreaterThanOrEqual(cost);
        expect(costOf(serving, loading, regret + more, sharedBy)).toBeGreaterThanOrEqual(cost);
        expect(costOf(serving, loading, regret, sharedBy + 1)).toBeLessThanOrEqual(cost);
      }),
      seeded(200),
    );
  });

  test("is shared with those that wait, but for those who have a copy already", () => {
    const fleet = fleetWith({ a: { hints: ["x"] }, b: { hints: ["x"] } });
    expect(sharersOf(fleet, "y", 4)).toBe(4);
    expect(sharersOf(fleet, "x", 6)).toBe(2);
    expect(sharersOf(fleet, "x", 1)).toBe(1);
  });
});

describe("the cost of a request that finds its hint warm", () => {
  const MEAN_MS = 10_000;
  const fleet = fleetWith({ a: {} });
  learnService(fleet.estimates, "x", MEAN_MS, null);
  const costOf = (elsewhere: number, waiting = 0) => warmCostMs(5000, elsewhere, fleet, waiting);

  test("is the serving where no other replica can take it for the time of a request", () => {
    for (const elsewhere of [MEAN_MS, 5 * MEAN_MS, Infinity]) expect(costOf(elsewhere)).toBe(5000);
  });

  test("is more, the sooner another can, and less where many wait for that one too", () => {
    const byTime = [0, 0.3, 0.6, 1].map((share) => costOf(share * MEAN_MS));
    expect(byTime).toEqual([...new Set(byTime)].toSorted((a, b) => b - a));
    expect(costOf(0)).toBeCloseTo(5000 / TUNING.elsewhereSoonest ** TUNING.elsewhere, 6);
    const byQueue = [0, 1, 2, 100].map((waiting) => costOf(0.3 * MEAN_MS, waiting));
    expect(byQueue).toEqual(byQueue.toSorted((a, b) => b - a));
    expect(byQueue.at(-1)).toBe(5000);
  });

  test("is the serving before any request has ended", () => {
    expect(warmCostMs(5000, 0, fleetWith({ a: {} }), 0)).toBe(5000);
  });
});

describe("a wait is worth", () => {
  const worth = (regretMs: number, waiting: number, loadMs = COLD_MS) => {
    const fleet = fleetWith({ a: { concurrency: 4 } });
    countArrival(fleet.estimates, "x");
    learnAnswer(fleet.estimates, "x", 1);
    for (let sample = 0; sample < 200; sample++) learnLoad(fleet.estimates, "x", loadMs);
    return worthWaitingMs(fleet, "x", regretMs, waiting);
  };

  test("more with what is evicted, with the time of a load, and with each that waits", () => {
    expect(worth(0, 0)).toBeGreaterThan(0);
    expect(worth(5000, 0)).toBeGreaterThan(worth(0, 0));
    expect(worth(0, 0, 3 * COLD_MS)).toBeGreaterThan(2 * worth(0, 0));
    const byQueue = [0, 1, 4, 20].map((waiting) => worth(0, waiting));
    expect(byQueue).toEqual([...new Set(byQueue)].toSorted((a, b) => a - b));
  });

  test("more where the load would take the last free slot, less for each that waits behind, up to the most counted", () => {
    const fleet = fleetWith({ a: {} });
    const shareOf = (inLine: InLine) =>
      (worthWaitingMs(fleet, "x", 3000, 1, inLine) - worthWaitingMs(fleet, "x", 3000, 1)) / (COLD_MS + 3000);
    expect(shareOf({ behind: 0, takesLast: true })).toBeCloseTo(TUNING.waitShareLast);
    expect(shareOf({ behind: 2, takesLast: false })).toBeCloseTo(-2 * TUNING.waitShareBehind);
    expect(shareOf({ behind: 99, takesLast: false })).toBeCloseTo(-TUNING.behindAtMost * TUNING.waitShareBehind);
  });

  test("less for a hint that is asked for all the time and has no copies to spare: a load makes one", () => {
    const fleet = fleetWith({ a: { hints: ["hot", "hot too"] }, b: { hints: ["hot"] }, c: { hints: ["hot"] } });
    for (const hint of ["hot", "hot too", "rare"]) countArrival(fleet.estimates, hint);
    for (let arrival = 0; arrival < 2000; arrival++) countArrival(fleet.estimates, ["hot", "hot too"][arrival % 2] ?? "");
    foundFull(fleet, 0.5);
    const worth = (hint: string) => worthWaitingMs(fleet, hint, 0, 0);
    expect(worth("hot too")).toBeLessThan(worth("hot"));
    expect(worth("hot")).toBeLessThan(worth("rare"));
    expect(worth("hot too")).toBeGreaterThan(0);
  });

  test("no more once `waitingPerSlotAtMost` wait for each slot", () => {
    const most = 4 * TUNING.waitingPerSlotAtMost;
    expect(worth(0, 2 * most)).toBe(worth(0, most));
  });
});
