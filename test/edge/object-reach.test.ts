// Which request asks an object that is out of reach again: one at a time of those that wait in an isolate, and all once the object has answered.
import { expect, test } from "vitest";
import { mayAskAgain, noteReach } from "../../src/edge/object-reach.ts";
import { BOUNDS } from "../../src/limits.ts";

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
