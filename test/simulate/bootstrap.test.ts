// Bootstraps: whole blocks of the workload's own time, with what is in them unchanged, in seeded order.
import { expect, test } from "vitest";
import { blockCount, bootstrap } from "../../bench/simulate/workload.ts";

/** Block b holds requests at 10 b + 1 and 10 b + 4 after the first, which is at 100. */
const WORKLOAD = [0, 1, 2, 3].flatMap((block) => [
  { atMs: 100 + 10 * block, hint: `early-${block}`, serviceMs: block },
  { atMs: 104 + 10 * block, hint: `late-${block}`, serviceMs: block },
]);

test("counts blocks, the unfinished one too", () => {
  expect(blockCount(WORKLOAD, 10)).toBe(4);
  expect(blockCount(WORKLOAD, 30)).toBe(2);
  expect(blockCount([], 10)).toBe(0);
});

test("every place holds one whole block", () => {
  const drawn = bootstrap(WORKLOAD, 1, 10);
  expect(drawn).toHaveLength(WORKLOAD.length);
  for (let place = 0; place < 4; place++) {
    const [early, late] = [drawn[2 * place], drawn[2 * place + 1]];
    expect([early?.atMs, late?.atMs]).toEqual([100 + 10 * place, 104 + 10 * place]);
    expect(early?.hint).toBe(`early-${early?.serviceMs}`);
    expect(late?.hint).toBe(`late-${early?.serviceMs}`);
  }
});

test("the seed decides, and blocks are drawn with replacement", () => {
  expect(bootstrap(WORKLOAD, 5, 10)).toEqual(bootstrap(WORKLOAD, 5, 10));
  const draws = Array.from({ length: 20 }, (_, seed) => bootstrap(WORKLOAD, seed, 10).map(({ serviceMs }) => serviceMs));
  expect(new Set(draws.map(String)).size).toBeGreaterThan(10);
  expect(draws.some((draw) => new Set(draw).size < 4)).toBe(true);
});
