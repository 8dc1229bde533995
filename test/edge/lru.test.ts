// A bounded map: what it forgets, and that values which grow count with what they had when they were set.
import { expect, test } from "vitest";
import { LruMap } from "../../src/edge/lru.ts";

test("forgets what was used least recently, by reading or writing", () => {
  const map = new LruMap<number>(2);
  map.set("a", 1);
  map.set("b", 2);
  expect(map.get("a")).toBe(1);
  map.set("c", 3);
  expect([map.get("a"), map.get("b"), map.get("c")]).toEqual([1, undefined, 3]);
});

test("a value that is too large alone is not kept, and pushes out what it must", () => {
  const map = new LruMap<string>(5, (text) => text.length);
  map.set("a", "1234");
  map.set("b", "123456");
  expect([map.get("a"), map.get("b")]).toEqual([undefined, undefined]);
  map.set("c", "12345");
  expect(map.get("c")).toBe("12345");
});

test("values that grow while they are kept count once, and as they are when they are set again", () => {
  const map = new LruMap<number[]>(10, (list) => list.length);
  const growing = [1];
  for (let round = 0; round < 100; round++) {
    map.set("growing", growing);
    if (growing.length < 6) growing.push(1);
  }
  map.set("other", [1, 2, 3, 4]);
  expect([map.get("growing"), map.get("other")]).toEqual([growing, [1, 2, 3, 4]]);
  map.set("third", [1]);
  expect(map.get("growing")).toBeUndefined();
  growing.length = 0;
  map.delete("other");
  map.delete("third");
  map.set(
    "full",
    Array.from({ length: 10 }, () => 1),
  );
  expect(map.get("full")).toHaveLength(10);
});
