// Waiting for a warm replica while another is free: when a slot is left idle, what ends that, and when a hint gets a second copy.
import { describe, expect, test } from "vitest";
import { setDrained } from "../../../src/routing/ledger/membership.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { countArrival } from "../../../src/routing/model/model.ts";
import { nextStartMs } from "../../../src/routing/policy/availability-forecast.ts";
import { worthWaitingMs } from "../../../src/routing/policy/cost.ts";
import { nextEventMs } from "../../../src/routing/scheduler.ts";
import { TUNING } from "../../../src/routing/tuning.ts";
import { driver, type Driver } from "../support/driver.ts";
import { COLD_MS, foundFull, hears, known, NEVER, OPTIONS, unreachable, type Said } from "../support/fleets.ts";

/** Time a request holds its slot: far less than a load. */
const SERVING_MS = COLD_MS / 100;
const WARM: Said = { hints: ["x"], hintSlots: 1 };
const COLD: Said = { hints: [], hintSlots: 1 };

/** `a` is warm for x and serves request 1 since time 0, `b` is free and cold. */
function oneBusy(options = OPTIONS): Driver {
  const fleet = driver({ a: WARM, b: COLD }, options);
  fleet.teaches("x", SERVING_MS);
  fleet.arrives(1, ["x"]);
  return fleet;
}

describe("where the warm replica is expected to be free soon", () => {
  test("a newcomer waits for it, and gets it", () => {
    const fleet = oneBusy();
    expect(fleet.arrives(2, ["x"], 10)).toBe("waiting");
    expect(fleet.dispatches(10)).toEqual({});
    fleet.ends(1, SERVING_MS);
    expect(fleet.dispatches(SERVING_MS)).toEqual({ 2: "a hint_wait" });
    expect(fleet.its.counters.cold).toBe(0);
  });

  test("one that waited for any slot leaves the one that becomes free", () => {
    const fleet = oneBusy();
    fleet.arrives(2, []);
    expect(fleet.arrives(3, ["x"], 1)).toBe("waiting");
    fleet.ends(2, 10);
    expect(fleet.dispatches(10)).toEqual({});
    expect(fleet.waiting()).toEqual([3]);
  });

  test("the slot is there for others: for what needs no load and for what nobody holds", () => {
    for (const hints of [[], ["cold"]]) {
      const fleet = oneBusy();
      fleet.arrives(2, ["x"], 10);
      expect(fleet.arrives(3, hints, 11)).toMatch(/^b /);
    }
  });

  test("the decision is looked at again a second later at most, and again", () => {
    const fleet = oneBusy();
    fleet.arrives(2, ["x"], 10);
    expect(nextEventMs(fleet.its)).toBe(10 + LIMITS.lookAgainMs);
    for (const now of [500, 900]) {
      fleet.dispatches(now);
      expect(nextEventMs(fleet.its)).toBe(now + LIMITS.lookAgainMs);
    }
  });

  test("nobody looks again where no slot is kept idle", () => {
    const fleet = oneBusy();
    fleet.arrives(2, ["x"], 10);
    fleet.arrives(3, [], 20);
    fleet.dispatches(20);
    expect(fleet.its.lookAgainMs).toBe(Infinity);
  });

  test("AFFINITY_WAIT=never waits for nothing: neither a newcomer nor one that waited for any slot", () => {
    expect(oneBusy(NEVER).arrives(2, ["x"], 10)).toMatch(/^b hash_/);
    const fleet = oneBusy(NEVER);
    fleet.arrives(2, []);
    fleet.arrives(3, ["x"], 1);
    fleet.ends(2, 10);
    expect(fleet.dispatches(10)).toEqual({ 3: expect.stringMatching(/^b hash_/) });
  });
});

describe("a cold replica is taken at once", () => {
  test.each<[string, (fleet: Driver) => unknown]>([
    ["where nobody holds the hint", (fleet) => fleet.hears("a", { hints: ["y"], hintSlots: 1 })],
    ["where the holder is draining", (fleet) => fleet.hears("a", { ...WARM, status: "draining" })],
    ["where the holder is starting", (fleet) => fleet.hears("a", { ...WARM, status: "starting" })],
    ["where the holder could not be reached", (fleet) => unreachable(fleet.its, 1, 0)],
  ])("%s", (_, happens) => {
    const fleet = oneBusy();
    happens(fleet);
    expect(fleet.arrives(2, ["x"], 10)).toMatch(/^b hash_/);
  });

  test("where a load has been answered, and the replica has reported since that the hint is not held", () => {
    const fleet = driver({ a: COLD, b: COLD, c: COLD });
    fleet.teaches("x", SERVING_MS);
    expect(fleet.arrives(1, ["x"])).toMatch(/ hash_owner$/);
    fleet.answers(1, COLD_MS, []);
    expect(fleet.arrives(2, ["x"], COLD_MS)).toMatch(/ hash_spill$/);
    fleet.answers(2, 2 * COLD_MS);
    expect(fleet.arrives(3, ["x"], 2 * COLD_MS)).toBe("waiting");
  });

  test("where a request takes far longer than a load", () => {
    const fleet = driver({ a: WARM, b: COLD });
    fleet.teaches("x", 100 * COLD_MS);
    fleet.arrives(1, ["x"]);
    expect(fleet.arrives(2, ["x"], 10)).toMatch(/^b hash_/);
  });

  test("where the request may not go to the holder", () => {
    expect(oneBusy().arrives(2, ["x"], 10, { avoid: ["a"] })).toMatch(/^b hash_/);
  });
});

