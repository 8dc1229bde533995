// Replicas that fail requests are passed over, for longer each time, then get one request at a time, unless most of the fleet is unhealthy. Every rule of
// it is in the reference model too.
import { describe, expect, test } from "vitest";
import { failGrant, isIneligible } from "../../../src/routing/health/ejection.ts";
import type { Failure } from "../../../src/routing/health/outcome.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { releaseSlot, takeSlot } from "../../../src/routing/ledger/slots.ts";
import { failed } from "../../../src/routing/lifecycle.ts";
import { costPolicy } from "../../../src/routing/policy/cost.ts";
import { nextEventMs } from "../../../src/routing/scheduler.ts";
import { driver } from "../support/driver.ts";
import {
  answerGrant,
  BROKEN,
  DISCONNECTED,
  ejectedFor,
  ERROR,
  fails,
  finishGrant,
  refuses,
  serves,
  TIMED_OUT,
  UNAVAILABLE,
  UNREACHABLE,
} from "../support/failing.ts";
import { decide, decideIgnoringLoad, fleetWith, hears, known, occupy, schedulerOf, wants } from "../support/fleets.ts";

const chosen = (fleet: Fleet, hints: readonly string[], now = 0, avoid: readonly string[] = []) =>
  decide(fleet, wants(hints, avoid), now)?.replica.id ?? "nobody";

const two = () => fleetWith({ a: { hints: ["sdxl"], concurrency: 2 }, b: { hints: [], concurrency: 2 } });

test("an ejected replica is passed over for 10 s, though it is warm", () => {
  const fleet = two();
  fails(fleet, "a", 1000);
  expect([1000, 10_999].map((now) => chosen(fleet, ["sdxl"], now))).toEqual(["b", "b"]);
  expect(chosen(fleet, ["sdxl"], 11_000)).toBe("a");
});

test("also by requests without a hint, by cold ones and by those that take no slot", () => {
  const fleet = two();
  fails(fleet, "a");
  occupy(fleet, "b", 1);
  expect([chosen(fleet, []), chosen(fleet, ["cold-1"]), chosen(fleet, ["cold-2"])]).toEqual(["b", "b", "b"]);
  expect(decideIgnoringLoad(fleet, wants(["sdxl"]), 0)?.replica.id).toBe("b");
});

test("where the others are full the request waits rather than try it", () => {
  const fleet = two();
  fails(fleet, "a");
  occupy(fleet, "b", 2);
  expect(chosen(fleet, ["sdxl"])).toBe("nobody");
});

describe("where most of the fleet is unhealthy", () => {
  /** Of six replicas the first hold the hint and have failed. */
  function failing(count: number): Fleet {
    const names = ["a", "b", "c", "d", "e", "f"];
    const fleet = fleetWith(Object.fromEntries(names.map((name) => [name, {}])));
    for (const name of names.slice(0, count)) {
      hears(fleet, name, { hints: ["sdxl"] }, 0);
      fails(fleet, name);
    }
    return fleet;
  }

  /** Those that are well are full. */
  function full(fleet: Fleet): Fleet {
    for (const replica of fleet.replicas.values()) if (replica.ejectedFor === null) occupy(fleet, replica.id, 1);
    return fleet;
  }

  test.each([
    [1, "nobody"],
    [4, "nobody"],
    [5, "a failed one"],
    [6, "a failed one"],
  ])("where %i of 6 replicas failed and the others are full: %s", (count, expected) => {
    expect(chosen(full(failing(count)), ["sdxl"]) === "nobody" ? "nobody" : "a failed one").toBe(expected);
  });

  test("where every ready replica is ejected all are tried", () => {
    const fleet = two();
    fails(fleet, "a");
    fails(fleet, "b");
    expect(chosen(fleet, ["sdxl"])).toBe("a");
    expect(decideIgnoringLoad(fleet, wants(["sdxl"]), 0)?.replica.id).toBe("a");
  });
});

describe("an ejection ends", () => {
  test.each<[string, (fleet: Fleet) => unknown, number]>([
    ["with an answer of the replica", (fleet) => serves(fleet, "a", 1000), 1000],
    ["with a new incarnation", (fleet) => hears(fleet, "a", { incarnation: 2, hints: ["sdxl"], concurrency: 2 }, 1000), 1000],
    ["after its time", () => null, 10_000],
  ])("%s", (_, ends, now) => {
    const fleet = two();
    fails(fleet, "a");
    ends(fleet);
    expect(isIneligible(known(fleet, "a"), now)).toBe(false);
    expect(chosen(fleet, ["sdxl"], now)).toBe("a");
  });

  test("not with a heartbeat: the replica lives, but could not be reached", () => {
    const fleet = two();
    fails(fleet, "a");
    hears(fleet, "a", { hints: ["sdxl"], concurrency: 2 }, 1000);
    expect(chosen(fleet, ["sdxl"], 1000)).toBe("b");
  });
});

