// The heap of lanes against a sorted list.
import fc from "fast-check";
import { expect, test } from "vitest";
import { Turns } from "../../src/routing/turns.ts";
import type { Lane } from "../../src/routing/waiting-room.ts";
import { seeded } from "./support/seeded.ts";

const laneOf = (key: string): Lane => ({ key, hints: [], open: true, low: false, patientUntilMs: 0, queue: [] });

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ does: fc.constant("push" as const), priority: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 2, arbitrary: fc.constant({ does: "pop" as const }) },
  { weight: 1, arbitrary: fc.record({ does: fc.constant("keep" as const), odd: fc.boolean() }) },
);

test("gives the highest first and among equals whoever came first, also after others were left out", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const turns = new Turns();
      let due: { key: string; priority: number }[] = [];
      for (const [index, its] of steps.entries()) {
        expect(turns.highest()).toBe(due[0]?.priority ?? -Infinity);
        switch (its.does) {
          case "push": {
            turns.push(laneOf(String(index)), its.priority);
            const place = due.findIndex(({ priority }) => priority < its.priority);
            due.splice(place < 0 ? due.length : place, 0, { key: String(index), priority: its.priority });
            break;
          }
          case "pop": {
            const turn = turns.pop();
            expect(turn && { key: turn.lane.key, priority: turn.priority }).toEqual(due.shift() ?? null);
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
