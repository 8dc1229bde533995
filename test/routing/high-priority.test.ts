// Requests of high priority wait behind nobody but those who are late, and starve nobody.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { orderOf, overtakenUntil, priorityOf, urgencyOf, type Order } from "../../src/routing/policy/priority.ts";
import { driver, type Driver } from "./support/driver.ts";
import { OPTIONS } from "./support/fleets.ts";
import { seeded } from "./support/seeded.ts";

const HIGH = { priority: "high" } as const;
const LOW = { priority: "low" } as const;
const HOUR_MS = 3_600_000;

/** One replica with one slot, which request 1 holds. */
function busy(): Driver {
  const fleet = driver({ a: { hints: ["x"], hintSlots: 1 } });
  fleet.arrives(1, ["x"]);
  return fleet;
}

/** The order in which waiting requests are served from then on, each for a moment. */
function order(fleet: Driver, now: number): number[] {
  const served: number[] = [];
  for (let running = 1; fleet.waiting().length > 0; running = served.at(-1) ?? 0) {
    fleet.ends(running, now);
    served.push(...Object.keys(fleet.settles(now)).map(Number));
  }
  return served;
}

test("a slot that frees goes to a high one though others came first, and among their like the oldest is first", () => {
  const fleet = busy();
  fleet.arrives(2, ["x"], 10);
  fleet.arrives(3, ["x"], 20, LOW);
  fleet.arrives(4, ["x"], 30, HIGH);
  fleet.arrives(5, ["x"], 40);
  fleet.arrives(6, ["x"], 50, HIGH);
  const { count } = fleet.its.room;
  expect({ ...count }).toEqual({ high: 2, normal: 2, low: 1 });
  expect(order(fleet, 100)).toEqual([4, 6, 2, 5, 3]);
  expect({ ...count }).toEqual({ high: 0, normal: 0, low: 0 });
});

test("a high one that must load goes before one that is warm", () => {
  const fleet = busy();
  fleet.arrives(2, ["x"], 10);
  fleet.arrives(3, ["cold"], 20, HIGH);
  expect(order(fleet, 100)).toEqual([3, 2]);
});

test("it is before any that is within its tolerance, whatever the two cost", () => {
  const cost = fc.integer({ min: 0, max: 1000 * HOUR_MS });
  const anyOrder = fc.record({
    turnMs: fc.integer({ min: 1, max: HOUR_MS }),
    toleranceMs: fc.integer({ min: 1000, max: HOUR_MS }),
    loadWeight: fc.integer({ min: 1, max: 20 }),
  });
  fc.assert(
    fc.property(cost, cost, anyOrder, fc.double({ min: 0, max: 0.99, noNaN: true }), (its, others, order: Order, late) => {
      const now = HOUR_MS;
      const high = urgencyOf("high") * priorityOf({ arrivedAtMs: now, deadlineMs: Infinity }, its, order, now);
      const queued = { arrivedAtMs: now - late * order.toleranceMs, deadlineMs: Infinity };
      for (const priority of ["normal", "low"] as const) {
        expect(urgencyOf(priority) * priorityOf(queued, others, order, now)).toBeLessThan(high);
      }
    }),
    seeded(500),
  );
});

describe("nobody starves", () => {
  test("one that has waited `overtakenUntil` tolerances is before every high newcomer, whatever the two cost", () => {
    const cost = fc.integer({ min: 0, max: 1000 * HOUR_MS });
    fc.assert(
      fc.property(
        cost,
        cost,
        fc.integer({ min: 1, max: HOUR_MS }),
        fc.integer({ min: 1, max: HOUR_MS }),
        (its, others, ms, turnMs) => {
          const order = { turnMs, toleranceMs: ms, loadWeight: 4 };
          const now = Math.ceil(overtakenUntil("high") * ms) + 1;
          const high = urgencyOf("high") * priorityOf({ arrivedAtMs: now, deadlineMs: Infinity }, others, order, now);
          expect(priorityOf({ arrivedAtMs: 0, deadlineMs: Infinity }, its, order, now)).toBeGreaterThan(high);
        },
      ),
      seeded(300),
    );
    expect(overtakenUntil("high")).toBeGreaterThan(overtakenUntil());
    expect(overtakenUntil("low")).toBe(overtakenUntil("normal"));
  });

  test("however many high ones there always are, of whatever hints: it is served in that time", () => {
    const hint = fc.constantFrom("x", "y", "cold");
    fc.assert(
      fc.property(
        fc.infiniteStream(hint),
        hint,
        fc.constantFrom(200, 1000, 5000),
        fc.constantFrom("normal", "low"),
        (hints, its, servingMs, priority) => {
          const fleet = driver({ a: { hints: ["x", "y"], hintSlots: 3 } }, { ...OPTIONS, affinityWait: "never" });
          for (const taught of ["x", "y", "cold"]) fleet.teaches(taught, servingMs, 20);
          fleet.arrives(1, ["x"]);
          const deadlineMs = 400_000;
          fleet.arrives(2, [its], 0, { priority, deadlineMs });
          let [now, running, overtaken] = [0, 1, 0];
          for (let id = 3; running !== 2; id += 2) {
            // There is more than one for each slot that frees.
            for (const one of [id, id + 1])
              fleet.arrives(one, [hints.next().value ?? "x"], now, { ...HIGH, deadlineMs: now + deadlineMs });
            now += servingMs;
            fleet.answers(running, now, ["x", "y", "cold"]);
            fleet.ends(running, now);
            running = Number(Object.keys(fleet.settles(now))[0]);
            overtaken++;
            const mostMs = overtakenUntil("high") * Math.min(orderOf(fleet.its.fleet).toleranceMs, 0.6 * deadlineMs);
            expect(now).toBeLessThanOrEqual(mostMs + (priority === "low" ? deadlineMs / 2 : 0) + servingMs);
          }
          expect(overtaken).toBeGreaterThan(3);
        },
      ),
      seeded(30),
    );
  });
});

test("it is refused by what waits before it, and that is high ones alone", () => {
  const fleet = driver({ a: {} });
  fleet.its.held.sum = 20 * 10_000;
  fleet.its.held.weight = 20;
  fleet.arrives(1, []);
  for (let id = 2; id < 5; id++) expect(fleet.arrives(id, [], 0)).toBe("waiting");
  for (let id = 5; id < 7; id++) expect(fleet.arrives(id, [], 0, HIGH)).toBe("waiting");
  // Two high ones before it take 20 s, and with the three others 50 s.
  expect(fleet.arrives(10, [], 0, { ...HIGH, deadlineMs: 19_999 })).toBe("queue_full");
  expect(fleet.arrives(11, [], 0, { ...HIGH, deadlineMs: 20_000 })).toBe("waiting");
  expect(fleet.arrives(12, [], 0, { deadlineMs: 59_999 })).toBe("queue_full");
  expect(fleet.arrives(13, [], 0, { deadlineMs: 60_000 })).toBe("waiting");
});

test("high and normal ones may fill the queue, and are as many to a client that asks for a shorter one", () => {
  const fleet = driver({ a: {} }, { ...OPTIONS, queueLengthMax: 4 });
  fleet.arrives(1, []);
  for (let id = 2; id < 6; id++) expect(fleet.arrives(id, [], 0, HIGH)).toBe("waiting");
  expect(fleet.arrives(6, [], 0, HIGH)).toBe("queue_full");
});
