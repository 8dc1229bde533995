// When a request may not even wait, and when a wait is given up: a full queue, the end of grace, every replica tried. With the arithmetic of
// the predicted wait.
import { setDrained, deleteReplica } from "../../src/routing/ledger/membership.ts";
import * as lifecycle from "../../src/routing/lifecycle.ts";
import { emptyMean } from "../../src/routing/model/mean.ts";
import { describe, expect, test } from "vitest";
import type { Arrival } from "../../src/routing/ledger/queue.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import { expire } from "../../src/routing/registry.ts";
import * as scheduling from "../../src/routing/scheduler.ts";
import { arrival, brief, hears, known, OPTIONS, TTL_MS, type Said } from "./support/fleets.ts";

const ROOMY = { ...OPTIONS, queueLengthMax: 1000 };

function withReplicas(replicas: Readonly<Record<string, Said>>): scheduling.Scheduler {
  const scheduler = scheduling.createScheduler(costPolicy());
  for (const [id, said] of Object.entries(replicas)) hears(scheduler.fleet, id, said);
  return scheduler;
}

let nextId = 1;
function arrives(scheduler: scheduling.Scheduler, rest: Partial<Arrival> = {}, now = 0, options = ROOMY) {
  return scheduling.enqueue(scheduler, options, nextId++, arrival([], now, rest), now);
}

/** One replica, its only slot taken, and so many waiting. */
function busy(waiting: number): scheduling.Scheduler {
  const scheduler = withReplicas({ a: {} });
  for (let request = 0; request <= waiting; request++) arrives(scheduler);
  expect(scheduler.queue.waiting.size).toBe(waiting);
  return scheduler;
}

describe("queue_full", () => {
  test.each<[string, number, number, number | null, string]>([
    ["3 of 4 places taken", 3, 4, null, "waiting"],
    ["4 of 4 places taken", 4, 4, null, "queue_full"],
    ["no place at all", 0, 0, null, "queue_full"],
    ["the client would be behind 1, and joins behind at most 1: N = 2", 1, 4, 2, "waiting"],
    ["the client would be behind 2, and asked for less than that: N = 2", 2, 4, 2, "queue_full"],
    ["the client does not wait at all: N = 0", 0, 4, 0, "queue_full"],
    ["the client would wait behind more than the router allows", 4, 4, 100, "queue_full"],
  ])("%s", (_, waiting, queueLengthMax, asked, outcome) => {
    const scheduler = busy(waiting);
    expect(brief(arrives(scheduler, { queueLengthMax: asked }, 0, { ...OPTIONS, queueLengthMax }))).toBe(outcome);
  });

  test("never where a slot is free, whatever the client asks", () => {
    const scheduler = withReplicas({ a: {} });
    expect(brief(arrives(scheduler, { queueLengthMax: 0 }, 0, { ...OPTIONS, queueLengthMax: 0 }))).toBe("a least_loaded");
  });

  test("is counted and leaves the queue as it was", () => {
    const scheduler = busy(2);
    arrives(scheduler, { queueLengthMax: 1 });
    expect([scheduler.counters.refused.queue_full, scheduler.queue.waiting.size]).toEqual([1, 2]);
  });
});

