// A replica that answers 503 has one slot fewer for a moment, and is ejected by the second such answer in a row.
import { describe, expect, test } from "vitest";
import { explain } from "../../../src/routing/explain.ts";
import { failGrant, isIneligible } from "../../../src/routing/health/ejection.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { loadOf } from "../../../src/routing/ledger/replica.ts";
import { endWithheld } from "../../../src/routing/ledger/residency.ts";
import { takeSlot } from "../../../src/routing/ledger/slots.ts";
import * as lifecycle from "../../../src/routing/lifecycle.ts";
import { failed } from "../../../src/routing/lifecycle.ts";
import { nextEventMs } from "../../../src/routing/scheduler.ts";
import { costPolicy } from "../../../src/routing/policy/cost.ts";
import { driver } from "../support/driver.ts";
import { DECLINED, ERROR, fails, refuses, serves, TIMED_OUT, UNAVAILABLE, UNREACHABLE } from "../support/failing.ts";
import { fleetWith, hears, known, OPTIONS, occupy } from "../support/fleets.ts";
import { violations } from "../support/invariants.ts";

const unavailable = (retryAfterMs: number | null) => ({ kind: "unavailable", retryAfterMs }) as const;

/** Slots of `a` that count as taken at a time. */
function taken(fleet: Fleet, now: number): number {
  endWithheld(fleet, now);
  expect(violations(fleet, now)).toEqual([]);
  return loadOf(known(fleet, "a"));
}

describe("a slot counts as taken", () => {
  test.each([
    ["for a second where the answer does not say", null, 1000],
    ["for a second where it asks for less", 0, 1000],
    ["for as long as it asks", 3000, 3000],
    ["for 10 s where it asks for more", 86_400_000, 10_000],
  ])("%s", (_, retryAfterMs, forMs) => {
    const fleet = fleetWith({ a: { concurrency: 3 } });
    expect(fails(fleet, "a", 100, unavailable(retryAfterMs))).toBe(false);
    expect([taken(fleet, 100), taken(fleet, 99 + forMs), taken(fleet, 100 + forMs)]).toEqual([1, 1, 0]);
    expect(fleet.taken).toBe(0);
  });

  test("one for each such answer, no more than there are, until the last of them is over", () => {
    const fleet = fleetWith({ a: { concurrency: 2 } });
    const grants = occupy(fleet, "a", 2, 0);
    for (const [index, grant] of grants.entries()) failGrant(fleet, grant, unavailable(index === 0 ? 5000 : null), 1);
    failGrant(fleet, grants[0] ?? raise(), UNAVAILABLE, 2);
    expect(known(fleet, "a").withheld).toBe(2);
    expect([fleet.slots, fleet.taken, fleet.busy.size]).toEqual([2, 2, 1]);
    endWithheld(fleet, 5000);
    expect(known(fleet, "a").withheld).toBe(2);
    endWithheld(fleet, 5001);
    expect(known(fleet, "a").withheld).toBe(0);
  });

  test("beside the request itself, while that holds its own", () => {
    const fleet = fleetWith({ a: { concurrency: 2 } });
    for (const grant of occupy(fleet, "a", 1, 0)) failGrant(fleet, grant, UNAVAILABLE, 1);
    expect([violations(fleet, 1), fleet.taken, fleet.busy.size]).toEqual([[], 2, 1]);
  });

  test("not once more by one of which the moment is over, though nobody came meanwhile", () => {
    const fleet = fleetWith({ a: { concurrency: 3 } });
    const [first, second] = occupy(fleet, "a", 2, 0);
    failGrant(fleet, first ?? raise(), UNAVAILABLE, 1);
    failGrant(fleet, second ?? raise(), UNAVAILABLE, 5000);
    expect(known(fleet, "a").withheld).toBe(1);
  });

  test.each<[string, (fleet: Fleet) => unknown]>([
    ["a new incarnation", (fleet) => hears(fleet, "a", { incarnation: 2, concurrency: 2 }, 100)],
    [
      "a stop and a return",
      (fleet) => [hears(fleet, "a", { status: "stopped" }, 100), hears(fleet, "a", { concurrency: 2 }, 101)],
    ],
  ])("no longer after %s", (_, happens) => {
    const fleet = fleetWith({ a: { concurrency: 2 } });
    fails(fleet, "a", 0, unavailable(10_000));
    happens(fleet);
    expect([taken(fleet, 200), fleet.withholding.size]).toEqual([0, 0]);
  });

  test.each([UNAVAILABLE, DECLINED])("of a replica that is ejected too: %o", (failure) => {
    const fleet = fleetWith({ a: { concurrency: 3 }, b: {} });
    expect([fails(fleet, "a", 1), fails(fleet, "a", 2, failure)]).toEqual([true, false]);
    expect(taken(fleet, 3)).toBe(1);
  });

  test("of a replica on probation too, and that is ejected at once", () => {
    const fleet = fleetWith({ a: { concurrency: 2 }, b: {} });
    expect(refuses(fleet, "a", 1)).toBe(true);
    endWithheld(fleet, 11_000);
    expect(fails(fleet, "a", 11_000, UNAVAILABLE)).toBe(true);
    expect(taken(fleet, 11_000)).toBe(1);
  });
});

