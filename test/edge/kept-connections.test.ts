// Which requests may go by a connection that the runtime has kept.
import { expect, test } from "vitest";
import { isKeptSince, noteKept, takeKept } from "../../src/edge/kept-connections.ts";
import { BOUNDS } from "../../src/limits.ts";

let origins = 0;
const freshOrigin = () => `http://10.0.0.1:${++origins}`;

/** How many requests in a row may go by one that was kept. */
function taken(origin: string, now: number): number {
  let count = 0;
  while (count < 100 && takeKept(origin, now)) count++;
  return count;
}

test("the first request to an origin goes by a new one", () => {
  expect(taken(freshOrigin(), 0)).toBe(0);
});

test.each([1, 3, BOUNDS.keptConnections])("after %i answers so many requests may", (answers) => {
  const origin = freshOrigin();
  for (let n = 0; n < answers; n++) noteKept(origin, n);
  expect(taken(origin, answers)).toBe(answers);
});

test("one that is used again and again is one", () => {
  const origin = freshOrigin();
  for (let n = 0; n < 5; n++) {
    noteKept(origin, n);
    expect(takeKept(origin, n)).toBe(true);
  }
  expect(takeKept(origin, 5)).toBe(false);
});

test("more than the bound are not counted", () => {
  const origin = freshOrigin();
  for (let n = 0; n < 3 * BOUNDS.keptConnections; n++) noteKept(origin, 0);
  expect(taken(origin, 0)).toBe(BOUNDS.keptConnections);
});

test("an origin's are its own", () => {
  const [one, other] = [freshOrigin(), freshOrigin()];
  noteKept(one, 0);
  expect([taken(other, 0), taken(one, 0)]).toEqual([0, 1]);
});

test("one that was idle for too long is gone", () => {
  const origin = freshOrigin();
  noteKept(origin, 1000);
  expect(takeKept(origin, 1000 + BOUNDS.keptConnectionMs)).toBe(false);
  noteKept(origin, 1000);
  expect(takeKept(origin, 999 + BOUNDS.keptConnectionMs)).toBe(true);
});

test("and those that were idle for longer are gone with it", () => {
  const origin = freshOrigin();
  noteKept(origin, 0);
  noteKept(origin, 1000);
  expect(takeKept(origin, 1000 + BOUNDS.keptConnectionMs)).toBe(false);
  // Even by a clock that has jumped back.
  expect(takeKept(origin, 0)).toBe(false);
});

test("the one used last is taken first, so that an older one may be too old for the next", () => {
  const origin = freshOrigin();
  noteKept(origin, 0);
  noteKept(origin, 5000);
  expect([takeKept(origin, BOUNDS.keptConnectionMs), takeKept(origin, BOUNDS.keptConnectionMs)]).toEqual([true, false]);
});

test("of very many origins the one not used for longest is forgotten", () => {
  const [first, second] = [freshOrigin(), freshOrigin()];
  noteKept(first, 0);
  for (let n = 1; n < BOUNDS.keptOrigins; n++) noteKept(freshOrigin(), 0);
  noteKept(second, 0);
  expect([taken(first, 0), taken(second, 0)]).toEqual([0, 1]);
});

test("an answer that is known to have ended only after a request was sent may have left it its connection", () => {
  const origin = freshOrigin();
  expect(isKeptSince(origin, 0)).toBe(false);
  noteKept(origin, 100);
  expect([99, 100, 101].map((sentAtMs) => isKeptSince(origin, sentAtMs))).toEqual([true, true, false]);
  // Also where another request has been taken to have it.
  takeKept(origin, 100);
  expect(isKeptSince(origin, 100)).toBe(true);
});
