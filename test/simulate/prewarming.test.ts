// Clients that announce what they will ask for: what is announced when, and what comes of the router's advice in the simulated world.
import { describe, expect, test } from "vitest";
import { announcementsOf, type Prewarming } from "../../bench/simulate/announcements.ts";
import { NO_FAULTS } from "../../bench/simulate/faults.ts";
import { seeded } from "../../bench/simulate/random.ts";
import { BASELINES } from "../../bench/simulate/routers/index.ts";
import { warmpath } from "../../bench/simulate/routers/warmpath.ts";
import type { MakeRouter } from "../../bench/simulate/router.ts";
import type { Workload } from "../../bench/simulate/workload.ts";
import { simulate, type WorldOptions } from "../../bench/simulate/world.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";

const LOAD_MS = 12_000;
const SERVICE_MS = 1000;
const OURS = warmpath({ queueTimeoutMs: Infinity, queueLengthMax: Infinity, coldStartMs: LOAD_MS }, costPolicy);

const requests = (...its: readonly (readonly [atS: number, hint: string])[]): Workload =>
  its.map(([atS, hint]) => ({ atMs: atS * 1000, hint, serviceMs: SERVICE_MS }));

/** One replica of two hint slots that reports each second. */
function play(workload: Workload, prewarming: Prewarming | null, make: MakeRouter = OURS, more: Partial<WorldOptions> = {}) {
  return simulate(workload, make, {
    ...{ replicas: 1, slots: 2, concurrency: 1, loadMs: () => LOAD_MS, heartbeatMs: 1000, timeToLiveMs: 15_000 },
    ...{ faults: NO_FAULTS, costs: false, random: seeded(1), faultRandom: seeded(2), ...more },
    announcements: prewarming === null ? [] : announcementsOf(workload, prewarming, seeded(3)),
  });
}

const AHEAD: Prewarming = { aheadMs: 20_000, falseShare: 0 };

describe("announcements", () => {
  const workload = requests([5, "a"], [30, "b"], [31, "c"]);

  test("come so long before their requests, and none before the run", () => {
    expect(announcementsOf(workload, AHEAD, seeded(1))).toEqual([
      { atMs: 0, hint: "a" },
      { atMs: 10_000, hint: "b" },
      { atMs: 11_000, hint: "c" },
    ]);
  });

  test("false ones come with them, of hints that there are", () => {
    const many = announcementsOf(workload, { ...AHEAD, falseShare: 1 }, seeded(1));
    expect(many.map(({ atMs }) => atMs)).toEqual([0, 0, 10_000, 10_000, 11_000, 11_000]);
    expect(many.every(({ hint }) => "abc".includes(hint))).toBe(true);
  });
});

describe("advice", () => {
  const workload = requests([0, "a"], [20, "b"], [80, "c"]);

  test("a hint that was announced is loaded before its request", () => {
    const before = play(workload, null);
    expect([before.outcomes.map(({ cold }) => cold), before.advisedLoadsMs]).toEqual([["load", "load", "load"], []]);
    const { outcomes, advisedLoadsMs } = play(workload, AHEAD);
    expect(outcomes.map(({ cold }) => cold)).toEqual(["load", "joined", "warm"]);
    expect(outcomes[2]?.inSystemMs).toBe(SERVICE_MS);
    expect(advisedLoadsMs).toEqual([LOAD_MS, LOAD_MS]);
  });

  test("a request for another hint waits until the load is over", () => {
    const { outcomes } = play(requests([0, "a"], [20, "b"], [65, "b"], [80, "c"]), AHEAD);
    // Announced at 60 s, and told with the report at 60 or 61 s.
    expect(outcomes[2]?.cold).toBe("warm");
    expect(outcomes[2]?.inSystemMs).toBeGreaterThan(60_000 + LOAD_MS - 65_000);
    expect(outcomes[3]).toMatchObject({ cold: "warm", inSystemMs: SERVICE_MS });
  });

  test("a replica that can't load the hint does not follow it", () => {
    const faults = { ...NO_FAULTS, failingHint: "c" };
    expect(play(workload, AHEAD, OURS, { faults }).advisedLoadsMs).toEqual([LOAD_MS]);
  });

  test("other routers give none, and announcements change nothing of theirs", () => {
    for (const [name, make] of Object.entries(BASELINES))
      expect(play(workload, AHEAD, make), name).toEqual(play(workload, null, make));
  });
});
