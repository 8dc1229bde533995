// Retries are a share of traffic, with as many in reserve as the fleet has slots.
import fc from "fast-check";
import { expect, test } from "vitest";
import { admit, createRetryBudget, type RetryBudget } from "../../../src/routing/health/retry-budget.ts";
import { driver } from "../support/driver.ts";
import { seeded } from "../support/seeded.ts";

/** Retries that can be spent now, at most 200. */
function spendAll(budget: RetryBudget, slots: number, now = 0): number {
  let spent = 0;
  while (spent < 200 && admit(budget, true, slots, now)) spent++;
  return spent;
}

test.each([
  [1, 20],
  [20, 20],
  [64, 64],
])("a fleet of %i slots has %i in reserve", (slots, reserve) => {
  const budget = createRetryBudget();
  expect([spendAll(budget, slots), spendAll(budget, slots)]).toEqual([reserve, 0]);
});

test("in any traffic retries are at most a fifth of the requests, one a second, and the reserve", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat({ max: 5 }), fc.nat({ max: 400 }))), (steps) => {
      const budget = createRetryBudget();
      let [now, requests, retries] = [0, 0, 0];
      for (const [arrivals, passedMs] of steps) {
        now += passedMs;
        for (let arrival = 0; arrival < arrivals; arrival++) admit(budget, false, 0, 0);
        requests += arrivals;
        retries += spendAll(budget, 8, now);
        expect(retries).toBeLessThanOrEqual(20 + requests / 5 + now / 1000 + 1e-6);
      }
    }),
    seeded(300),
  );
});

test("the scheduler refuses a retry beyond it, and says why; one that could go nowhere is not counted", () => {
  const fleet = driver({ a: { concurrency: 100 }, b: { concurrency: 100 }, c: { status: "starting" } });
  for (let id = 0; id < 200; id++) expect(fleet.arrives(id, [], 0, { avoid: ["a", "b"] })).toBe("no_other_replica");
  const outcomes = Array.from({ length: 250 }, (_, id) => fleet.arrives(1000 + id, [], 0, { avoid: [`x${id}`] }));
  expect(outcomes.filter((outcome) => outcome === "no_retry_left")).toHaveLength(50);
  expect(fleet.its.counters.refused.no_retry_left).toBe(50);
  expect(fleet.arrives(2000, [], 1000, { avoid: ["a"] })).not.toBe("no_retry_left");
});
