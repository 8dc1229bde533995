// A replica that can't serve a hint is passed over for that hint alone, and serves others as before.
import { describe, expect, test } from "vitest";
import { explain } from "../../../src/views/explain.ts";
import { HintFailures } from "../../../src/routing/health/hint-failures.ts";
import type { AnswerKind, Failure } from "../../../src/routing/health/outcome.ts";
import { failed } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { costPolicy } from "../../../src/routing/policy/cost.ts";
import { driver, type Driver } from "../support/driver.ts";
import { ERROR } from "../support/failing.ts";
import { decide, OPTIONS, wants } from "../support/fleets.ts";
import { violations } from "../support/invariants.ts";

const BAR_MS = LIMITS.hintFailureMs;

/** `a` and `b` have room for what they do not hold. */
const pair = (hints: readonly string[] = []) =>
  driver({ a: { hints, hintSlots: 9, concurrency: 9 }, b: { hints: [], hintSlots: 9, concurrency: 9 } }, costPolicy("never"));

/** A request for the hint is sent to that replica, and fails so there, or is answered so. */
function happens(fleet: Driver, id: number, replica: string, what: Failure | AnswerKind, now: number, hint = "x"): void {
  const avoid = ["a", "b"].filter((other) => other !== replica);
  // As one that has not failed before.
  fleet.arrives(id, [hint], now, { avoid });
  expect(fleet.its.fleet.grants.get(id)?.replica.id).toBe(replica);
  if (typeof what === "string") fleet.answers(id, now, null, what);
  else failed(fleet.its, id, what, null, now);
  fleet.ends(id, now);
  expect(violations(fleet.its.fleet, now)).toEqual([]);
}

const chosen = ({ its: { fleet } }: Driver, hints: readonly string[], now: number) => {
  const choice = decide(fleet, wants(hints), now);
  return `${choice?.replica.id} ${choice?.hint} ${choice?.warm === true ? "warm" : "cold"}`;
};

/** `a` is passed over for x from time 2 on. */
function barred(hints: readonly string[] = []): Driver {
  const fleet = pair();
  for (const now of [1, 2]) happens(fleet, now, "a", ERROR, now);
  if (hints.length > 0) fleet.hears("a", { hints, hintSlots: 9, concurrency: 9 }, 2);
  return fleet;
}

describe("a replica that is passed over for a hint", () => {
  test("is for 30 s, and serves other hints meanwhile", () => {
    const fleet = barred(["x", "y"]);
    expect([2, 1 + BAR_MS, 2 + BAR_MS].map((now) => chosen(fleet, ["x"], now))).toEqual(["b x cold", "b x cold", "a x warm"]);
    expect([chosen(fleet, ["y"], 2), chosen(fleet, ["x", "y"], 2)]).toEqual(["a y warm", "a y warm"]);
  });

  test("is waited for by nobody, though it holds the hint: it is loaded where it works", () => {
    const fleet = driver({ a: { hints: [], hintSlots: 9 }, b: { hints: [], hintSlots: 9 } });
    fleet.teaches("x", 1000);
    for (const now of [1, 2]) happens(fleet, now, "a", ERROR, now);
    fleet.hears("a", { hints: ["x"], hintSlots: 9 }, 3);
    fleet.arrives(3, [], 3, { avoid: ["b"] });
    expect(fleet.arrives(4, ["x"], 4)).toMatch(/^b hash_/);
  });

  test("is told so by what explains a decision", () => {
    const fleet = barred();
    const { candidates } = explain(fleet.its, OPTIONS, ["x"], 1002);
    expect(candidates.find(({ replica }) => replica === "a")).toMatchObject({
      passed_over: "hint_failed",
      hint_failed_for_ms: BAR_MS - 1000,
    });
    expect(candidates.find(({ replica }) => replica === "b")).toMatchObject({ passed_over: null, hint_failed_for_ms: 0 });
    expect(explain(fleet.its, OPTIONS, ["y"], 1002).candidates.map((candidate) => candidate.passed_over)).toEqual([null, null]);
  });
});

describe("the next time", () => {
  test("one failure is enough, for twice as long, up to ten minutes", () => {
    const failures = new HintFailures();
    const process = { id: "a", incarnation: 1 };
    let now = 0;
    const times: number[] = [];
    for (let time = 0; time < 8; time++) {
      failures.failed(process, "x", time === 0 ? 1 : 5, now, ++now);
      const untilMs = failures.barredUntilMs(process, "x", now);
      times.push((untilMs - now) / 1000);
      now = untilMs;
    }
    expect(times).toEqual([30, 60, 120, 240, 480, 600, 600, 600]);
  });

  test("not one that was sent before: what fails together is one fault", () => {
    const failures = new HintFailures();
    const process = { id: "a", incarnation: 1 };
    for (let time = 0; time < 4; time++) failures.failed(process, "x", 2, 0, 10 + time);
    expect(failures.barredUntilMs(process, "x", 20)).toBe(11 + BAR_MS);
    failures.served(process, "x");
    expect([failures.barredUntilMs(process, "x", 20), failures.knows("x")]).toEqual([0, false]);
  });
});

test("of so many hints it is remembered: those failed longest ago are forgotten first, and those served", () => {
  const failures = new HintFailures();
  const process = { id: "a", incarnation: 1 };
  const fail = (index: number, now: number) => failures.failed(process, `hint-${index}`, 1, now - 1, now);
  for (let index = 0; index < LIMITS.hintFailures; index++) fail(index, 1);
  fail(0, 40_000);
  fail(LIMITS.hintFailures, 40_000);
  expect([0, 1, 2, LIMITS.hintFailures].map((index) => failures.knows(`hint-${index}`))).toEqual([true, false, true, true]);
  const other = { id: "b", incarnation: 1 };
  for (let index = 0; index < LIMITS.learnedHints; index++) failures.served(process, `served-${index}`);
  for (const index of [0, LIMITS.learnedHints]) failures.served(process, `served-${index}`);
  expect([0, 1, 2].map((index) => failures.isServedElsewhere(other, `served-${index}`))).toEqual([true, false, true]);
  expect(failures.isServedElsewhere(process, "served-2")).toBe(false);
});
