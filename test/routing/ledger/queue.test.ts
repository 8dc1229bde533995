// The requests that wait: their classes, leaving them, who is overdue, and the indexes under any order of coming and going.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { join, leave, overdue, Queue, type Waiting } from "../../../src/routing/ledger/queue.ts";
import { queueViolations } from "../support/invariants.ts";
import { seeded } from "../support/seeded.ts";
import { inOrder } from "../support/waits.ts";

const one = (id: number, arrivedAtMs: number, rest: Partial<Waiting> = {}): Waiting => ({
  id,
  hints: [],
  avoid: [],
  arrivedAtMs,
  deadlineMs: 100,
  queueLengthMax: null,
  declaredMs: null,
  priority: "normal",
  countedAt: null,
  expectedMs: 0,
  loadMs: 0,
  ...rest,
});

function queueOf(...waiting: readonly Waiting[]) {
  const queue = new Queue();
  for (const each of waiting) join(queue, each);
  return queue;
}

/** The ids of each class. */
const classes = (queue: Queue) => [...queue.classes.values()].map(({ waiting }) => waiting.map(({ id }) => id));

test("a class is in order of arrival, those of one moment in the order they came in", () => {
  expect(classes(queueOf(one(1, 10), one(2, 20), one(3, 10), one(4, 5), one(5, 20)))).toEqual([[4, 1, 3, 2, 5]]);
});

test("all of them can be had in order of arrival, whatever their classes", () => {
  const queue = queueOf(one(1, 30, { hints: ["x"] }), one(2, 10), one(3, 20, { hints: ["x"] }));
  expect(inOrder(queue).map(({ id }) => id)).toEqual([2, 3, 1]);
});

describe("requests share a class", () => {
  test.each<[string, Partial<Waiting>, Partial<Waiting>, boolean]>([
    ["that want the same", { hints: ["x", "y"] }, { hints: ["x", "y"] }, true],
    ["not those of another order of preference", { hints: ["x", "y"] }, { hints: ["y", "x"] }, false],
    ["not those without a hint", { hints: ["x"] }, {}, false],
    ["not those that may not go everywhere", { hints: ["x"] }, { hints: ["x"], avoid: ["a"] }, false],
    ["not those whose hint and replica read alike", { hints: ["a"] }, { avoid: ["a"] }, false],
    ["whose declared costs are about the same", { declaredMs: 5000 }, { declaredMs: 6000 }, true],
    ["not those whose declared costs are four times apart", { declaredMs: 5000 }, { declaredMs: 20_000 }, false],
    ["not those of which one declares nothing", { declaredMs: 1 }, { declaredMs: null }, false],
  ])("%s", (_, first, second, share) => {
    expect(classes(queueOf(one(1, 0, first), one(2, 0, second))).length).toBe(share ? 1 : 2);
  });
});

test("leaving says who was there", () => {
  const queue = queueOf(one(1, 0), one(2, 0));
  expect([leave(queue, 2), leave(queue, 2), leave(queue, 99)]).toEqual([true, false, false]);
  expect(classes(queue)).toEqual([[1]]);
});

test("those whose deadline has passed are told once, to be taken out", () => {
  const queue = queueOf(one(1, 0, { deadlineMs: 50 }), one(2, 0, { deadlineMs: 51 }), one(3, 0, { deadlineMs: 49 }));
  expect(overdue(queue, 48)).toEqual([]);
  expect(overdue(queue, 50).map(({ id }) => id)).toEqual([1, 3]);
  expect(overdue(queue, 50)).toEqual([]);
  for (const id of [1, 3]) leave(queue, id);
  expect(overdue(queue, 51).map(({ id }) => id)).toEqual([2]);
});

test("whoever comes and goes, classes, indexes and totals are right, and the overdue are those of brute force", () => {
  const comes = fc.record({
    hints: fc.subarray(["x", "y"]),
    avoid: fc.subarray(["a", "b"]),
    arrivedAtMs: fc.nat({ max: 50 }),
    deadlineMs: fc.nat({ max: 200 }),
    declaredMs: fc.constantFrom(null, 3, 100),
    priority: fc.constantFrom("high" as const, "normal" as const, "low" as const),
    expectedMs: fc.double({ min: 0, max: 1e9, noNaN: true }),
  });
  const step = fc.oneof({ weight: 3, arbitrary: comes }, { weight: 2, arbitrary: fc.nat({ max: 30 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const queue = new Queue();
      for (const [index, does] of steps.entries()) {
        if (typeof does === "number") {
          const id = [...queue.waiting.keys()][does] ?? -1;
          expect(leave(queue, id)).toBe(id >= 0);
        } else {
          join(queue, one(index, 0, does));
        }
        if (index % 4 === 0) {
          const due = [...queue.waiting.values()].filter(({ deadlineMs }) => deadlineMs <= index);
          expect(overdue(queue, index)).toEqual(due);
          for (const { id } of due) leave(queue, id);
        }
        expect(queueViolations(queue)).toEqual([]);
      }
    }),
    seeded(300),
  );
});
