// What ends an ejection and the probation after it: that depends on what the replica was ejected for. And what a failure on probation does.
import { describe, expect, test } from "vitest";
import { failGrant, nextTrustMs } from "../../../src/routing/health/ejection.ts";
import type { Failure } from "../../../src/routing/health/outcome.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import type { Grant } from "../../../src/routing/ledger/replica.ts";
import { takeSlot } from "../../../src/routing/ledger/slots.ts";
import { createScheduler, expire } from "../../../src/routing/scheduler.ts";
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
  answerGrant,
  endAnswer,
  finishGrant,
} from "../support/failing.ts";
import { fleetWith, hears, known, occupy, TTL_MS, wants, decide, schedulerOf } from "../support/fleets.ts";

const FAILURES: [Failure["kind"], Failure][] = [UNREACHABLE, DISCONNECTED, UNAVAILABLE, TIMED_OUT, BROKEN, ERROR].map(
  (failure) => [failure.kind, failure],
);

/** Two replicas of five slots, of which every request would rather go to the first. */
const pair = () => fleetWith({ a: { hints: ["sdxl"], concurrency: 5 }, b: { hints: [], concurrency: 5 } });

const chosen = (fleet: Fleet, now: number) => decide(fleet, wants(["sdxl"]), now)?.replica.id ?? "nobody";

/** The replica a fails so that it is ejected, from so many ms after 0 on. */
function ejects(fleet: Fleet, failure: Failure): number {
  for (let now = 0; now < 5; now++) if (fails(fleet, "a", now, failure)) return now;
  throw new Error("not ejected");
}

describe("an ejection for broken answers", () => {
  test.each<[string, "over" | "lasts", (fleet: Fleet) => unknown]>([
    ["not with the headers of a request sent after it", "lasts", (fleet) => answerGrant(fleet, one(fleet, 100), 200)],
    ["with one that is whole", "over", (fleet) => serves(fleet, "a", 100)],
    ["not with one of which nobody says so", "lasts", (fleet) => begun(fleet, 100, () => null)],
    [
      "not with one that broke off by whose doing ever",
      "lasts",
      (fleet) => begun(fleet, 100, (its) => endAnswer(fleet, its, false)),
    ],
    [
      "not with one that broke off and is said to be whole",
      "lasts",
      (fleet) => begun(fleet, 100, (its) => failsWhole(fleet, its)),
    ],
    ["not with the end of one that its client gave up before the headers", "lasts", (fleet) => ends(fleet, 100)],
    ["with a new incarnation", "over", (fleet) => hears(fleet, "a", { incarnation: 2, hints: ["sdxl"] }, 100)],
  ])("ends %s", (_, expected, then) => {
    const fleet = pair();
    ejects(fleet, BROKEN);
    then(fleet);
    expect(chosen(fleet, 300)).toBe(expected === "over" ? "a" : "b");
  });

  test("ends neither with headers nor with the end of a request that was sent before it", () => {
    const fleet = pair();
    const [streaming, waiting] = occupy(fleet, "a", 2, 0);
    if (streaming === undefined || waiting === undefined) throw new Error("no grants");
    answerGrant(fleet, streaming, 0);
    ejects(fleet, BROKEN);
    answerGrant(fleet, waiting, 100);
    for (const grant of [streaming, waiting]) {
      endAnswer(fleet, grant, true);
      finishGrant(fleet, grant, 200);
    }
    expect(chosen(fleet, 300)).toBe("b");
  });

  test("is longer each time while every answer breaks off", () => {
    const fleet = pair();
    let now = 0;
    const times: number[] = [];
    for (let request = 0; request < 6; request++) {
      if (!fails(fleet, "a", now, BROKEN)) continue;
      times.push(ejectedFor(fleet, "a", now) / 1000);
      now += ejectedFor(fleet, "a", now);
    }
    expect(times).toEqual([10, 20, 40, 80]);
  });

  test("after it the replica gets one request at a time until an answer is whole", () => {
    const fleet = pair();
    const now = ejects(fleet, BROKEN) + 10_000;
    const probe = one(fleet, now);
    answerGrant(fleet, probe, now);
    expect(probe.proves).toBe(true);
    expect(chosen(fleet, now)).toBe("b");
    endAnswer(fleet, probe, true);
    expect(known(fleet, "a")).toMatchObject({ onProbation: false, ejections: 0 });
    expect(chosen(fleet, now)).toBe("a");
  });
});

