// How many failures of each kind eject a replica, and what answers with an error status do: an error shows that the replica is reachable and no
// more, another status neither counts against it nor for it.
import { describe, expect, test } from "vitest";
import { isIneligible } from "../../../src/routing/health/ejection.ts";
import type { AnswerKind, Failure } from "../../../src/routing/health/outcome.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import * as lifecycle from "../../../src/routing/lifecycle.ts";
import { failed } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { driver } from "../support/driver.ts";
import {
  BROKEN,
  DISCONNECTED,
  ejectedFor,
  ERROR,
  fails,
  serves,
  TIMED_OUT,
  UNAVAILABLE,
  UNREACHABLE,
} from "../support/failing.ts";
import { fleetWith, known } from "../support/fleets.ts";

const roomy = () => fleetWith({ a: { concurrency: 9 }, b: { concurrency: 9 } });

/** Which of so many failures, one after the other, ejects; 0: none. */
function ejectingOf(fleet: Fleet, failures: readonly Failure[]): number {
  return 1 + failures.findIndex((failure, index) => fails(fleet, "a", index, failure));
}

test.each<[Failure, number]>([
  [UNREACHABLE, 1],
  [UNAVAILABLE, 2],
  [DISCONNECTED, 3],
  [TIMED_OUT, 3],
  [BROKEN, 3],
  [ERROR, 5],
])("of %o so many in a row eject: %i", (failure, count) => {
  expect(ejectingOf(roomy(), Array<Failure>(9).fill(failure))).toBe(count);
});

describe("of failures of several kinds", () => {
  test.each<[string, Failure[], number]>([
    ["the kind of the last says how many it takes", [ERROR, ERROR, DISCONNECTED], 3],
    ["an error needs five, whatever the others were", [DISCONNECTED, DISCONNECTED, ERROR, ERROR, ERROR], 5],
    ["one that can't be reached is enough", [ERROR, UNREACHABLE], 2],
  ])("%s", (_, failures, count) => {
    expect(ejectingOf(roomy(), failures)).toBe(count);
  });
});

describe("between errors", () => {
  test.each<[AnswerKind, boolean]>([
    ["success", false],
    ["rejected", true],
    ["unsupported", true],
  ])("an answer %s: the fifth ejects: %s", (kind, ejects) => {
    const fleet = roomy();
    for (let now = 0; now < 4; now++) fails(fleet, "a", now, ERROR);
    serves(fleet, "a", 4, kind);
    expect(fails(fleet, "a", 5, ERROR)).toBe(ejects);
  });

  test("a request whose error ejects teaches nothing of the time that a slot is held", () => {
    const fleet = driver({ a: {} });
    fleet.arrives(1, []);
    failed(fleet.its, 1, ERROR, null, 5000);
    fleet.ends(1, 5000);
    expect(fleet.its.model.held.weight).toBe(0);
  });
});

describe("an ejection", () => {
  /** `a` is ejected by failures of that kind; answered so after it, whether it still is. */
  function lasts(failure: Failure, kind: AnswerKind): boolean {
    const fleet = roomy();
    let now = 0;
    while (!fails(fleet, "a", now, failure)) now++;
    serves(fleet, "a", now + 1, kind);
    return isIneligible(known(fleet, "a"), now + 1);
  }

  test.each<[Failure, AnswerKind, boolean]>([
    [ERROR, "success", false],
    [ERROR, "rejected", true],
    [ERROR, "unsupported", true],
    [UNREACHABLE, "rejected", false],
    [UNREACHABLE, "excused", true],
    [DISCONNECTED, "unsupported", false],
    [UNAVAILABLE, "rejected", false],
    [TIMED_OUT, "rejected", false],
    [BROKEN, "rejected", true],
    [BROKEN, "success", false],
  ])("for %o lasts after an answer %s: %s", (failure, kind, expected) => {
    expect(lasts(failure, kind)).toBe(expected);
  });

  test.each([UNREACHABLE, ERROR])("for %o does not end with an error, and on probation an error begins the next", (failure) => {
    const fleet = roomy();
    let now = 0;
    while (!fails(fleet, "a", now, failure)) now++;
    expect(fails(fleet, "a", now + 1, ERROR)).toBe(false);
    expect(isIneligible(known(fleet, "a"), now + 1)).toBe(true);
    expect(fails(fleet, "a", now + 10_000, ERROR)).toBe(true);
    expect(ejectedFor(fleet, "a", now + 10_000)).toBe(20_000);
  });
});

