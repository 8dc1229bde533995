// Who waits, how long, and why: for each cause a fleet in which it is the cause.
import { expect, test } from "vitest";
import { LIMITS } from "../../src/routing/limits.ts";
import { viewQueue } from "../../src/views/queue.ts";
import { driver } from "../routing/support/driver.ts";
import { fullPicture, known, occupy } from "../routing/support/fleets.ts";

const NONE = { expected_wait_s: null, worth_waiting_s: null };

test("a request as it waits", () => {
  const fleet = driver({ a: {} });
  occupy(fleet.its.fleet, "a", 1);
  fleet.arrives(1, ["x", "y"], 1000, { priority: "low", deadlineMs: 61_000 });
  fleet.arrives(2, [], 2000, { priority: "high", deadlineMs: 62_000 });
  expect(viewQueue(fleet.its, 5000)).toEqual({
    waiting: [
      { hints: ["x", "y"], priority: "low", waited_ms: 4000, deadline_in_ms: 56_000, why: "full", ...NONE },
      { hints: [], priority: "high", waited_ms: 3000, deadline_in_ms: 57_000, why: "full", ...NONE },
    ],
    total: 2,
    by_priority: { high: 1, normal: 0, low: 1 },
  });
});

test("an empty queue", () => {
  expect(viewQueue(driver({ a: {} }).its, 0)).toEqual({ waiting: [], total: 0, by_priority: { high: 0, normal: 0, low: 0 } });
});

test("full: a slot is free, but not for a request that has failed there", () => {
  const fleet = driver({ a: {}, b: {} });
  occupy(fleet.its.fleet, "b", 1);
  expect(fleet.arrives(1, [], 0, { avoid: ["a"] })).toBe("waiting");
  expect(viewQueue(fleet.its, 0).waiting).toMatchObject([{ why: "full" }]);
});

test("hold: a slot is free, and a warm replica is worth waiting for", () => {
  const fleet = driver({ a: { hints: ["x"], hintSlots: 1 }, b: { hints: [], hintSlots: 1 } });
  fleet.teaches("x", 100);
  expect(fleet.arrives(1, ["x"])).toBe("a hint_match");
  expect([fleet.arrives(2, ["x"], 10), fleet.arrives(3, ["x"], 20)]).toEqual(["waiting", "waiting"]);
  const before = fullPicture(fleet.its);
  const { waiting } = viewQueue(fleet.its, 20);
  expect(waiting.map(({ why }) => why)).toEqual(["hold", "hold"]);
  for (const { expected_wait_s: expected, worth_waiting_s: worth } of waiting) {
    expect(expected).toBeCloseTo(0.08);
    expect(worth).toBeGreaterThan(expected ?? Infinity);
  }
  expect(fullPicture(fleet.its)).toEqual(before);
});

test("recovering: the object has just started", () => {
  const fleet = driver({ a: {} });
  fleet.its.recoveringUntilMs = 1400;
  fleet.arrives(1, []);
  expect(viewQueue(fleet.its, 100).waiting).toMatchObject([{ why: "recovering", ...NONE }]);
});

test("no_replicas: none is ready", () => {
  const fleet = driver({ a: { status: "starting" } });
  fleet.arrives(1, ["x"]);
  expect(viewQueue(fleet.its, 0).waiting).toMatchObject([{ why: "no_replicas", ...NONE }]);
});

test("next: a slot is free, and the next dispatch sends it", () => {
  const fleet = driver({ a: {} });
  occupy(fleet.its.fleet, "a", 1);
  fleet.arrives(1, []);
  fleet.hears("b");
  expect(viewQueue(fleet.its, 0).waiting).toMatchObject([{ why: "next", ...NONE }]);
  expect(fleet.dispatches()).toEqual({ 1: "b least_loaded" });
});

test("a slot that was withheld for long enough is free", () => {
  const fleet = driver({ a: {} });
  const replica = known(fleet.its.fleet, "a");
  occupy(fleet.its.fleet, "a", 1);
  fleet.arrives(9, []);
  fleet.ends(1);
  Object.assign(replica, { withheld: 1, withheldUntilMs: 500 });
  fleet.its.fleet.withholding.add(replica);
  fleet.hears("a");
  expect([0, 499, 500].map((now) => viewQueue(fleet.its, now).waiting[0]?.why)).toEqual(["full", "full", "next"]);
});

test("the oldest come first, however they came to the queue, and at most 100 are shown", () => {
  const fleet = driver({ a: {} });
  occupy(fleet.its.fleet, "a", 1);
  for (let id = 1; id <= LIMITS.waitingShown + 20; id++) fleet.arrives(1000 + id, [`h${id % 3}`], id);
  // As after a restart: it waited before.
  fleet.arrives(5000, ["back"], 200, { arrivedAtMs: 0 });
  const { waiting, total } = viewQueue(fleet.its, 200);
  expect([waiting.length, total, waiting[0]?.hints]).toEqual([LIMITS.waitingShown, LIMITS.waitingShown + 21, ["back"]]);
  expect(waiting.map(({ waited_ms }) => waited_ms)).toEqual(waiting.map((_, place) => 200 - place));
});
