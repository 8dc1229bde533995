// What is counted of a fleet's requests, by short histories, and what a restart restores of the counts.
import { describe, expect, test } from "vitest";
import { countUntold, ended, failed, succeeded } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { createHistogram, observeMs } from "../../../src/routing/metrics/histogram.ts";
import type { GrantReason, RequestOutcome } from "../../../src/routing/metrics/labels.ts";
import { addStored, createMetrics, type Metrics } from "../../../src/routing/metrics/metrics.ts";
import { choose, adopt } from "../../../src/routing/scheduler.ts";
import { driver, type Driver } from "../support/driver.ts";
import { hears } from "../support/fleets.ts";

/** Counts that are not 0, by reason and outcome. */
function requests({ requests: all }: Metrics): Record<string, number> {
  const found: Record<string, number> = {};
  for (const [reason, outcomes] of Object.entries(all) as [GrantReason, Record<RequestOutcome, number>][]) {
    for (const [outcome, count] of Object.entries(outcomes)) if (count > 0) found[`${reason} ${outcome}`] = count;
  }
  return found;
}

const samples = ({ counts }: Metrics["load"]) => counts.reduce((sum, count) => sum + count, 0);

describe("a histogram", () => {
  test("counts a sample at a bound below the bound, and every sample once", () => {
    const its = createHistogram();
    for (const seconds of its.bounds) observeMs(its, 1000 * seconds);
    observeMs(its, 1e9);
    expect(its.counts).toEqual([...its.bounds.map(() => 1), 1]);
    expect(its.sum).toBeCloseTo(its.bounds.reduce((sum, bound) => sum + bound, 1e6));
  });

  test("counts many samples of one time, and a negative time as none", () => {
    const its = createHistogram();
    observeMs(its, 2000, 3);
    observeMs(its, -5);
    expect([its.counts[its.bounds.indexOf(2.5)], its.counts[0], its.sum]).toEqual([3, 1, 6]);
  });
});

describe("a request is counted once, by what is told of it first", () => {
  test.each<[string, (fleet: Driver) => unknown, string]>([
    ["is served", (fleet) => fleet.served(1, 10), "success"],
    ["is refused by its replica", (fleet) => (fleet.answers(1, 10, null, "rejected"), fleet.ends(1, 20)), "rejected"],
    ["is not supported", (fleet) => (fleet.answers(1, 10, null, "unsupported"), fleet.ends(1, 20)), "unsupported"],
    ["fails", (fleet) => (failed(fleet.its, 1, { kind: "error" }, null, 10), fleet.ends(1, 20)), "error"],
    [
      "is given back before its failure is told",
      (fleet) => (fleet.ends(1, 5), failed(fleet.its, 1, { kind: "timed_out" }, null, 9)),
      "timed_out",
    ],
    [
      "is told of later",
      (fleet) => (fleet.ends(1, 5), succeeded(fleet.its, { id: 1, answeredAfterMs: 2, heldMs: 5 }, 500)),
      "success",
    ],
    ["is told of at its end", (fleet) => succeeded(fleet.its, { id: 1, answeredAfterMs: 2, heldMs: 5 }, 5), "success"],
    [
      "breaks off by whose doing ever",
      (fleet) => (fleet.answers(1, 10), ended(fleet.its, 1, false, 10), fleet.ends(1, 20)),
      "incomplete",
    ],
    [
      "breaks off in mid-answer",
      (fleet) => (fleet.answers(1, 10), failed(fleet.its, 1, { kind: "broken" }, null, 15), fleet.ends(1, 20)),
      "broken",
    ],
    ["is never told of", (fleet) => (fleet.ends(1, 20), countUntold(fleet.its, 21)), "unknown"],
  ])("if it %s", (_, happens, outcome) => {
    const fleet = driver({ a: { hints: ["h"] } });
    expect(fleet.arrives(1, ["h"])).toBe("a hint_match");
    happens(fleet);
    fleet.ends(1, 1000);
    countUntold(fleet.its, 2000);
    expect(requests(fleet.its.metrics)).toEqual({ [`hint_match ${outcome}`]: 1 });
  });

  test("a streamed answer whose end nobody told is incomplete", () => {
    const fleet = driver({ a: {} });
    fleet.arrives(1, []);
    expect(fleet.its.fleet.grants.size).toBe(1);
    const grant = fleet.its.fleet.grants.get(1);
    fleet.answers(1, 10);
    if (grant !== undefined) grant.streams = true;
    fleet.ends(1, 20);
    expect(requests(fleet.its.metrics)).toEqual({ "least_loaded incomplete": 1 });
  });

  test("one that nobody has told of waits for its time, and does not count again when it is told", () => {
    const fleet = driver({ a: {} });
    fleet.arrives(1, []);
    fleet.ends(1, 100);
    countUntold(fleet.its, 100);
    expect(requests(fleet.its.metrics)).toEqual({});
    countUntold(fleet.its, 101);
    succeeded(fleet.its, { id: 1, answeredAfterMs: 2, heldMs: 5 }, 500);
    expect(requests(fleet.its.metrics)).toEqual({ "least_loaded unknown": 1 });
  });

  test("none is forgotten uncounted if more are untold than are remembered", () => {
    const fleet = driver({ a: {} });
    const total = LIMITS.unjudgedPerApp + 5;
    for (let id = 1; id <= total; id++) {
      fleet.arrives(id, [], id);
      fleet.ends(id, id);
    }
    expect(requests(fleet.its.metrics)).toEqual({ "least_loaded unknown": 5 });
    countUntold(fleet.its, Infinity);
    expect(requests(fleet.its.metrics)).toEqual({ "least_loaded unknown": total });
  });

  test("one of before a restart has no reason", () => {
    const fleet = driver({ a: { hints: ["h"] } });
    adopt(fleet.its, 7, { replica: "a", incarnation: 1, hint: "h", startedAtMs: -3000, answered: false });
    fleet.served(7, 10);
    expect(requests(fleet.its.metrics)).toEqual({ "unknown success": 1 });
  });
});