describe("a replica whose answers are errors now and then", () => {
  /** So many requests of each replica, of which every so many end in errors (0: none), one after the other; which of them ejected `a`, by its time. */
  function shared(count: number, everyOfA: number, everyOfB: number, fleet = roomy()): readonly number[] {
    const ejectedAt: number[] = [];
    for (let now = 0; now < count; now++) {
      for (const [id, every] of [
        ["b", everyOfB],
        ["a", everyOfA],
      ] as const) {
        if (every === 0 || now % every !== every - 1) serves(fleet, id, now);
        else if (fails(fleet, id, now, ERROR) && id === "a") ejectedAt.push(now);
      }
    }
    return ejectedAt;
  }

  test("is ejected once a quarter of at least ten are, where the others have none", () => {
    expect(shared(20, 4, 0)[0]).toBe(11);
    expect(shared(20, 3, 0)[0]).toBe(11);
  });

  test("not where fewer are, or there are too few to tell, of it or of the others", () => {
    expect(shared(40, 5, 0)).toEqual([]);
    for (const samples of [
      { a: LIMITS.errorSamples - 1, b: 30 },
      { a: 30, b: LIMITS.errorSamples - 1 },
    ]) {
      const fleet = roomy();
      for (let now = 0; now < samples.b; now++) serves(fleet, "b", now);
      for (let now = 100; now < 100 + samples.a; now++) {
        if (now % 2 === 0) expect(fails(fleet, "a", now, ERROR)).toBe(false);
        else serves(fleet, "a", now);
      }
    }
  });

  test("whatever else it rejects: that is no answer of which an error is a share", () => {
    const fleet = roomy();
    for (let now = 0; now < 40; now++) for (const id of ["a", "b"]) serves(fleet, id, now, "rejected");
    expect(shared(20, 4, 0, fleet)[0]).toBe(11);
    for (let now = 50; now < 90; now++) serves(fleet, "a", now, "rejected");
    expect(fails(fleet, "a", 200_000, ERROR)).toBe(true);
  });

  test("not where the others have a third as many, or are not known: what fails everywhere is the requests' fault", () => {
    expect(shared(60, 2, 4)).toEqual([]);
    const alone = fleetWith({ a: { concurrency: 9 } });
    for (let now = 0; now < 40; now++) {
      if (now % 2 === 0) serves(alone, "a", now);
      else fails(alone, "a", now, ERROR);
    }
    expect(isIneligible(known(alone, "a"), 40)).toBe(false);
  });

  describe("and then five in a row", () => {
    /** `b` has answered so many requests, of which every so many end in errors; then `a` errs five times. Whether that ejects it. */
    function fiveErrors(samples: number, every: number, fleet = roomy()): boolean {
      for (let now = 0; now < samples; now++) {
        if (now % every === every - 1) fails(fleet, "b", now, ERROR);
        else serves(fleet, "b", now);
      }
      const times = Array.from({ length: 5 }, (_, index) => fails(fleet, "a", 1000 + index, ERROR));
      expect(times.slice(0, 4)).toEqual([false, false, false, false]);
      return times[4] ?? raise();
    }

    test.each<[string, number, number, boolean]>([
      ["is ejected where the others have none", 20, 99, true],
      ["where they have less than a third as many", 20, 4, true],
      ["or too few to tell", LIMITS.errorSamples - 1, 2, true],
      ["but not where they have more", 20, 2, false],
      ["as soon as that can be told", LIMITS.errorSamples, 2, false],
    ])("%s: %#", (_, samples, every, ejects) => {
      expect(fiveErrors(samples, every)).toBe(ejects);
    });

    test("is ejected with the first error after the others have recovered", () => {
      const fleet = roomy();
      expect(fiveErrors(20, 2, fleet)).toBe(false);
      expect(fails(fleet, "a", 2000, ERROR)).toBe(false);
      for (let now = 3000; now < 3040; now++) serves(fleet, "b", now);
      expect(fails(fleet, "a", 4000, ERROR)).toBe(true);
    });

    test("is ejected with another kind of failure all the same, and on probation with one error", () => {
      const fleet = roomy();
      fiveErrors(20, 2, fleet);
      expect(fails(fleet, "a", 2000, DISCONNECTED)).toBe(true);
      expect(fails(fleet, "a", 12_000, ERROR)).toBe(true);
    });

    test("is ejected where there is no other", () => {
      const alone = fleetWith({ a: { concurrency: 9 } });
      expect(ejectingOf(alone, Array<Failure>(9).fill(ERROR))).toBe(5);
    });
  });

  test("is ejected for longer each time while that goes on, though a success ended the one before", () => {
    const fleet = roomy();
    shared(12, 2, 0, fleet);
    const times: number[] = [];
    for (let now = 100_000; now < 400_000; now += 100_000) {
      serves(fleet, "a", now);
      expect(known(fleet, "a").onProbation).toBe(false);
      fails(fleet, "a", now + 1, ERROR);
      times.push(ejectedFor(fleet, "a", now + 1));
    }
    expect(times).toEqual([40_000, 80_000, 160_000]);
  });

  test("until a success ends one while it no longer does: then the next is for 10 s again", () => {
    const fleet = roomy();
    shared(12, 2, 0, fleet);
    for (let now = 100_000; now < 100_080; now++) serves(fleet, "a", now);
    for (let now = 200_000; now < 200_005; now++) fails(fleet, "a", now, ERROR);
    expect(ejectedFor(fleet, "a", 200_004)).toBe(40_000);
    serves(fleet, "a", 300_000);
    expect(known(fleet, "a")).toMatchObject({ onProbation: false, ejections: 0 });
  });
});

test("the last failure is kept for the administrator, with what the edge says of it", () => {
  const fleet = roomy();
  fails(fleet, "a", 100, { kind: "disconnected", detail: "connection reset" });
  expect(known(fleet, "a").lastError).toEqual({ kind: "disconnected", detail: "connection reset", atMs: 100 });
  fails(fleet, "a", 200, ERROR);
  serves(fleet, "a", 300);
  expect(known(fleet, "a").lastError).toEqual({ kind: "error", detail: "", atMs: 200 });
});

function raise(): never {
  throw new Error("there is none");
}