/** When the first of those that wait no longer does, and where it goes. */
function givesUp(fleet: Driver, fromMs: number, untilMs: number): { atMs: number; settled: object } {
  for (let now = fromMs; now < untilMs; now += LIMITS.askedAgainMs) {
    const settled = fleet.dispatches(now);
    if (Object.keys(settled).length > 0) return { atMs: now, settled };
  }
  return { atMs: Infinity, settled: {} };
}

describe("a wait beside a free replica ends", () => {
  function waiting(deadlineMs = Infinity): Driver {
    const fleet = oneBusy();
    expect(fleet.arrives(2, ["x"], 10, { deadlineMs })).toBe("waiting");
    return fleet;
  }

  test.each<[string, (fleet: Driver) => unknown]>([
    ["stops", (fleet) => fleet.hears("a", { ...WARM, status: "stopped" }, 20)],
    ["drains", (fleet) => fleet.hears("a", { ...WARM, status: "draining" }, 20)],
    ["is drained by an administrator", (fleet) => setDrained(fleet.its.fleet, known(fleet.its.fleet, "a"), true)],
    ["no longer holds the hint", (fleet) => fleet.hears("a", COLD, 20)],
    ["restarts and holds nothing", (fleet) => fleet.hears("a", { ...COLD, incarnation: 2, status: "starting" }, 20)],
    ["could not be reached", (fleet) => unreachable(fleet.its, 1, 20)],
  ])("when the holder %s", (_, happens) => {
    const fleet = waiting();
    happens(fleet);
    expect(fleet.dispatches(20)).toEqual({ 2: expect.stringMatching(/^b hash_/) });
  });

  test.each([SERVING_MS, COLD_MS / 2])("when what runs on the holder takes far longer than %d ms, as it should", (servingMs) => {
    const fleet = driver({ a: WARM, b: COLD });
    fleet.teaches("x", servingMs, 30);
    fleet.arrives(1, ["x"]);
    expect(fleet.arrives(2, ["x"], servingMs - 1, { deadlineMs: Infinity })).toBe("waiting");
    const worthMs = worthWaitingMs(fleet.its.fleet, "x", 0, 1);
    const enoughMs = Math.max(servingMs, worthMs / TUNING.overrun) + LIMITS.lookAgainMs;
    expect(givesUp(fleet, servingMs, enoughMs)).toMatchObject({ settled: { 2: expect.stringMatching(/^b hash_/) } });
  });

  describe("later where it would take the last free slot while others wait", () => {
    const servingMs = COLD_MS;
    /** Requests 2 (x) and, but for the alone, 3 (y) wait for `a`, which runs 1; `b` is free; `c` as said. When one of them gives up. */
    function twoWait(c: "free" | "ejected" | "busy", alone = false): number {
      const fleet = driver({ a: { hints: ["x", "y"], hintSlots: 2 }, b: COLD, c: { hints: ["z"], hintSlots: 1 } });
      for (const hint of ["x", "y", "z"]) fleet.teaches(hint, servingMs, 30);
      foundFull(fleet.its.fleet, 1);
      fleet.arrives(1, ["x"]);
      if (c === "busy") expect(fleet.arrives(4, ["z"])).toBe("c hint_match");
      if (c === "ejected") {
        known(fleet.its.fleet, "c").ejectedUntilMs = Infinity;
        fleet.its.fleet.unhealthy.add(known(fleet.its.fleet, "c"));
      }
      expect(fleet.arrives(2, ["x"], servingMs - 2, { deadlineMs: Infinity })).toBe("waiting");
      if (!alone) expect(fleet.arrives(3, ["y"], servingMs - 1, { deadlineMs: Infinity })).toBe("waiting");
      return givesUp(fleet, servingMs, 30 * COLD_MS).atMs;
    }

    test("than where another is free", () => {
      expect(twoWait("busy")).toBeLessThan(Infinity);
      expect(twoWait("busy")).toBeGreaterThan(twoWait("free") + COLD_MS / 6);
    });

    test("also where the other free one is passed over", () => {
      expect(twoWait("ejected")).toBeLessThan(Infinity);
      expect(twoWait("ejected")).toBeGreaterThan(twoWait("free") + COLD_MS / 6);
    });

    test("but not where nobody else waits", () => {
      expect(Math.abs(twoWait("busy", true) - twoWait("free", true))).toBeLessThanOrEqual(LIMITS.askedAgainMs);
    });
  });

  test("sooner with another of its hint behind it, for which the load is done too", () => {
    const servingMs = COLD_MS / 10;
    const fleet = driver({ a: WARM, b: COLD, c: COLD });
    fleet.teaches("x", servingMs, 30);
    fleet.arrives(1, ["x"]);
    for (const id of [2, 3]) expect(fleet.arrives(id, ["x"], servingMs - 1, { deadlineMs: Infinity })).toBe("waiting");
    let worthMs = { one: 0, two: 0 };
    let startsMs = 0;
    for (let now = servingMs; fleet.waiting().length === 2 && now < 30 * COLD_MS; now += LIMITS.askedAgainMs) {
      const { fleet: its, queue } = fleet.its;
      const foresight = foresee(its, queue.byHint, ["x"], () => true, now);
      if (foresight !== null) startsMs = nextStartMs(foresight) + foresight.serviceMs;
      const [one, two] = [0, 1].map((behind) => worthWaitingMs(its, "x", 0, 2, { behind, takesLast: false }));
      worthMs = { one: one ?? 0, two: two ?? 0 };
      fleet.dispatches(now);
    }
    expect(startsMs).toBeGreaterThanOrEqual(worthMs.two);
    expect(startsMs).toBeLessThan(worthMs.one);
  });

  test("in time before its deadline, however late the warm one is", () => {
    const deadlineMs = 180_000;
    const fleet = waiting(deadlineMs);
    let settled = {};
    for (let now = 10; now < deadlineMs && fleet.waiting().length > 0; now += LIMITS.lookAgainMs) settled = fleet.dispatches(now);
    expect(settled).toEqual({ 2: expect.stringMatching(/^b hash_/) });
  });

  test.each([1000, 2000, 4000])("in time before a deadline of %d ms, looked at no more often than asked for", (deadlineMs) => {
    const fleet = waiting(deadlineMs);
    let settled = {};
    for (let looks = 0; looks < 100 && fleet.waiting().length > 0; looks++) settled = fleet.dispatches(nextEventMs(fleet.its));
    expect(settled).toEqual({ 2: expect.stringMatching(/^b hash_/) });
  });
});

