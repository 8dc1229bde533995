// An index of replicas against a set, and what it says of a hint's order against all of them ranked.
import fc from "fast-check";
import { expect, test } from "vitest";
import { ReplicaIndex } from "../../../src/routing/ledger/replica-index.ts";
import { hashName, ranked, score, upperBits, upperBitsOf, type NameHash } from "../../../src/routing/rendezvous.ts";
import { seeded } from "../support/seeded.ts";

interface Member {
  readonly number: number;
  readonly hash: NameHash;
  weight: number;
}

const MOST = 4;
const WEIGHTS = [1, 1, 1, 2, 16, 10_000];

const memberOf = (number: number, weight = 1): Member => ({ number, hash: hashName(`r${number}`), weight });

const step = fc.record({
  does: fc.constantFrom("add" as const, "add" as const, "delete" as const, "reweigh" as const),
  number: fc.integer({ min: 0, max: 59 }),
  weight: fc.constantFrom(...WEIGHTS),
});

test("whoever comes, goes or changes its weight: who is there, and the first in a hint's order", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), fc.integer({ min: 1, max: 3 }), (steps, every) => {
      const all = Array.from({ length: 60 }, (_, number) => memberOf(number));
      const [index, due] = [new ReplicaIndex<Member>(), new Set<Member>()];
      for (const { does, number, weight } of steps) {
        const member = all[number];
        if (member === undefined) continue;
        if (does === "delete") {
          index.delete(member);
          due.delete(member);
        } else {
          if (does === "reweigh" || !due.has(member)) member.weight = weight;
          index.add(member);
          due.add(member);
        }
      }
      expect(new Set(index)).toEqual(due);
      expect(index.size).toBe(due.size);
      for (const member of all) expect(index.has(member)).toBe(due.has(member));
      const usable = ({ number }: Member) => number % every === 0;
      for (const hint of ["x", "y"].map(hashName)) {
        const order = ranked(hint, due);
        expect(index.first(hint, MOST, usable)).toEqual(order.filter(usable).slice(0, MOST));
        expect(index.first(hint, 1)).toEqual(order.slice(0, 1));
      }
    }),
    seeded(300),
  );
});

test.each<[string, (number: number) => number]>([
  ["of one weight", () => 1],
  ["of several weights", (number) => WEIGHTS[number % 5] ?? 1],
  ["one of which was far heavier and has left", (number) => (number === 0 ? 10_000 : 1)],
])("of a large one too, where nearly all are passed over at a glance, when a third has left: %s", (_, weightOf) => {
  const index = new ReplicaIndex<Member>();
  const all = Array.from({ length: 2000 }, (_, number) => memberOf(number, weightOf(number)));
  for (const member of all) index.add(member);
  for (const member of all) if (member.number % 3 === 0) index.delete(member);
  const usable = ({ number }: Member) => number % 2 === 0;
  for (const hint of Array.from({ length: 20 }, (_, index) => hashName(`hint-${index}`))) {
    const order = ranked(hint, index);
    expect(index.first(hint, MOST, usable)).toEqual(order.filter(usable).slice(0, MOST));
    expect(index.first(hint, 1)).toEqual(order.slice(0, 1));
  }
});

test("a member is never passed over for a score that it has itself, however heavy others are", () => {
  const bits = fc.oneof(fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), fc.constantFrom(-1, 0, 1, 2 ** 31 - 1, -(2 ** 31)));
  const hash = fc.record({ high: bits, low: bits });
  fc.assert(
    fc.property(
      hash,
      hash,
      fc.integer({ min: 1, max: 10_000 }),
      fc.integer({ min: 0, max: 10_000 }),
      (hint, its, weight, more) => {
        const needed = upperBitsOf(score(hint, { hash: its, weight }), weight + more);
        expect(upperBits(hint, its.high)).toBeGreaterThanOrEqual(needed);
      },
    ),
    seeded(2000),
  );
});