describe("the one request on probation keeps others away", () => {
  test("for 10 s from the start of its answer, where that goes on", () => {
    const fleet = pair();
    const now = ejects(fleet, BROKEN) + 10_000;
    answerGrant(fleet, one(fleet, now), now + 2000);
    expect([chosen(fleet, now + 11_999), chosen(fleet, now + 12_000)]).toEqual(["b", "a"]);
    const next = one(fleet, now + 12_000);
    expect(chosen(fleet, now + 12_000)).toBe("b");
    expect(next.proves).toBe(true);
  });

  test("for 5 minutes where it is not answered", () => {
    const fleet = pair();
    const now = ejects(fleet, UNREACHABLE) + 10_000;
    one(fleet, now);
    expect([chosen(fleet, now + 299_999), chosen(fleet, now + 300_000)]).toEqual(["b", "a"]);
  });

  test("and those who wait are looked at then", () => {
    const fleet = fleetWith({ a: { concurrency: 3 } });
    const scheduler = schedulerOf(fleet);
    const now = ejects(fleet, BROKEN) + 10_000;
    answerGrant(fleet, one(fleet, now), now);
    hears(fleet, "a", { concurrency: 3 }, now);
    expire(scheduler, TTL_MS, now);
    expect(nextTrustMs(fleet)).toBe(now + 10_000);
    expire(scheduler, TTL_MS, now + 10_000);
    expect([nextTrustMs(fleet), known(fleet, "a").probe]).toEqual([Infinity, null]);
  });
});

test.each(FAILURES.slice(0, 4))("an ejection because a request was %s ends with the headers of one sent before", (_, failure) => {
  const fleet = pair();
  const before = one(fleet, 0);
  ejects(fleet, failure);
  expect(chosen(fleet, 100)).toBe("b");
  answerGrant(fleet, before, 100);
  expect(chosen(fleet, 100)).toBe("a");
});

test("what it was ejected for last counts", () => {
  const fleet = pair();
  const now = ejects(fleet, BROKEN) + 10_000;
  fails(fleet, "a", now, TIMED_OUT);
  answerGrant(fleet, one(fleet, now + 1), now + 1);
  expect(known(fleet, "a").onProbation).toBe(false);
});

describe("on probation one failure ejects, for twice as long", () => {
  test.each(FAILURES)("%s", (_, failure) => {
    const fleet = pair();
    const now = ejects(fleet, failure) + 10_000;
    expect(fails(fleet, "a", now, failure)).toBe(true);
    expect(ejectedFor(fleet, "a", now)).toBe(20_000);
  });

  test.each(FAILURES)("%s, but not of a request that two replicas have failed before: that takes three", (_, failure) => {
    const fleet = pair();
    fails(fleet, "a", 0);
    const ejected = [1, 2, 3].map((id) => {
      const grant = takeSlot(fleet, 100 + id, { replica: known(fleet, "a"), hint: null, warm: true, failures: 2 }, 10_000);
      return failGrant(fleet, grant, failure, 10_000);
    });
    expect(ejected).toEqual([false, false, true]);
  });

  test("not of one that was sent before the ejection", () => {
    const fleet = pair();
    const before = one(fleet, 0);
    fails(fleet, "a", 1);
    expect(failGrant(fleet, before, TIMED_OUT, 20_000)).toBe(false);
    expect(known(fleet, "a")).toMatchObject({ failuresInARow: 0, onProbation: true });
  });
});

/** A request is sent to the replica a. */
function one(fleet: Fleet, now: number) {
  const [grant] = occupy(fleet, "a", 1, now);
  if (grant === undefined) throw new Error("no grant");
  return grant;
}

/** The replica begins to answer a request, and then. */
function begun(fleet: Fleet, now: number, then: (grant: Grant) => unknown): void {
  const grant = one(fleet, now);
  answerGrant(fleet, grant, now);
  then(grant);
  finishGrant(fleet, grant, now);
}

function failsWhole(fleet: Fleet, grant: Grant): void {
  endAnswer(fleet, grant, false);
  endAnswer(fleet, grant, true);
}

/** A request that is not answered. */
function ends(fleet: Fleet, now: number): void {
  finishGrant(fleet, one(fleet, now), now);
}
