// The heap of lanes against a sorted list.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Turns } from "../../src/routing/policy/turns.ts";
import type { Lane } from "../../src/routing/ledger/request-classes.ts";
import { seeded } from "./support/seeded.ts";

/** With a request that came first by its time, or among those of one time by its number. */
function laneOf(id: number, arrivedAtMs: number): Lane {
  const wanted = {
    hints: [],
    avoid: [],
    deadlineMs: Infinity,
    declaredMs: null,
    priority: "normal",
    countedAt: null,
    expectedMs: 0,
    loadMs: 0,
    declinedAtMs: Infinity,
  } as const;
  return {
    key: String(id),
    hints: [],
    open: true,
    priority: "normal" as const,
    queue: [{ id, arrivedAtMs, ...wanted }],
    row: 0,
  };
}

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({
      does: fc.constant("push" as const),
      priority: fc.integer({ min: 0, max: 5 }),
      arrivedAtMs: fc.integer({ min: 0, max: 3 }),
    }),
  },
  { weight: 2, arbitrary: fc.constant({ does: "pop" as const }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("keep" as const), odd: fc.boolean() }) },
);

test("gives the highest first and among equals the one whose head came first, also after others were left out", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const turns = new Turns();
      let due: { key: string; priority: number; arrivedAtMs: number }[] = [];
      for (const [index, its] of steps.entries()) {
        expect(turns.highest()).toBe(due[0]?.priority ?? -Infinity);
        switch (its.does) {
          case "push": {
            turns.push(laneOf(index, its.arrivedAtMs), its.priority);
            due.push({ ...its, key: String(index) });
            due.sort((a, b) => b.priority - a.priority || a.arrivedAtMs - b.arrivedAtMs || Number(a.key) - Number(b.key));
            break;
          }
          case "pop": {
            const [turn, first] = [turns.pop(), due.shift()];
            expect(turn && [turn.lane.key, turn.priority]).toEqual(first ? [first.key, first.priority] : null);
            break;
          }
          case "keep": {
            const kept = due.filter(({ key }) => (Number(key) % 2 === 1) === its.odd);
            expect(turns.keep(({ key }) => (Number(key) % 2 === 1) === its.odd)).toBe(kept.length < due.length);
            due = kept;
          }
        }
      }
    }),
    seeded(500),
  );
});
