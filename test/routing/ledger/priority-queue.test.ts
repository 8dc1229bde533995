// The priority queue against a list that is sorted anew for each question.
import { expect, test } from "vitest";
import { earlier, PriorityQueue } from "../../../src/routing/ledger/priority-queue.ts";
import { seeded } from "../../../bench/simulate/random.ts";

test.each([1, 2, 3, 4, 5, 6, 7, 8])(
  "seed %i: the first usable member, the least key and what is due are those of a sorted list",
  (seed) => {
    const random = seeded(seed);
    const queue = new PriorityQueue<string, number>(earlier);
    const held = new Map<string, number>();
    const sorted = () => [...held].toSorted(([, one], [, other]) => one - other);
    for (let step = 0; step < 2000; step++) {
      const member = `m${Math.floor(random() * 60)}`;
      const key = Math.floor(random() * 1000) / 8 + step / 16;
      if (random() < 0.6) {
        queue.set(member, key);
        held.set(member, key);
      } else if (random() < 0.7) {
        queue.delete(member);
        held.delete(member);
      } else {
        const due = sorted().filter(([, its]) => its <= step / 16 + 20);
        expect(queue.takeUntil(step / 16 + 20).map((its) => held.get(its))).toEqual(due.map(([, its]) => its));
        for (const [its] of due) held.delete(its);
      }
      expect([queue.size, queue.firstKey, queue.has(member)]).toEqual([held.size, sorted()[0]?.[1], held.has(member)]);
      const unusable = new Set(sorted().flatMap(([its]) => (random() < 0.5 ? its : [])));
      const found = queue.first((its) => !unusable.has(its));
      expect(found && held.get(found)).toBe(sorted().find(([its]) => !unusable.has(its))?.[1] ?? null);
    }
  },
);

test("a member keeps its place until its new key is told", () => {
  const keys = { a: 1, b: 2 };
  const queue = new PriorityQueue<"a" | "b", number>(earlier);
  for (const name of ["a", "b"] as const) queue.set(name, keys[name]);
  keys.a = 3;
  expect(queue.first(() => true)).toBe("a");
  queue.set("a", keys.a);
  expect(queue.first(() => true)).toBe("b");
});
