// Which request asks an object that is out of reach again: one at a time of those that wait in an isolate, and all once the object has answered. And what the
// log says of that: two lines, however many requests there are.
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { mayAskAgain, noteReach } from "../../src/edge/object-reach.ts";
import { BOUNDS } from "../../src/limits.ts";

let lines: unknown[] = [];
beforeEach(() => {
  lines = [];
  const take = (line: string) => void lines.push(JSON.parse(line));
  vi.spyOn(console, "log").mockImplementation(take);
  vi.spyOn(console, "warn").mockImplementation(take);
});
afterEach(() => vi.restoreAllMocks());

const AWAY = "the fleet is out of reach; requests go by the last snapshot";
const BACK = "the fleet is in reach again";

test("of 100 requests that poll every quarter of a second one a second asks", () => {
  noteReach("away", false, 0);
  let asked = 0;
  for (let now = 250; now <= 10_000; now += 250) {
    for (let request = 0; request < 100; request++) if (mayAskAgain("away", now)) asked++;
  }
  expect(asked).toBe(10_000 / BOUNDS.snapshotAskMs);
});

test("once the object has answered, the next request that polls may ask", () => {
  noteReach("back", false, 0);
  expect(mayAskAgain("back", 1)).toBe(false);
  noteReach("back", true, 2);
  expect(mayAskAgain("back", 3)).toBe(true);
});

test("apps are counted apart", () => {
  noteReach("one", false, 0);
  expect([mayAskAgain("one", 1), mayAskAgain("two", 1)]).toEqual([false, true]);
});

test("the log has a line when the object is out of reach, and one when it has answered each time for a while", () => {
  noteReach("logged", true, 0);
  for (let now = 1000; now <= 5000; now += 10) noteReach("logged", false, now);
  expect(lines).toEqual([{ message: AWAY, app: "logged" }]);
  for (let now = 6000; now < 5000 + BOUNDS.outageEndMs; now += 100) noteReach("logged", true, now);
  expect(lines.length).toBe(1);
  noteReach("logged", true, 5000 + BOUNDS.outageEndMs);
  expect(lines.slice(1)).toEqual([{ message: BACK, app: "logged", afterMs: 5000, failures: 401 }]);
  noteReach("logged", true, 30_000);
  noteReach("logged", false, 40_000);
  expect(lines.slice(2)).toEqual([{ message: AWAY, app: "logged" }]);
});

test("an object that answers every other time is out of reach once", () => {
  for (let now = 0; now < 60_000; now += 100) noteReach("flaps", now % 200 === 0, now);
  noteReach("flaps", true, 80_000);
  expect(lines).toEqual([
    { message: AWAY, app: "flaps" },
    { message: BACK, app: "flaps", afterMs: 79_900, failures: 300 },
  ]);
});

test("a request that waits and asks again makes no line", () => {
  expect(mayAskAgain("asks", 0)).toBe(true);
  noteReach("asks", true, 1);
  expect(lines).toEqual([]);
});