describe("times", () => {
  test("of a request that waits: until its grant, its answer, its end", () => {
    const fleet = driver({ a: { hints: ["h"] } });
    fleet.arrives(1, ["h"], 0);
    fleet.arrives(2, ["h"], 0);
    fleet.served(1, 3000);
    fleet.dispatches(3000);
    fleet.answers(2, 4000);
    fleet.ends(2, 10_000);
    const { queueWait, firstByte, service, load } = fleet.its.metrics;
    expect([queueWait.sum, firstByte.sum, service.sum, samples(load)]).toEqual([3, 4, 10, 0]);
    expect([queueWait, firstByte, service].map(samples)).toEqual([2, 2, 2]);
    expect(requests(fleet.its.metrics)).toEqual({ "hint_match success": 1, "hint_wait success": 1 });
  });

  test("a retry's wait does not count, for it began with its first attempt", () => {
    const fleet = driver({ a: {}, b: {} });
    fleet.arrives(1, [], 0, { avoid: ["a"] });
    expect([samples(fleet.its.metrics.queueWait), fleet.its.metrics.retries]).toEqual([0, 1]);
  });

  test("a load's is what a warm request would not have taken", () => {
    const fleet = driver({ a: { hints: ["h"], hintSlots: 3 } });
    fleet.arrives(1, ["h"], 0);
    fleet.served(1, 1000);
    fleet.arrives(2, ["cold"], 1000);
    fleet.served(2, 10_000);
    const { load, loadSeconds, loads } = fleet.its.metrics;
    expect([samples(load), load.sum, loadSeconds.first_touch, loads.first_touch]).toEqual([1, 8, 8, 1]);
  });
});

describe("a load is", () => {
  const kinds = ({ its }: Driver) => its.metrics.loads;

  test("a first one if the fleet never held the hint, and if a load of it failed", () => {
    const fleet = driver({ a: { hints: [], hintSlots: 1 } });
    for (const id of [1, 2]) {
      fleet.arrives(id, ["h"], 1000 * id);
      failed(fleet.its, id, { kind: "disconnected" }, null, 1000 * id);
      fleet.ends(id, 1000 * id);
    }
    expect(kinds(fleet)).toEqual({ first_touch: 2, duplicate: 0, evicted: 0 });
  });

  test("a duplicate if another replica holds or loads it", () => {
    const fleet = driver({ a: { hints: ["h"], hintSlots: 1 }, b: { hints: [], hintSlots: 1 } });
    fleet.arrives(1, ["h"]);
    fleet.arrives(2, ["h"], 0, { avoid: ["a"] });
    expect(kinds(fleet)).toEqual({ first_touch: 0, duplicate: 1, evicted: 0 });
  });

  test.each<[string, (fleet: Driver) => unknown]>([
    ["evicted it", (fleet) => fleet.hears("a", { hints: ["other"], hintSlots: 1 }, 10)],
    ["was replaced by its next process", (fleet) => fleet.hears("a", { hints: [], hintSlots: 1, incarnation: 2 }, 10)],
  ])("of a hint that was lost if its last holder %s", (_, happens) => {
    const fleet = driver({ a: { hints: ["h"], hintSlots: 1 } });
    happens(fleet);
    fleet.arrives(1, ["h"], 20);
    expect(kinds(fleet)).toEqual({ first_touch: 0, duplicate: 0, evicted: 1 });
  });

  test("none if the hint is warm", () => {
    const fleet = driver({ a: { hints: ["h"], hintSlots: 1 } });
    fleet.arrives(1, ["h"]);
    expect(kinds(fleet)).toEqual({ first_touch: 0, duplicate: 0, evicted: 0 });
  });
});

test("refusals, ejections and retries without a slot count", () => {
  const fleet = driver({ a: {}, b: {} });
  fleet.arrives(1, [], 0, { avoid: ["a", "b"] });
  fleet.arrives(2, []);
  failed(fleet.its, 2, { kind: "unreachable" }, null, 10);
  choose(fleet.its, { hints: [], avoid: ["a"] }, 20);
  const { refusals, ejections, retries } = fleet.its.metrics;
  expect([refusals.no_other_replica, ejections, retries]).toEqual([1, 1, 1]);
});

describe("what was stored is added", () => {
  function used(): Metrics {
    const fleet = driver({ a: { hints: ["h"], hintSlots: 2 } });
    fleet.arrives(1, ["h"]);
    fleet.served(1, 700);
    fleet.arrives(2, ["cold"], 700);
    fleet.served(2, 9000);
    hears(fleet.its.fleet, "a", { hints: [] }, 9000);
    fleet.its.metrics.heartbeats.accepted += 3;
    return fleet.its.metrics;
  }

  test("and comes back as it was", () => {
    const restored = createMetrics();
    addStored(restored, JSON.parse(JSON.stringify(used())));
    expect(restored).toEqual(used());
    addStored(restored, JSON.parse(JSON.stringify(used())));
    expect(restored.queueWait.sum).toBe(2 * used().queueWait.sum);
    expect(samples(restored.load)).toBe(2);
  });

  test("without what is no number, has no name here, or was counted in other buckets", () => {
    const restored = createMetrics();
    const stored = { ejections: "7", retries: -1, refusals: [], gone: 3, load: { bounds: [1, 2], counts: [1, 1, 1], sum: 9 } };
    addStored(restored, stored);
    for (const nothing of [null, 7, "x", []]) addStored(restored, nothing);
    expect(restored).toEqual(createMetrics());
  });
});