describe("answers 503", () => {
  test("that were sent together are one; one that was sent after the first is the second in a row", () => {
    const fleet = fleetWith({ a: { concurrency: 20 }, b: {} });
    const together = occupy(fleet, "a", 4, 0).map((grant) => failGrant(fleet, grant, UNAVAILABLE, 10));
    expect([together, known(fleet, "a").refusalsInARow]).toEqual([[false, false, false, false], 1]);
    expect(fails(fleet, "a", 10, UNAVAILABLE)).toBe(false);
    expect(fails(fleet, "a", 11, UNAVAILABLE)).toBe(true);
    expect(isIneligible(known(fleet, "a"), 11)).toBe(true);
  });

  test.each<[string, (fleet: Fleet) => unknown, boolean]>([
    ["nothing", () => null, true],
    ["another failure", (fleet) => fails(fleet, "a", 1, TIMED_OUT), false],
    ["an error", (fleet) => fails(fleet, "a", 1, ERROR), false],
    ["a success", (fleet) => serves(fleet, "a", 1), false],
    ["an answer that is no success", (fleet) => serves(fleet, "a", 1, "rejected"), false],
    ["an answer that its replica excuses", (fleet) => serves(fleet, "a", 1, "excused"), true],
    ["a request that it declines", (fleet) => fails(fleet, "a", 1, DECLINED), true],
    ["the first of an ejection", (fleet) => fails(fleet, "a", 1, UNREACHABLE), false],
  ])("with %s between: the second ejects: %#", (_, happens, ejects) => {
    const fleet = fleetWith({ a: { concurrency: 9 }, b: {} });
    expect(fails(fleet, "a", 0, UNAVAILABLE)).toBe(false);
    happens(fleet);
    expect(fails(fleet, "a", 2, UNAVAILABLE)).toBe(ejects);
  });

  test("are no failures of other kinds in a row, and end none", () => {
    const fleet = fleetWith({ a: { concurrency: 9 }, b: {} });
    const failures = [TIMED_OUT, UNAVAILABLE, TIMED_OUT, UNAVAILABLE, TIMED_OUT];
    expect(failures.map((failure, index) => fails(fleet, "a", index, failure))).toEqual([false, false, false, false, true]);
    expect(known(fleet, "a")).toMatchObject({ failuresInARow: 0, refusalsInARow: 0 });
  });

  test("of a request that two others have failed need three in a row to eject", () => {
    const fleet = fleetWith({ a: { concurrency: 9 }, b: {} });
    const refused = (now: number) => {
      const grant = takeSlot(fleet, 1000 + now, { replica: known(fleet, "a"), hint: null, warm: true, failures: 2 }, now);
      return failGrant(fleet, grant, UNAVAILABLE, now);
    };
    expect([refused(1), refused(2), refused(3)]).toEqual([false, false, true]);
  });
});

describe("a request that its replica declines", () => {
  test("ejects nobody, however many they are, on probation too", () => {
    const fleet = fleetWith({ a: { concurrency: 20 }, b: {} });
    const times = Array.from({ length: 9 }, (_, now) => fails(fleet, "a", now, DECLINED));
    expect(times).not.toContain(true);
    expect(known(fleet, "a")).toMatchObject({ failuresInARow: 0, refusalsInARow: 0, lastError: { kind: "declined" } });
    expect(refuses(fleet, "a", 20)).toBe(true);
    expect(fails(fleet, "a", 10_020, DECLINED)).toBe(false);
    expect(known(fleet, "a")).toMatchObject({ ejections: 1, onProbation: true });
  });

  test.each([
    [null, 1000],
    [3000, 3000],
    [86_400_000, 10_000],
  ])("withholds a slot, where it asks for %s ms: for %i", (retryAfterMs, forMs) => {
    const fleet = fleetWith({ a: { concurrency: 3 } });
    fails(fleet, "a", 100, { kind: "declined", retryAfterMs, forHint: true });
    expect([taken(fleet, 99 + forMs), taken(fleet, 100 + forMs)]).toEqual([1, 0]);
  });

  test("is counted", () => {
    const fleet = driver({ a: {} });
    fleet.arrives(1, []);
    failed(fleet.its, 1, DECLINED, null, 0);
    expect(fleet.its.counters.failed).toMatchObject({ declined: 1, unavailable: 0, error: 0 });
    expect(fleet.its.counters.ejected).toBe(0);
  });
});

test("others are sent elsewhere meanwhile, and who waits for the slot has it when its moment is over", () => {
  const fleet = driver({ a: { hints: ["x"] } }, costPolicy("never"));
  fleet.arrives(1, ["x"], 100);
  failed(fleet.its, 1, unavailable(3000), null, 100);
  fleet.ends(1, 100);
  expect(fleet.arrives(2, ["x"], 200)).toBe("waiting");
  expect(nextEventMs(fleet.its)).toBe(3100);
  expect(fleet.dispatches(3099)).toEqual({});
  expect(fleet.dispatches(3100)).toEqual({ 2: "a hint_wait" });
});

/** `a` has refused its only request at time 0. */
function refusedOnce() {
  const fleet = driver({ a: { hints: ["x"] } }, costPolicy("never"));
  fleet.arrives(1, ["x"]);
  failed(fleet.its, 1, UNAVAILABLE, null, 0);
  fleet.ends(1);
  return fleet;
}

test("a newcomer has it as soon", () => {
  expect(refusedOnce().arrives(2, ["x"], 999)).toBe("waiting");
  expect(refusedOnce().arrives(2, ["x"], 1000)).toBe("a hint_match");
});

test("what explains a decision says so", () => {
  const fleet = refusedOnce();
  const seen = (now: number) => explain(fleet.its, OPTIONS, ["x"], now);
  expect([seen(999).decision.outcome, seen(999).candidates[0]]).toMatchObject(["wait", { in_flight: 0, passed_over: "full" }]);
  expect([seen(1000).decision.outcome, seen(1000).candidates[0]]).toMatchObject(["grant", { passed_over: null }]);
});

function raise(): never {
  throw new Error("no grant");
}