describe("on probation", () => {
  /** The replica a, two slots, after its ejection. */
  function probing(): Fleet {
    const fleet = two();
    fails(fleet, "a");
    return fleet;
  }

  test("it gets one request, and no second before that is answered", () => {
    const fleet = probing();
    const [probe] = occupy(fleet, "a", 1, 10_000);
    expect(chosen(fleet, ["sdxl"], 10_000)).toBe("b");
    if (probe !== undefined) answerGrant(fleet, probe, 11_000);
    expect(chosen(fleet, ["sdxl"], 11_000)).toBe("a");
  });
});

describe("the time of an ejection", () => {
  test("doubles each time, up to five minutes", () => {
    const fleet = two();
    let now = 0;
    const times: number[] = [];
    for (let time = 0; time < 8; time++) {
      fails(fleet, "a", now);
      times.push(ejectedFor(fleet, "a", now));
      now += ejectedFor(fleet, "a", now);
    }
    expect(times).toEqual([10, 20, 40, 80, 160, 300, 300, 300].map((seconds) => seconds * 1000));
  });

  test.each([
    ["10 s where a 503 does not say", null, 10_000, 20_000],
    ["what it asks for, and the next is no longer for that", 3000, 3000, 10_000],
    ["at least a second", 0, 1000, 10_000],
    ["10 s where it asks for so long", 10_000, 10_000, 10_000],
    ["no longer than without a Retry-After, whatever it asks for", 86_400_000, 10_000, 20_000],
  ])("of a 503: %s", (_, retryAfterMs, expected, next) => {
    const fleet = two();
    expect(refuses(fleet, "a", 1, retryAfterMs)).toBe(true);
    expect(ejectedFor(fleet, "a", 1)).toBe(expected);
    fails(fleet, "a", 1 + expected);
    expect(ejectedFor(fleet, "a", 1 + expected)).toBe(next);
  });

  test("of 503s that ask for five minutes grows up to that", () => {
    const fleet = two();
    let now = 1;
    const times = Array.from({ length: 7 }, () => {
      if (now === 1) refuses(fleet, "a", now, 300_000);
      else fails(fleet, "a", now, { kind: "unavailable", retryAfterMs: 300_000 });
      const forMs = ejectedFor(fleet, "a", now);
      now += forMs;
      return forMs / 1000;
    });
    expect(times).toEqual([10, 20, 40, 80, 160, 300, 300]);
  });
});

test("one request ejects two replicas at once; what it does to more counts towards three failures in a row there", () => {
  const fleet = fleetWith({ a: {}, b: {}, c: {} });
  const failsAgain = (failures: number, now: number) => {
    const taken = takeSlot(fleet, 1000 + now, { replica: known(fleet, "a"), hint: null, warm: true, failures }, now);
    const ejected = failGrant(fleet, taken, UNREACHABLE, now);
    releaseSlot(fleet, taken);
    return ejected;
  };
  expect(failsAgain(1, 0)).toBe(true);
  expect([failsAgain(2, 10_000), failsAgain(5, 10_001), failsAgain(2, 10_002)]).toEqual([false, false, true]);
});

test("a failed request teaches neither how long loading takes nor how long serving does", () => {
  const fleet = two();
  const [grant] = occupy(fleet, "a", 1);
  const before = structuredClone(schedulerOf(fleet).model);
  if (grant === undefined) throw new Error("no grant");
  grant.answered = true;
  failGrant(fleet, grant, BROKEN, 5000);
  finishGrant(fleet, grant, 5000);
  expect(schedulerOf(fleet).model).toEqual(before);
});

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

/** Two replicas of five slots, of which every request would rather go to the first. */
const pair = () => fleetWith({ a: { hints: ["sdxl"], concurrency: 5 }, b: { hints: [], concurrency: 5 } });

/** The replica a fails so that it is ejected, from so many ms after 0 on. */
function ejects(fleet: Fleet, failure: Failure): number {
  for (let now = 0; now < 5; now++) if (fails(fleet, "a", now, failure)) return now;
  throw new Error("not ejected");
}

/** A request is sent to the replica a. */
function one(fleet: Fleet, now: number) {
  const [grant] = occupy(fleet, "a", 1, now);
  if (grant === undefined) throw new Error("no grant");
  return grant;
}

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

test("what it was ejected for last counts", () => {
  const fleet = pair();
  const now = ejects(fleet, BROKEN) + 10_000;
  fails(fleet, "a", now, TIMED_OUT);
  answerGrant(fleet, one(fleet, now + 1), now + 1);
  expect(known(fleet, "a").ejectedFor).toBe(null);
});

const unavailable = (retryAfterMs: number | null) => ({ kind: "unavailable", retryAfterMs }) as const;

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