describe("predicted wait = those ahead x mean time a slot is held / slots of ready replicas", () => {
  /** `samples` answered requests that took 10 s each, then 2 slots taken and `waiting` in the queue. Ends at the time given. */
  function learned(samples: number, waiting: number): { scheduler: scheduling.Scheduler; now: number } {
    const scheduler = withReplicas({ a: { concurrency: 2 } });
    let now = 0;
    for (let sample = 0; sample < samples; sample++) {
      serve(scheduler, now, 10_000);
      now += 10_000;
    }
    for (let request = 0; request < waiting + 2; request++) arrives(scheduler, {}, now);
    expect(scheduler.queue.waiting.size).toBe(waiting);
    return { scheduler, now };
  }
  function serve(scheduler: scheduling.Scheduler, now: number, heldMs: number, answered = true): void {
    const id = nextId++;
    scheduling.enqueue(scheduler, ROOMY, id, arrival([], now), now);
    if (answered) lifecycle.answered(scheduler, id, { kind: "success", hints: null }, now + 1);
    lifecycle.finish(scheduler, id, now + heldMs);
  }

  test.each<[string, number, number, number, string]>([
    ["3 x 10 s / 2 = 15 s, 15 s to wait", 20, 3, 15_000, "waiting"],
    ["3 x 10 s / 2 = 15 s, 14.999 s to wait", 20, 3, 14_999, "queue_full"],
    ["8 x 10 s / 2 = 40 s, 39 s to wait", 20, 8, 39_000, "queue_full"],
    ["nobody ahead: 0 s", 20, 0, 0, "waiting"],
    ["after 19 samples nothing is predicted", 19, 3, 1, "waiting"],
  ])("%s", (_, samples, waiting, timeoutMs, outcome) => {
    const { scheduler, now } = learned(samples, waiting);
    expect(brief(arrives(scheduler, { deadlineMs: now + timeoutMs }, now))).toBe(outcome);
  });

  test.each<[string, number, number, number]>([
    ["tells when to come back: 8 x 10 s / 2 = 40 s", 20, 8, 40_000],
    ["tells at least 1 s", 0, 8, 1000],
  ])("%s", (_, samples, waiting, retryAfterMs) => {
    const { scheduler, now } = learned(samples, waiting);
    expect(arrives(scheduler, { queueLengthMax: 1 }, now)).toMatchObject({ refusal: { kind: "queue_full", retryAfterMs } });
  });

  test("slots of replicas that are not ready do not count: 3 x 10 s / 2 and not / 10", () => {
    const { scheduler, now } = learned(20, 3);
    hears(scheduler.fleet, "b", { concurrency: 8, status: "starting" }, now);
    expect(brief(arrives(scheduler, { deadlineMs: now + 14_999 }, now))).toBe("queue_full");
  });

  test("requests that no replica answered teach nothing", () => {
    const scheduler = withReplicas({ a: {} });
    for (let sample = 0; sample < 30; sample++) serve(scheduler, 0, 10_000, false);
    expect(scheduler.model.held).toEqual(emptyMean());
  });
});

describe("no_replicas", () => {
  test("at once where nothing is known, with the time of a load to come back after", () => {
    const scheduler = withReplicas({});
    expect(arrives(scheduler)).toEqual({ kind: "refused", refusal: { kind: "no_replicas", retryAfterMs: 12_000 } });
    expect(scheduler.counters.refused.no_replicas).toBe(1);
  });

  test.each<[string, (scheduler: scheduling.Scheduler) => unknown]>([
    ["one is starting", ({ fleet }) => hears(fleet, "a", { status: "starting" })],
    ["one is draining", ({ fleet }) => hears(fleet, "a", { status: "draining" })],
    [
      "one is drained by an administrator",
      ({ fleet }) => [hears(fleet, "a"), setDrained(fleet, known(fleet, "a"), true, TTL_MS)],
    ],
    ["one has just stopped", ({ fleet }) => [hears(fleet, "a"), hears(fleet, "a", { status: "stopped" })]],
    ["one has just been deleted", ({ fleet }) => [hears(fleet, "a"), deleteReplica(fleet, known(fleet, "a"), TTL_MS)]],
    ["one has just expired", (scheduler) => [hears(scheduler.fleet, "a", {}, -TTL_MS), expire(scheduler, TTL_MS, 0)]],
  ])("not while %s: the request waits", (_, happens) => {
    const scheduler = withReplicas({});
    happens(scheduler);
    expect(brief(arrives(scheduler))).toBe("waiting");
    expect(scheduling.dispatch(scheduler, ROOMY, 1)).toEqual(new Map());
  });

  test("when grace ends, one time to live after the last replica went", () => {
    const scheduler = withReplicas({ a: { status: "draining" } });
    arrives(scheduler);
    hears(scheduler.fleet, "a", { status: "stopped" }, 1000);
    expect(scheduling.dispatch(scheduler, ROOMY, 15_999).size).toBe(0);
    expect([...scheduling.dispatch(scheduler, ROOMY, 16_000).values()].map(brief)).toEqual(["no_replicas"]);
    expect(brief(arrives(scheduler, {}, 16_000))).toBe("no_replicas");
  });

  test("not where replicas are started on demand: a request waits up to its deadline, and nothing wakes the fleet before", () => {
    const scheduler = withReplicas({});
    scheduler.fleet.startsOnDemand = true;
    expect(brief(arrives(scheduler, { deadlineMs: 100_000 }))).toBe("waiting");
    expect(scheduling.dispatch(scheduler, ROOMY, 99_999).size).toBe(0);
    expect(scheduling.nextEventMs(scheduler)).toBe(100_000);
    expect([...scheduling.dispatch(scheduler, ROOMY, 100_000).values()].map(brief)).toEqual(["timed_out"]);
    for (let request = 0; request < ROOMY.queueLengthMax; request++) arrives(scheduler);
    expect(brief(arrives(scheduler))).toBe("queue_full");
  });

  test("not where the replica returns in time", () => {
    const scheduler = withReplicas({ a: { status: "draining" } });
    arrives(scheduler);
    hears(scheduler.fleet, "a", { status: "stopped" }, 1000);
    hears(scheduler.fleet, "a", { incarnation: 2 }, 15_999);
    expect([...scheduling.dispatch(scheduler, ROOMY, 15_999).values()].map(brief)).toEqual(["a least_loaded"]);
  });
});

