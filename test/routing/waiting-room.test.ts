// The list of waiting requests itself: its order, leaving it, who is overdue.
import { expect, test } from "vitest";
import { join, leave, overdue, type WaitingRoom } from "../../src/routing/waiting-room.ts";

const one = (id: number, arrivedAtMs: number, deadlineMs = 100) => ({ id, hints: [], avoid: [], arrivedAtMs, deadlineMs });

test("is in order of arrival, those of one moment in the order they came in", () => {
  const room: WaitingRoom = [];
  for (const [id, at] of [
    [1, 10],
    [2, 20],
    [3, 10],
    [4, 5],
    [5, 20],
  ] as const)
    join(room, one(id, at));
  expect(room.map((waiting) => waiting.id)).toEqual([4, 1, 3, 2, 5]);
});

test("says who was there and who is overdue", () => {
  const room: WaitingRoom = [];
  for (const [id, deadline] of [
    [1, 50],
    [2, 51],
    [3, 49],
  ] as const)
    join(room, one(id, 0, deadline));
  expect(overdue(room, 50).map((waiting) => waiting.id)).toEqual([1, 3]);
  expect([leave(room, 2), leave(room, 2), room.length]).toEqual([true, false, 2]);
});
