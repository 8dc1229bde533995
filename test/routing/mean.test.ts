// Means that forget.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addSample, emptyMean, fadeMean, shrunk, valueOf } from "../../src/routing/model/mean.ts";
import { seeded } from "./support/seeded.ts";

const of = (memory: number, ...samples: readonly number[]) => {
  const mean = emptyMean();
  for (const sample of samples) addSample(mean, sample, memory);
  return mean;
};

describe("a mean", () => {
  test("is that of its samples until it is full, and before the first what it is taken for", () => {
    expect(valueOf(emptyMean(), 7)).toBe(7);
    expect(valueOf(of(10, 1, 2, 6), 7)).toBe(3);
  });

  test("once full is moved by each sample by one over the memory", () => {
    const full = of(4, 8, 8, 8, 8, 16);
    expect(full.weight).toBeCloseTo(4, 9);
    expect(valueOf(full, 0)).toBeCloseTo(8 + 8 / 4, 9);
  });

  test("lies within its samples, and its weight is at most the memory", () => {
    const samples = fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 1, maxLength: 100 });
    fc.assert(
      fc.property(samples, fc.integer({ min: 1, max: 30 }), (seen, memory) => {
        const mean = of(memory, ...seen);
        expect(valueOf(mean, -1)).toBeGreaterThanOrEqual(Math.min(...seen) - 1e-6);
        expect(valueOf(mean, -1)).toBeLessThanOrEqual(Math.max(...seen) + 1e-6);
        expect(mean.weight).toBeLessThan(memory + 1e-6);
      }),
      seeded(200),
    );
  });

  test("fades without changing its value", () => {
    const mean = of(10, 2, 4);
    fadeMean(mean, 0.5);
    expect([mean.weight, valueOf(mean, 0)]).toEqual([1, 3]);
  });

  test("is shrunk to a prior by some samples' worth", () => {
    expect(shrunk(undefined, 5, 2)).toBe(5);
    expect(shrunk(of(10, 8, 8), 5, 1)).toBe(7);
  });
});
