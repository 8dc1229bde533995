// Load times from percentiles: linear between them, seeded, the same for a hint's n-th load whoever else loads.
import { expect, test } from "vitest";
import { atShare, drawnLoadMs, parsePercentiles } from "../../bench/simulate/load-times.ts";

const TEXT = JSON.stringify({ slow: { samples: 9, mean: 50, p10: 100, p50: 200, p90: 1000 }, fast: { p01: 1, p99: 2 } });
const SLOW = parsePercentiles(TEXT, "file", "slow");

test.each([
  [0, 100],
  [0.1, 100],
  [0.3, 150],
  [0.5, 200],
  [0.7, 600],
  [0.9, 1000],
  [1, 1000],
])("share %d takes %d ms", (share, ms) => {
  expect(atShare(SLOW, share)).toBeCloseTo(ms, 9);
});

test("draws are seeded, differ from hint to hint, and follow the percentiles", () => {
  const [one, same, other] = [drawnLoadMs(SLOW, 1), drawnLoadMs(SLOW, 1), drawnLoadMs(SLOW, 2)];
  const draws = Array.from({ length: 4000 }, () => one("a"));
  // Another hint between them takes nothing away.
  expect(Array.from({ length: 100 }, () => [same("b"), same("a")][1])).toEqual(draws.slice(0, 100));
  expect(same("b")).not.toBe(same("c"));
  expect(other("a")).not.toBe(draws[0]);
  const share = (ms: number) => draws.filter((draw) => draw <= ms).length / draws.length;
  expect(Math.abs(share(200) - 0.5)).toBeLessThan(0.03);
  expect(Math.abs(share(600) - 0.7)).toBeLessThan(0.03);
});

test.each([
  ["[]", "slow", "must name one of the entries"],
  ["{", "slow", "no JSON object"],
  [TEXT, null, "--cold-entry must name one of the entries of file: slow, fast"],
  [TEXT, "other", "--cold-entry must name one of"],
  ['{"a": {"p10": 5}}', null, "fewer than two percentiles"],
  ['{"a": {"p10": 5, "p50": 4}}', null, "percentiles must rise"],
  ['{"a": {"p10": -5, "p50": 4}}', null, "p10 must be a number"],
  ['{"a": {"p10": 1, "p50": "4"}}', null, "p50 must be a number"],
])("refuses %s", (text, entry, message) => {
  expect(() => parsePercentiles(text, "file", entry)).toThrow(message);
});
