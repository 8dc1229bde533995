// What isolates report of requests that they sent by themselves, and what that does to a fleet.
import { describe, expect, test } from "vitest";
import { Isolates } from "../../../src/routing/direct/isolates.ts";
import type { DirectReport } from "../../../src/routing/direct/report.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { Replica, usedAtMs } from "../../../src/routing/ledger/replica.ts";
import { demandShare, learnHeld, loadMs, serviceMs } from "../../../src/routing/model/model.ts";
import { costPolicy } from "../../../src/routing/policy/cost.ts";
import { announce } from "../../../src/routing/prewarm.ts";
import { createScheduler, dispatch, enqueue } from "../../../src/routing/scheduler.ts";
import { arrival, brief, fleetWith, hears, known, loads, OPTIONS } from "../support/fleets.ts";
import { complaints, report, world } from "../support/isolate.ts";

describe("requests that run", () => {
  test("take slots until a report says that they are over, and the copy counts them once", () => {
    const its = world();
    const sends = [its.sends(["x"], 10), its.sends(["x"], 20)];
    its.refresh(30);
    expect([loads(its.fleet), its.copy.replicas[0]?.load]).toEqual([{ a: 2 }, 2]);
    sends[0]!.finish(true, 40);
    its.refresh(50);
    expect([loads(its.fleet), its.copy.replicas[0]?.load]).toEqual([{ a: 1 }, 1]);
    sends[1]!.finish(false, 60);
    sends[1]!.finish(false, 61);
    its.refresh(70);
    expect([loads(its.fleet), its.copy.replicas[0]?.load, its.reporter.hasNews]).toEqual([{ a: 0 }, 0, false]);
  });

  test("of all isolates count together, and a full replica gets none from the object", () => {
    const its = world();
    its.tells(report("two", 1, [{ unfinished: 5 }]), 0);
    its.tells(report("three", 1, [{ unfinished: 3 }]), 0);
    expect(loads(its.fleet)).toEqual({ a: 8 });
    expect(brief(enqueue(its.scheduler, OPTIONS, 1, arrival(["x"]), 0))).toBe("waiting");
    its.tells(report("two", 2, []), 1);
    expect(brief(dispatch(its.scheduler, OPTIONS, 1).get(1))).toBe("a hint_wait");
  });

  test("are expected to end: others wait for a full warm replica and do not load", () => {
    const fleet = fleetWith({ a: { hints: ["x"], concurrency: 8 }, b: { hints: [], hintSlots: 2, concurrency: 8 } });
    const scheduler = { ...createScheduler(costPolicy()), fleet };
    const other = new Replica("other", 1);
    for (let sample = 0; sample < 20; sample++)
      learnHeld(scheduler.model, { replica: other, hint: null, warmth: "none", declaredMs: null }, 400);
    new Isolates().apply(scheduler, report("two", 1, [{ unfinished: 8 }]), 0);
    expect(brief(enqueue(scheduler, OPTIONS, 1, arrival(["x"]), 0))).toBe("waiting");
    expect(brief(enqueue(scheduler, OPTIONS, 2, arrival(["y"]), 0))).toMatch(/^b hash_/);
  });

  test("are in use: their hint is not what a replica would evict, and counts as used", () => {
    const its = world({ a: { hints: ["x", "y"], hintSlots: 2, concurrency: 8 } });
    its.tells(report("two", 1, [{ unfinished: 2, sent: 2 }]), 100);
    const replica = known(its.fleet, "a");
    expect([replica.users.get("x"), usedAtMs(replica, "x"), replica.served]).toEqual([2, 100, 2]);
    its.tells(report("two", 2, []), 200);
    expect(replica.users.has("x")).toBe(false);
  });

  test("are forgotten with an isolate that reports no more", () => {
    const its = world();
    its.tells(report("two", 1, [{ unfinished: 5 }]), 0);
    its.tells(report("three", 1, [{ unfinished: 1 }]), 1);
    expect([...its.isolates.expire(its.fleet, LIMITS.isolateForgottenMs - 1)]).toEqual([]);
    expect([...its.isolates.expire(its.fleet, LIMITS.isolateForgottenMs)]).toEqual(["a"]);
    expect(loads(its.fleet)).toEqual({ a: 1 });
    expect(complaints(its.fleet, 0)).toEqual([]);
  });

  test("of a process that has left count nowhere, and do no harm when their isolate is forgotten", () => {
    const its = world();
    its.tells(report("two", 1, [{ unfinished: 5 }]), 0);
    hears(its.fleet, "a", { hints: ["x"], concurrency: 8, incarnation: 2 });
    expect(loads(its.fleet)).toEqual({ a: 0 });
    its.tells(report("two", 2, [{ unfinished: 5 }]), 1);
    its.isolates.expire(its.fleet, 1 + LIMITS.isolateForgottenMs);
    expect([loads(its.fleet), complaints(its.fleet, 1)]).toEqual([{ a: 0 }, []]);
  });

  test("do not make a slot of the object look surplus, nor a request unclaimed after a restart", () => {
    const its = world();
    its.tells(report("two", 1, [{ unfinished: 3 }]), 0);
    const replica = known(its.fleet, "a");
    replica.restored = true;
    hears(its.fleet, "a", { hints: ["x"], concurrency: 8, inFlight: 4 }, 1);
    expect([replica.unadopted, loads(its.fleet)]).toEqual([1, { a: 4 }]);
  });
});

