// News of requests that went well: what goes with the isolate's next request, and what must be told at once.
import { expect, test } from "vitest";
import { enqueuedSoFar, keepSuccess, takeSuccesses } from "../../src/edge/successes.ts";
import { BOUNDS } from "../../src/limits.ts";

let apps = 0;
const newApp = () => `app-${++apps}`;

/** A request is enqueued. Gives how many have been. */
function enqueues(app: string, now: number): number {
  takeSuccesses(app, now);
  return enqueuedSoFar(app);
}

test("of one request after another each is told at once", () => {
  const app = newApp();
  for (let now = 0; now < 50; now += 10) expect(keepSuccess(app, enqueues(app, now), [now, 1, 2], now + 5)).toBe(false);
  expect(takeSuccesses(app, 60)).toEqual([]);
});

test("if another request came meanwhile, a moment ago, the news goes with the next one, once", () => {
  const app = newApp();
  const before = enqueues(app, 0);
  enqueues(app, 10);
  expect(keepSuccess(app, before, [7, 3, 5], 20)).toBe(true);
  expect(takeSuccesses(app, 30)).toEqual([7, 3, 5]);
  expect(takeSuccesses(app, 40)).toEqual([]);
});

test("if that was longer ago, it is told at once", () => {
  const app = newApp();
  const before = enqueues(app, 0);
  enqueues(app, 10);
  expect(keepSuccess(app, before, [7, 3, 5], 11 + BOUNDS.nextRequestMs)).toBe(false);
});

test("of each app by itself, and no more than the bound", () => {
  const [one, other] = [newApp(), newApp()];
  const before = enqueues(one, 0);
  enqueues(one, 0);
  enqueues(other, 0);
  for (let id = 0; id < BOUNDS.successesKept; id++) expect(keepSuccess(one, before, [id, 1, 2], 1)).toBe(true);
  expect(keepSuccess(one, before, [99, 1, 2], 1)).toBe(false);
  expect(takeSuccesses(other, 2)).toEqual([]);
  expect(takeSuccesses(one, 2)).toHaveLength(3 * BOUNDS.successesKept);
});

test("an app that no request came for keeps nothing", () => {
  expect(keepSuccess(newApp(), 0, [1, 1, 1], 0)).toBe(false);
});
