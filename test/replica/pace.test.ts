// When the next heartbeat is due.
import { expect, test } from "vitest";
import { pauseAfterAnswer, pauseAfterFailure } from "../../replica/node/pace.ts";

test.each([
  [5000, 0, 5000],
  [5000, 1, 5500],
  [10, 0.5, 10.5],
  [0, 0, 10],
  [-1, 0, 10],
  [1e12, 0, 86_400_000],
  [Number.NaN, 0, 5000],
  ["5000", 0, 5000],
  [undefined, 0, 5000],
])("after an answer that asks for %s, random %s", (asked, random, pauseMs) => {
  expect(pauseAfterAnswer(asked, random)).toBeCloseTo(pauseMs);
});

test.each([
  // interval, failures in a row, Retry-After, random
  [5000, 1, 0, 0.5, 1000],
  [5000, 2, 0, 0.5, 2000],
  [5000, 3, 0, 0.5, 4000],
  [5000, 6, 0, 0.5, 30_000],
  [5000, 1000, 0, 0.5, 30_000],
  [5000, 6, 0, 0, 22_500],
  [5000, 6, 0, 1, 37_500],
  [60_000, 1, 0, 0.5, 1000],
  [100, 1, 0, 0.5, 100],
  [100, 2, 0, 0.5, 200],
  [10, 1, 1000, 0.5, 1000],
  [10, 1, 1e9, 0.5, 30_000],
])("interval %s, %s failures, Retry-After %s, random %s", (intervalMs, failures, retryAfterMs, random, pauseMs) => {
  expect(pauseAfterFailure(intervalMs, failures, retryAfterMs, random)).toBeCloseTo(pauseMs);
});
