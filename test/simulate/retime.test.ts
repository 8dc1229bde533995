// Retiming: exactly the wanted load, order and service times as they were, spacing inside an hour in proportion.
import { expect, test } from "vitest";
import { fromZero, offeredLoad, peakOverMean, retime, RETIMINGS, spanMs, totalServiceMs } from "../../bench/simulate/workload.ts";
import { GENTD26_LIKE, synthetic } from "../../bench/simulate/synthetic.ts";

const HOUR_MS = 3_600_000;
const WORKLOAD = synthetic({ ...GENTD26_LIKE, requests: 2000, spanMs: 40 * HOUR_MS }, 1);

test.each(RETIMINGS)("%s: the load is the wanted one, and nothing but time changes", (how) => {
  const retimed = retime(WORKLOAD, how, 0.7, 8);
  const spanMs = retimed.at(-1)?.atMs ?? 0;
  expect(totalServiceMs(retimed) / (8 * spanMs)).toBeCloseTo(0.7, 9);
  expect(retimed[0]?.atMs).toBeLessThan(spanMs / 10);
  expect(retimed.map(({ hint, serviceMs }) => [hint, serviceMs])).toEqual(
    WORKLOAD.map(({ hint, serviceMs }) => [hint, serviceMs]),
  );
  expect(retimed.every(({ atMs }, index) => atMs >= (retimed[index - 1]?.atMs ?? 0))).toBe(true);
});

/** Two busy minutes of hour 0, one request in hour 5 that asks for as much as both together, and the end. */
const UNEVEN = [
  { atMs: 1000, hint: "a", serviceMs: 100 },
  { atMs: 1000 + 0.25 * HOUR_MS, hint: "a", serviceMs: 100 },
  { atMs: 1000 + 0.75 * HOUR_MS, hint: "a", serviceMs: 100 },
  { atMs: 1000 + 5 * HOUR_MS, hint: "b", serviceMs: 300 },
  { atMs: 1000 + 10 * HOUR_MS, hint: "c", serviceMs: 0 },
];

test.each([
  // Hours of 3, 1 and 1 requests: they start at 0, 3/5 and 4/5 of the time, and the last request is to end it.
  ["count", [0, (0.6 / 0.8) * 0.25, (0.6 / 0.8) * 0.75, 0.6 / 0.8, 1]],
  // Hours that ask for 300, 300 and 0.
  ["demand", [0, 0.125, 0.375, 0.5, 1]],
] as const)("%s: where requests come to be", (how, shares) => {
  const spanMs = 600 / (2 * 0.5);
  const places = retime(UNEVEN, how, 0.5, 2).map(({ atMs }) => atMs / spanMs);
  for (const [index, share] of shares.entries()) expect(places[index]).toBeCloseTo(share, 9);
});

test("as recorded: from zero, with all gaps as they were, and the load that this is", () => {
  expect(fromZero(UNEVEN).map(({ atMs }) => atMs)).toEqual(UNEVEN.map(({ atMs }) => atMs - 1000));
  expect(spanMs(UNEVEN)).toBe(10 * HOUR_MS);
  expect(offeredLoad(UNEVEN, 2)).toBeCloseTo(600 / (2 * 10 * HOUR_MS), 12);
  expect(offeredLoad(retime(WORKLOAD, "count", 0.7, 8), 8)).toBeCloseTo(0.7, 2);
  // Eleven hours have begun, and two of them ask for 300 of the 600.
  expect(peakOverMean(UNEVEN)).toBeCloseTo(300 / (600 / 11), 9);
  expect(fromZero([])).toEqual([]);
  expect(offeredLoad([{ atMs: 7, hint: "a", serviceMs: 5 }], 1)).toBe(Infinity);
});

test("an empty workload, and one that happens all at once", () => {
  expect(retime([], "count", 0.5, 1)).toEqual([]);
  const once = [{ atMs: 7, hint: "a", serviceMs: 5 }];
  for (const how of RETIMINGS) expect(retime(once, how, 0.5, 1)).toEqual([{ atMs: 0, hint: "a", serviceMs: 5 }]);
});
