// Replicas that fail requests are passed over, for longer each time, then get one request at a time, unless most of the fleet looks bad.
import { describe, expect, test } from "vitest";
import { failGrant, isIneligible } from "../../../src/routing/health/ejection.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { deleteReplica, sweep } from "../../../src/routing/ledger/membership.ts";
import { releaseSlot, takeSlot } from "../../../src/routing/ledger/slots.ts";
import {
  BROKEN,
  ejectedFor,
  fails,
  refuses,
  serves,
  TIMED_OUT,
  UNREACHABLE,
  answerGrant,
  finishGrant,
} from "../support/failing.ts";
import {
  fleetWith,
  hears,
  known,
  loads,
  occupy,
  picture,
  TTL_MS,
  wants,
  decide,
  decideIgnoringLoad,
  schedulerOf,
} from "../support/fleets.ts";

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

describe("looks are taken to deceive", () => {
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
    for (const replica of fleet.replicas.values()) if (!replica.onProbation) occupy(fleet, replica.id, 1);
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

  test("a free one that is well goes first all the same", () => {
    expect(chosen(failing(5), ["sdxl"])).toBe("f");
  });

  test("those on probation count, those that are not ready don't", () => {
    const fleet = full(failing(5));
    sweep(fleet, TTL_MS, 10_000);
    for (const name of "abcde") occupy(fleet, name, 1, 10_000);
    hears(fleet, "a", { hints: ["sdxl"], concurrency: 2 }, 10_000);
    expect(chosen(fleet, ["sdxl"], 10_000)).toBe("a");
    hears(fleet, "b", { status: "draining" }, 10_000);
    hears(fleet, "c", { status: "draining" }, 10_000);
    // 3 of 4 are still more than two thirds; 3 of 5 are not.
    expect(chosen(fleet, ["sdxl"], 10_000)).toBe("a");
    hears(fleet, "g", {}, 10_000);
    occupy(fleet, "g", 1, 10_000);
    expect(chosen(fleet, ["sdxl"], 10_000)).toBe("nobody");
  });

  test("where every ready replica is ejected all are tried", () => {
    const fleet = two();
    fails(fleet, "a");
    fails(fleet, "b");
    expect(chosen(fleet, ["sdxl"])).toBe("a");
    expect(decideIgnoringLoad(fleet, wants(["sdxl"]), 0)?.replica.id).toBe("a");
  });

  test("replicas that are not ready, or that the request avoids, do not count as others", () => {
    const fleet = fleetWith({ a: { hints: ["sdxl"] }, b: { status: "draining" }, c: {} });
    fails(fleet, "a");
    expect(chosen(fleet, ["sdxl"])).toBe("c");
    expect(chosen(fleet, ["sdxl"], 0, ["c"])).toBe("a");
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

  test("not with a stop and a return in the same incarnation", () => {
    const fleet = two();
    fails(fleet, "a");
    hears(fleet, "a", { status: "stopped" }, 1000);
    expect(fleet.unhealthy.size).toBe(0);
    hears(fleet, "a", { hints: ["sdxl"], concurrency: 2 }, 2000);
    expect(isIneligible(known(fleet, "a"), 2000)).toBe(true);
    expect(chosen(fleet, ["sdxl"], 2000)).toBe("b");
  });

  test("a sweep ends only what is over", () => {
    const fleet = two();
    fails(fleet, "a");
    sweep(fleet, TTL_MS, 9999);
    expect(ejectedFor(fleet, "a", 0)).toBe(10_000);
    sweep(fleet, TTL_MS, 10_000);
    expect(known(fleet, "a").ejectedUntilMs).toBe(0);
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

  test("a probe that its client gave up is followed by another", () => {
    const fleet = probing();
    for (const probe of occupy(fleet, "a", 1, 10_000)) releaseSlot(fleet, probe);
    expect(chosen(fleet, ["sdxl"], 10_000)).toBe("a");
  });

  test("requests of before the ejection that still run do not stand in the way of a probe", () => {
    const fleet = two();
    occupy(fleet, "a", 1, 0);
    fails(fleet, "a", 1000);
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

  test("starts over after an answer", () => {
    const fleet = two();
    fails(fleet, "a", 0);
    fails(fleet, "a", 10_000);
    expect(ejectedFor(fleet, "a", 10_000)).toBe(20_000);
    serves(fleet, "a", 31_000);
    fails(fleet, "a", 32_000);
    expect(ejectedFor(fleet, "a", 32_000)).toBe(10_000);
  });

  test("does not grow by requests that were sent before it", () => {
    const fleet = fleetWith({ a: { concurrency: 3 }, b: {} });
    const grants = occupy(fleet, "a", 3, 0);
    expect(grants.map((grant, index) => failGrant(fleet, grant, UNREACHABLE, 1000 + index))).toEqual([true, false, false]);
    expect(ejectedFor(fleet, "a", 1000)).toBe(10_000);
  });

  test("does not grow by requests sent meanwhile, where looks deceive", () => {
    const fleet = fleetWith({ a: { concurrency: 3 } });
    expect([fails(fleet, "a", 0), fails(fleet, "a", 1000)]).toEqual([true, false]);
    expect(ejectedFor(fleet, "a", 0)).toBe(10_000);
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

describe("timeouts and broken responses", () => {
  test("eject with the third in a row", () => {
    const fleet = two();
    expect([TIMED_OUT, BROKEN, TIMED_OUT].map((failure, index) => fails(fleet, "a", index, failure))).toEqual([
      false,
      false,
      true,
    ]);
    expect(chosen(fleet, ["sdxl"], 3)).toBe("b");
  });

  test("not where one in between ended well; one that only began to be answered does not count as that", () => {
    const fleet = two();
    fails(fleet, "a", 0, BROKEN);
    fails(fleet, "a", 1, BROKEN);
    serves(fleet, "a", 2);
    expect([fails(fleet, "a", 3, BROKEN), fails(fleet, "a", 4, BROKEN)]).toEqual([false, false]);
    const [grant] = occupy(fleet, "a", 1, 5);
    if (grant === undefined) throw new Error("no grant");
    answerGrant(fleet, grant, 5);
    expect(failGrant(fleet, grant, BROKEN, 6)).toBe(true);
    finishGrant(fleet, grant, 6);
    expect(isIneligible(known(fleet, "a"), 6)).toBe(true);
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
  grant.answeredAtMs = 1;
  failGrant(fleet, grant, BROKEN, 5000);
  finishGrant(fleet, grant, 5000);
  expect(schedulerOf(fleet).model).toEqual(before);
});

test("the failed request holds its slot until it is given back", () => {
  const fleet = two();
  const [grant] = occupy(fleet, "a", 1);
  if (grant !== undefined) failGrant(fleet, grant, UNREACHABLE, 0);
  expect(loads(fleet)).toEqual({ a: 1, b: 0 });
  if (grant !== undefined) releaseSlot(fleet, grant);
  expect(loads(fleet)).toEqual({ a: 0, b: 0 });
});

test("a failure on a replica that has left meanwhile ejects nobody", () => {
  const fleet = two();
  const [grant] = occupy(fleet, "a", 1);
  deleteReplica(fleet, known(fleet, "a"), TTL_MS);
  hears(fleet, "a", { incarnation: 2 }, 1000);
  if (grant !== undefined) grant.failed = true;
  const before = picture(fleet);
  expect(grant !== undefined && failGrant(fleet, grant, UNREACHABLE, 1000)).toBe(false);
  expect(picture(fleet)).toEqual(before);
});