test("a report that comes late or twice changes nothing", () => {
  const its = world();
  its.tells(report("two", 2, [{ unfinished: 5, sent: 5 }]), 0);
  its.tells(report("two", 2, [{ unfinished: 5, sent: 5 }]), 1);
  its.tells(report("two", 1, [{ unfinished: 1, sent: 1 }]), 2);
  expect([loads(its.fleet), known(its.fleet, "a").served]).toEqual([{ a: 5 }, 5]);
});

test("at most 5,000 isolates are remembered, and the more there are the later each refreshes", () => {
  const its = world({ a: { hints: ["x"], concurrency: 10_000 } });
  for (let isolate = 0; isolate < 5100; isolate++)
    its.isolates.apply(its.scheduler, report(`i${isolate}`, 1, [{ unfinished: 1 }]), 0);
  expect([loads(its.fleet), its.isolates.refreshMs(its.scheduler.model)]).toEqual([{ a: 5000 }, 10_000]);
});

test("what was served teaches demand, service times and loads", () => {
  const its = world();
  for (let request = 0; request < 50; request++) its.serves(["x"], 10 * request, 100, 400);
  const failing = its.sends(["x"], 600);
  failing.answered("rejected", null, 700);
  failing.finish(true, 700);
  its.refresh(1000);
  const { model } = its.scheduler;
  expect(serviceMs(model, "x")).toBeCloseTo(400);
  expect(demandShare(model, "x")).toBeCloseTo(1);
  expect([model.arrivals, known(its.fleet, "a").served]).toEqual([50, 51]);
  expect(loadMs(model, "x")).toBe(12_000);
});

test("a request that an isolate has sent ends its hint's announcement", () => {
  const its = world();
  announce(its.scheduler, ["x", "y"], 0);
  its.serves(["x"], 10, 100, 300);
  its.refresh(1000);
  expect([...its.scheduler.announced.keys()]).toEqual(["y"]);
});

test("requests that have ended are counted, each once: served, failed, excused, and those of which nothing is told", () => {
  const its = world();
  const { queueWait, firstByte, service, requests } = its.scheduler.metrics;
  for (let sent = 0; sent < 4; sent++) its.serves(["x"], 10 + sent, 100, 300);
  its.sends([], 20).finish(true, 25);
  const [early, late, excused] = [its.sends(["x"], 30), its.sends(["x"], 30), its.sends(["x"], 30)];
  early.failed({ kind: "error" }, null, 40);
  excused.answered("excused", null, 40);
  excused.finish(true, 45);
  its.refresh(500);
  expect(requests.hint_match).toMatchObject({ success: 4, error: 1, excused: 1, unknown: 0 });
  expect(requests.least_loaded).toMatchObject({ success: 0, unknown: 1 });
  early.finish(false, 600);
  late.finish(false, 600);
  its.refresh(700);
  its.refresh(800);
  expect(requests.hint_match).toMatchObject({ success: 4, error: 1, excused: 1, unknown: 1 });
  expect([firstByte.sum, service.sum, queueWait.sum].map((sum) => sum.toFixed(3))).toEqual(["0.400", "1.200", "0.000"]);
  expect(queueWait.counts[0]).toBe(8);
});