describe("no_other_replica", () => {
  test.each<[string, Record<string, Said>, string[], string]>([
    ["the only one has failed the request", { a: {} }, ["a"], "no_other_replica"],
    ["all have failed it", { a: {}, b: {} }, ["a", "b"], "no_other_replica"],
    ["another is ready", { a: {}, b: {} }, ["a"], "b least_loaded"],
    ["another is only starting", { a: {}, b: { status: "starting" } }, ["a"], "no_other_replica"],
    ["another is only draining", { a: {}, b: { status: "draining" } }, ["a"], "no_other_replica"],
    ["there is none at all", {}, ["a"], "no_other_replica"],
  ])("%s", (_, replicas, avoid, outcome) => {
    expect(brief(arrives(withReplicas(replicas), { avoid }))).toBe(outcome);
  });

  test("waits for another that is full, and is refused when that one goes", () => {
    const scheduler = withReplicas({ a: { concurrency: 2 }, b: {} });
    arrives(scheduler, { avoid: ["a"] });
    expect(brief(arrives(scheduler, { avoid: ["a"] }))).toBe("waiting");
    expect(scheduling.dispatch(scheduler, ROOMY, 10).size).toBe(0);
    hears(scheduler.fleet, "b", { status: "draining" }, 20);
    expect([...scheduling.dispatch(scheduler, ROOMY, 20).values()].map(brief)).toEqual(["no_other_replica"]);
  });
});

describe("what a priority changes", () => {
  const [LOW, HIGH] = [{ priority: "low" }, { priority: "high" }] as const;
  const LENGTH = { ...OPTIONS, queueLengthMax: 4 };

  test("the queue is full for low ones at its half, whoever waits there, and for others at its end", () => {
    for (const its of [LOW, HIGH, {}]) {
      const scheduler = busy(0);
      for (let request = 0; request < 2; request++) arrives(scheduler, its, 0, LENGTH);
      expect(brief(arrives(scheduler, LOW, 0, LENGTH))).toBe("queue_full");
      expect(["waiting", "waiting", "queue_full"]).toEqual(
        [HIGH, {}, HIGH].map((one) => brief(arrives(scheduler, one, 0, LENGTH))),
      );
    }
  });

  test("ahead of a request are those that may be before it: high ones of a high one, all but low ones of a normal one", () => {
    const scheduler = busy(0);
    Object.assign(scheduler.model.held, { sum: 20 * 10_000, weight: 20 });
    for (const its of [LOW, LOW, {}, {}, {}, HIGH, HIGH]) arrives(scheduler, its);
    const waits = (its: Partial<Arrival>, deadlineMs: number) =>
      brief(arrives(scheduler, { ...its, deadlineMs, queueLengthMax: 100 }));
    expect([waits(HIGH, 19_999), waits({}, 49_999), waits(LOW, 69_999)]).toEqual(["queue_full", "queue_full", "queue_full"]);
    expect([waits(LOW, 70_000), waits({}, 50_000), waits(HIGH, 20_000)]).toEqual(["waiting", "waiting", "waiting"]);
  });
});
