// Which known name is suggested for a misspelt one: near enough to be it, or none.
import { expect, test } from "vitest";
import { nearName } from "../../src/wire/near-name.ts";

const KNOWN = ["app", "hints", "hint_slots", "concurrency", "in_flight", "status"];

test.each([
  ["hint_slot", "hint_slots"],
  ["hint_slotss", "hint_slots"],
  ["hint_slats", "hint_slots"],
  ["hint_solts", "hint_slots"],
  ["hintSlots", "hint_slots"],
  ["HINT-SLOTS", "hint_slots"],
  ["hint", "hints"],
  ["hitns", "hints"],
  ["concurency", "concurrency"],
  ["concurrence", "concurrency"],
  ["inflight", "in_flight"],
  ["Status", "status"],
])("%s is near %s", (text, name) => {
  expect(nearName(text, KNOWN)).toBe(name);
});

test.each([
  "",
  "gpu",
  "ap",
  "apps",
  "slots",
  "int",
  "h",
  "hi",
  "state",
  "current",
  "flight_in",
  "__proto__",
  "hints".repeat(1000),
])("%s is near none", (text) => {
  expect(nearName(text, KNOWN)).toBeNull();
});

test("of several the nearest, of equals the first", () => {
  expect(nearName("abcdefgh", ["abcdefxy", "abcdefgx", "abcdefgy"])).toBe("abcdefgx");
  expect(nearName("abcdefgh", [])).toBeNull();
});
