// Retries are a share of traffic, with as many in reserve as the fleet has slots.
import fc from "fast-check";
import { expect, test } from "vitest";
import { admit, createRetryBudget, type RetryBudget } from "../../../src/routing/health/retry-budget.ts";
import { choose } from "../../../src/routing/scheduler.ts";
import { costPolicy } from "../../../src/routing/policy/cost.ts";
import { driver, type Driver } from "../support/driver.ts";
import { OPTIONS, wants } from "../support/fleets.ts";
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

test("five requests earn one, a second earns one, and no more than the reserve is kept", () => {
  const budget = createRetryBudget();
  spendAll(budget, 20);
  for (let request = 0; request < 4; request++) admit(budget, false, 0, 0);
  expect(admit(budget, true, 20, 0)).toBe(false);
  admit(budget, false, 0, 0);
  expect(spendAll(budget, 20)).toBe(1);
  expect(spendAll(budget, 20, 3000)).toBe(3);
  for (let request = 0; request < 1000; request++) admit(budget, false, 0, 0);
  expect(spendAll(budget, 20, 3000)).toBe(20);
});

test("a fleet that shrinks has less in reserve; one that is refused costs nothing", () => {
  const budget = createRetryBudget();
  for (let retry = 0; retry < 30; retry++) admit(budget, true, 64, 0);
  expect(admit(budget, true, 20, 0)).toBe(false);
  expect(budget.owed).toBe(150);
  expect(admit(budget, true, 20, 11_000)).toBe(true);
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

/** Retries that are let in now, at most 200. Each is over at once. */
function retries(fleet: Driver): number {
  let letIn = 0;
  while (letIn < 200 && fleet.arrives(10_000 + letIn, [], 0, { avoid: ["none"] }) !== "no_retry_left") {
    fleet.ends(10_000 + letIn);
    letIn++;
  }
  return letIn;
}

/** Two replicas of one slot, both taken, and a queue that is full. */
function full(): Driver {
  const fleet = driver({ a: {}, b: {} }, costPolicy(), { ...OPTIONS, queueLengthMax: 1 });
  for (const id of [1, 2, 3]) fleet.arrives(id, []);
  expect(fleet.arrives(4, [])).toBe("queue_full");
  return fleet;
}

test("a retry that is refused for another reason costs nothing", () => {
  const fleet = full();
  for (let id = 100; id < 200; id++) expect(fleet.arrives(id, [], 0, { avoid: ["a"] })).toBe("queue_full");
  for (const id of [1, 2, 3]) fleet.ends(id);
  expect(retries(fleet)).toBe(20);
});

test("a request that is refused earns nothing; one that waits does, as one that is granted a slot", () => {
  const fleet = full();
  fleet.its.retries.owed = 100;
  for (let id = 100; id < 200; id++) expect(fleet.arrives(id, [])).toBe("queue_full");
  expect(fleet.its.retries.owed).toBe(100);
  fleet.ends(3);
  expect(fleet.arrives(200, [])).toBe("waiting");
  for (const id of [1, 2, 200]) fleet.ends(id);
  expect(fleet.arrives(201, [])).toBe("a least_loaded");
  expect(fleet.its.retries.owed).toBe(98);
});

test("requests that take no slot have a budget of their own, which theirs earn", () => {
  const fleet = driver({ a: {}, b: {} });
  const chosen = (count: number, avoid: readonly string[]) =>
    Array.from({ length: count }, () => choose(fleet.its, wants([], avoid), 0)).filter((choice) => choice !== null).length;
  expect([chosen(50, ["a"]), chosen(4, []), chosen(1, ["a"]), chosen(1, []), chosen(2, ["a"])]).toEqual([20, 4, 0, 1, 1]);
  expect(retries(fleet)).toBe(20);
  expect(chosen(100, [])).toBe(100);
  expect(retries(fleet)).toBe(0);
});

test("one that takes no slot and can go nowhere is not counted", () => {
  const fleet = driver({ a: {} });
  for (let time = 0; time < 100; time++) expect(choose(fleet.its, wants([], ["a"]), 0)).toBe(null);
  expect(fleet.its.slotlessRetries.owed).toBe(0);
});