describe("a request takes the free slot when it insists, whatever the others that want the same do", () => {
  test("one with a short deadline, behind an older one that is patient", () => {
    const fleet = oneBusy();
    expect(fleet.arrives(2, ["x"], 0, { deadlineMs: 180_000 })).toBe("waiting");
    expect(fleet.arrives(3, ["x"], 0, { deadlineMs: 2000 })).toBe("waiting");
    let settled = {};
    for (let looks = 0; looks < 10 && fleet.waiting().includes(3); looks++) settled = fleet.dispatches(nextEventMs(fleet.its));
    expect(settled).toEqual({ 3: expect.stringMatching(/^b hash_/) });
    expect(fleet.waiting()).toEqual([2]);
  });

  test("one that asks again, as after a restart, so long after it came that it insists", () => {
    const fleet = driver({ a: WARM, b: COLD });
    fleet.teaches("x", SERVING_MS);
    fleet.arrives(1, ["x"], 1_000_000);
    expect(fleet.arrives(2, ["x"], 1_000_000, { arrivedAtMs: 1_000_000, deadlineMs: 2_200_000 })).toBe("waiting");
    expect(fleet.arrives(3, ["x"], 1_000_000, { arrivedAtMs: 0, deadlineMs: 1_200_000 })).toMatch(/^b hash_/);
  });
});

describe("a hint that many wait for gets a second copy", () => {
  const BURST = Array.from({ length: 80 }, (_, index) => index + 2);

  /** Eight more replicas that are busy with something else for long: many waiting are few for each slot. */
  function busyFleet(): Driver {
    const fleet = driver({ a: WARM });
    fleet.teaches("x", COLD_MS / 4);
    // Seldom asked for: a second copy is not worth much by itself.
    for (let other = 0; other < 1000; other++) countArrival(fleet.its.fleet.estimates, "another");
    fleet.arrives(1, ["x"]);
    for (let other = 0; other < 8; other++) {
      hears(fleet.its.fleet, `c${other}`);
      fleet.arrives(1000 + other, []);
    }
    return fleet;
  }

  test("a newcomer behind many loads it elsewhere, and those after it wait for either", () => {
    const fleet = busyFleet();
    hears(fleet.its.fleet, "b", COLD);
    const outcomes = BURST.map((id) => fleet.arrives(id, ["x"], 10));
    expect(outcomes[0]).toBe("waiting");
    expect(outcomes.filter((outcome) => outcome !== "waiting")).toEqual([expect.stringMatching(/^b hash_/)]);
  });

  test("of those that wait it is one that would wait too long, not the first in line", () => {
    const fleet = busyFleet();
    for (const id of BURST) fleet.arrives(id, ["x"], 10);
    hears(fleet.its.fleet, "b", COLD);
    const [bound, ...others] = Object.keys(fleet.dispatches(20)).map(Number);
    expect(others).toEqual([]);
    expect(bound).toBeGreaterThan(2);
    fleet.ends(1, 30);
    expect(fleet.dispatches(30)).toEqual({ 2: "a hint_wait" });
  });
});