describe("failures", () => {
  test("eject as those of the object's own requests do", () => {
    const its = world();
    its.sends(["x"], 10).failed({ kind: "unreachable" }, null, 20);
    its.refresh(30);
    expect(known(its.fleet, "a").ejectedUntilMs).toBe(30 + LIMITS.ejectionMs);
    expect([its.scheduler.counters.ejected, its.scheduler.counters.failed.unreachable]).toEqual([1, 1]);
    expect(its.copy.replicas[0]?.open).toBe(false);
  });

  test.each([
    ["in a row eject", false, 1],
    ["between successes do not", true, 0],
  ])("%s, if they are so many that they would in a row", (_, between, ejected) => {
    const its = world();
    for (let sent = 0; sent < 2 * LIMITS.errorsToEject; sent++) {
      if (between) its.serves(["x"], sent, 1, 2);
      const send = its.sends(["x"], sent);
      send.failed({ kind: "error" }, null, sent);
      send.finish(false, sent);
    }
    its.refresh(50);
    expect(its.scheduler.counters.ejected).toBe(ejected);
  });

  test("of requests that were sent before an ejection began do not lengthen it", () => {
    const its = world();
    const late = its.sends(["x"], 5);
    its.sends(["x"], 10).failed({ kind: "unreachable" }, null, 20);
    its.refresh(30);
    late.failed({ kind: "unreachable" }, null, 40);
    its.refresh(50);
    expect([known(its.fleet, "a").ejections, its.scheduler.counters.failed.unreachable]).toEqual([1, 2]);
  });

  test("in a row end with a success", () => {
    const its = world();
    for (let round = 0; round < 4; round++) {
      for (let one = 0; one < LIMITS.failuresToEject - 1; one++) {
        const send = its.sends(["x"], 100 * round + 10);
        send.failed({ kind: "disconnected" }, null, 100 * round + 20);
        send.finish(false, 100 * round + 20);
      }
      its.refresh(100 * round + 30);
      its.serves(["x"], 100 * round + 40, 1, 2);
      its.refresh(100 * round + 60);
    }
    expect(its.scheduler.counters.ejected).toBe(0);
  });

  test("of a hint bar it, in the copy as well; excused ones too", () => {
    const its = world({ a: { hints: ["x", "y"], hintSlots: 8, concurrency: 8 } });
    for (let one = 0; one < LIMITS.errorsToEject; one++) its.sends(["x"], 10 + one).answered("excused", null, 20 + one);
    its.refresh(30);
    expect([[...its.copy.holding("x")].length, [...its.copy.holding("y")].length]).toEqual([0, 1]);
    expect(its.scheduler.counters.ejected).toBe(0);
  });
});

test("the last list that an answer brought is believed, unless a later one is known", () => {
  const its = world();
  const [one, two] = [its.sends(["x"], 10), its.sends(["x"], 10)];
  one.answered("success", ["x", "y"], 20);
  two.answered("success", ["x", "z"], 30);
  const late = its.reporter.take(40);
  expect(late.lists).toEqual([{ replica: "a", incarnation: 1, hints: ["x", "z"], agoMs: 10 }]);
  expect([...its.tells(late, 40).changed].map(({ id }) => id)).toEqual(["a"]);
  expect([...known(its.fleet, "a").advertised!.keys()]).toEqual(["x", "z"]);
  hears(its.fleet, "a", { hints: ["w"], concurrency: 8 }, 100);
  const old: DirectReport = { ...report("two", 1), lists: [{ replica: "a", incarnation: 1, hints: ["x"], agoMs: 20 }] };
  its.tells(old, 110);
  expect([...known(its.fleet, "a").advertised!.keys()]).toEqual(["w"]);
});

test("a list that says what the copy says is not told", () => {
  const its = world();
  its.sends(["x"], 10).answered("success", ["x"], 20);
  expect(its.reporter.take(30).lists).toEqual([]);
});

test("an isolate tells of so many pairs at most, and leaves the rest to the object", () => {
  const replicas = Object.fromEntries(
    Array.from({ length: 1001 }, (_, index) => [`r${index}`, { hints: [`h${index}`], hintSlots: 8, concurrency: 4 }]),
  );
  const its = world(replicas);
  for (let index = 0; index < 1000; index++) its.sends([`h${index}`], 1);
  expect(() => its.sends(["h1000"], 1)).toThrow("too many");
});
