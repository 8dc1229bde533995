// Means that forget.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addSample, emptyMean, fadeMean, shrunk, valueOf } from "../../src/routing/mean.ts";
import { seeded } from "./support/seeded.ts";

const of = (memory: number, ...samples: readonly (readonly [sample: number, weight: number])[]) => {
  const mean = emptyMean();
  for (const [sample, weight] of samples) addSample(mean, sample, memory, weight);
  return mean;
};

describe("a mean", () => {
  test("is that of its samples by their weight until it is full, and nothing before the first", () => {
    expect(valueOf(emptyMean(), 7)).toBe(7);
    expect(valueOf(of(10, [1, 1], [4, 2]), 7)).toBe(3);
  });

  test("once full is moved by each sample by its weight over the memory", () => {
    const full = of(4, [8, 1], [8, 1], [8, 1], [8, 1], [16, 0.5]);
    expect(full.weight).toBeCloseTo(4, 9);
    expect(valueOf(full, 0)).toBeCloseTo(8 + (8 * 0.5) / 4, 9);
  });

  test("lies within its samples, and its weight is never above the memory and one sample", () => {
    const sample = fc.tuple(fc.integer({ min: 0, max: 1e6 }), fc.double({ min: 0.01, max: 1, noNaN: true }));
    fc.assert(
      fc.property(fc.array(sample, { minLength: 1, maxLength: 100 }), fc.integer({ min: 1, max: 30 }), (samples, memory) => {
        const mean = of(memory, ...samples);
        const seen = samples.map(([value]) => value);
        expect(valueOf(mean, -1)).toBeGreaterThanOrEqual(Math.min(...seen) - 1e-6);
        expect(valueOf(mean, -1)).toBeLessThanOrEqual(Math.max(...seen) + 1e-6);
        expect(mean.weight).toBeLessThan(memory + 1);
      }),
      seeded(200),
    );
  });

  test("fades without changing its value", () => {
    const mean = of(10, [2, 1], [4, 1]);
    fadeMean(mean, 0.5);
    expect([mean.weight, valueOf(mean, 0)]).toEqual([1, 3]);
  });

  test("is shrunk to a prior by some samples' worth", () => {
    expect(shrunk(undefined, 5, 2)).toBe(5);
    expect(shrunk(of(10, [8, 1], [8, 1]), 5, 1)).toBe(7);
  });
});
