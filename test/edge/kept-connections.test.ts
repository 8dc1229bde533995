// Which requests may go by a connection that the runtime has kept.
import { expect, test } from "vitest";
import { isKeptSince, noteKept, takeKept } from "../../src/edge/kept-connections.ts";
import { BOUNDS } from "../../src/limits.ts";

let origins = 0;
const freshOrigin = () => `http://10.0.0.1:${++origins}`;

/** How many requests in a row may go by kept connections. */
function taken(origin: string, now: number): number {
  let count = 0;
  while (count < 100 && takeKept(origin, now)) count++;
  return count;
}

test("the first request to an origin goes by a new connection", () => {
  expect(taken(freshOrigin(), 0)).toBe(0);
});

test.each([1, 3, BOUNDS.keptConnections])("after %i answers so many requests may", (answers) => {
  const origin = freshOrigin();
  for (let n = 0; n < answers; n++) noteKept(origin, n);
  expect(taken(origin, answers)).toBe(answers);
});

test("a connection that is used again and again counts once", () => {
  const origin = freshOrigin();
  for (let n = 0; n < 5; n++) {
    noteKept(origin, n);
    expect(takeKept(origin, n)).toBe(true);
  }
  expect(takeKept(origin, 5)).toBe(false);
});

test("connections beyond the bound are not counted", () => {
  const origin = freshOrigin();
  for (let n = 0; n < 3 * BOUNDS.keptConnections; n++) noteKept(origin, 0);
  expect(taken(origin, 0)).toBe(BOUNDS.keptConnections);
});

test("origins do not share connections", () => {
  const [one, other] = [freshOrigin(), freshOrigin()];
  noteKept(one, 0);
  expect([taken(other, 0), taken(one, 0)]).toEqual([0, 1]);
});

test("a connection that was idle for too long is gone", () => {
  const origin = freshOrigin();
  noteKept(origin, 1000);
  expect(takeKept(origin, 1000 + BOUNDS.keptConnectionMs)).toBe(false);
  noteKept(origin, 1000);
  expect(takeKept(origin, 999 + BOUNDS.keptConnectionMs)).toBe(true);
});

test("connections that were idle for longer are gone too", () => {
  const origin = freshOrigin();
  noteKept(origin, 0);
  noteKept(origin, 1000);
  expect(takeKept(origin, 1000 + BOUNDS.keptConnectionMs)).toBe(false);
  // Even if the clock has jumped back.
  expect(takeKept(origin, 0)).toBe(false);
});

test("the connection used last is taken first, so an older one may be too old for the next request", () => {
  const origin = freshOrigin();
  noteKept(origin, 0);
  noteKept(origin, 5000);
  expect([takeKept(origin, BOUNDS.keptConnectionMs), takeKept(origin, BOUNDS.keptConnectionMs)]).toEqual([true, false]);
});

test("of too many origins the one not used for longest is forgotten", () => {
  const [first, second] = [freshOrigin(), freshOrigin()];
  noteKept(first, 0);
  for (let n = 1; n < BOUNDS.keptOrigins; n++) noteKept(freshOrigin(), 0);
  noteKept(second, 0);
  expect([taken(first, 0), taken(second, 0)]).toEqual([0, 1]);
});

test("an answer that ended before this isolate knew of it may have left its connection to a request", () => {
  const origin = freshOrigin();
  expect(isKeptSince(origin, 0)).toBe(false);
  noteKept(origin, 100);
  expect([99, 100, 101].map((sentAtMs) => isKeptSince(origin, sentAtMs))).toEqual([true, true, false]);
  // Another request counts as using that connection, which changes nothing.
  takeKept(origin, 100);
  expect(isKeptSince(origin, 100)).toBe(true);
});
