// A load in progress: from a cold grant until its answer or end the replica counts as warm, whatever it reports.
import { describe, expect, test } from "vitest";
import { failGrant } from "../../../src/routing/health/ejection.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import { applyInBandHints, sweep } from "../../../src/routing/ledger/membership.ts";
import { isWarm, type Grant } from "../../../src/routing/ledger/replica.ts";
import { releaseSlot, takeSlot } from "../../../src/routing/ledger/slots.ts";
import { driver } from "../support/driver.ts";
import { COLD_MS, fleetWith, hears, known, load, TTL_MS, type Said } from "../support/fleets.ts";
import { reportViolations, violations } from "../support/invariants.ts";
import { answerGrant } from "../support/failing.ts";

const SAID: Said = { concurrency: 4, hints: ["flux"], hintSlots: 3 };
const isHolder = (fleet: Fleet, hint: string) => fleet.holders.get(hint)?.has(known(fleet, "a")) === true;

function loading(): { fleet: Fleet; grant: Grant } {
  const fleet = fleetWith({ a: SAID });
  return { fleet, grant: load(fleet, "a", "sdxl") };
}

test("a cold grant counts as warm at once, and a warm one starts no load", () => {
  const fleet = fleetWith({ a: SAID });
  expect(isWarm(known(fleet, "a"), "sdxl", 0)).toBe(false);
  load(fleet, "a", "sdxl");
  expect(isWarm(known(fleet, "a"), "sdxl", 0)).toBe(true);
  takeSlot(fleet, 99, { replica: known(fleet, "a"), hint: "flux", warm: true }, 0);
  expect([...known(fleet, "a").loading.keys()]).toEqual(["sdxl"]);
});

describe("no report denies a load while it lasts", () => {
  test.each<[string, (fleet: Fleet) => unknown]>([
    ["a heartbeat without it", (fleet) => hears(fleet, "a", SAID, 5000)],
    ["a heartbeat with an empty list", (fleet) => hears(fleet, "a", { ...SAID, hints: [] }, 5000)],
    ["a heartbeat that does not specialise", (fleet) => hears(fleet, "a", { ...SAID, hints: null }, 5000)],
    ["a list in band without it", (fleet) => applyInBandHints(fleet, known(fleet, "a"), ["flux"], 0)],
    [
      "a list that has it and then one that has not",
      (fleet) => [hears(fleet, "a", { ...SAID, hints: ["flux", "sdxl"] }, 5000), hears(fleet, "a", SAID, 6000)],
    ],
    [
      "the end of another request that was granted as warm",
      (fleet) => {
        releaseSlot(fleet, takeSlot(fleet, 99, { replica: known(fleet, "a"), hint: "sdxl", warm: true }, 0));
      },
    ],
    ["the end of the load of another hint", (fleet) => releaseSlot(fleet, load(fleet, "a", "other"))],
  ])("%s", (_, happens) => {
    const { fleet } = loading();
    happens(fleet);
    expect(isWarm(known(fleet, "a"), "sdxl", 6000)).toBe(true);
    expect(isHolder(fleet, "sdxl")).toBe(true);
  });

  // A process that is busy loading may miss its heartbeats.
  test("an expiry and the return in the same incarnation", () => {
    const { fleet } = loading();
    sweep(fleet, TTL_MS, 15_000);
    hears(fleet, "a", SAID, 16_000);
    expect(isWarm(known(fleet, "a"), "sdxl", 16_000)).toBe(true);
  });
});

describe("after its end the report decides", () => {
  const ENDS: readonly (readonly [string, (fleet: Fleet, grant: Grant) => void])[] = [
    ["the response headers", (fleet, grant) => answerGrant(fleet, grant, 9000)],
    ["the end of the request without an answer", releaseSlot],
    ["a replica that could not be reached", (fleet, grant) => void failGrant(fleet, grant, { kind: "unreachable" }, 9000)],
  ];

  test.each(ENDS)("%s, then a report without the hint: cold", (_, end) => {
    const { fleet, grant } = loading();
    end(fleet, grant);
    hears(fleet, "a", SAID, 10_000);
    expect(isWarm(known(fleet, "a"), "sdxl", 10_000)).toBe(false);
    expect(isHolder(fleet, "sdxl")).toBe(false);
  });

  test.each(ENDS)("%s, then a report with the hint: warm", (_, end) => {
    const { fleet, grant } = loading();
    end(fleet, grant);
    hears(fleet, "a", { ...SAID, hints: ["flux", "sdxl"] }, 10_000);
    expect(isWarm(known(fleet, "a"), "sdxl", 10_000)).toBe(true);
  });

  test.each(ENDS)("%s, with a report that listed the hint meanwhile: warm", (_, end) => {
    const { fleet, grant } = loading();
    hears(fleet, "a", { ...SAID, hints: ["sdxl"] }, 5000);
    end(fleet, grant);
    expect(isWarm(known(fleet, "a"), "sdxl", 10_000)).toBe(true);
    expect(isHolder(fleet, "sdxl")).toBe(true);
  });

  test("the response headers, with no report yet: warm", () => {
    const { fleet, grant } = loading();
    answerGrant(fleet, grant, 9000);
    expect([isWarm(known(fleet, "a"), "sdxl", 9000), isHolder(fleet, "sdxl")]).toEqual([true, true]);
    expect(violations(fleet, 9000)).toEqual([]);
  });

  test.each(ENDS.slice(1))("%s, with no report yet: cold", (_, end) => {
    const { fleet, grant } = loading();
    end(fleet, grant);
    expect([isWarm(known(fleet, "a"), "sdxl", 9000), isHolder(fleet, "sdxl")]).toEqual([false, false]);
    expect(violations(fleet, 9000)).toEqual([]);
  });

  test("a load that failed without an answer leaves nothing behind", () => {
    const { fleet, grant } = loading();
    releaseSlot(fleet, grant);
    expect(isWarm(known(fleet, "a"), "sdxl", 0)).toBe(false);
    expect([...fleet.holders.keys()]).toEqual(["flux"]);
  });
});

describe("a load is believed for at most 10 load times", () => {
  test("12 s x 10: warm at 119,999 ms, cold at 120,000 ms", () => {
    const { fleet } = loading();
    expect(isWarm(known(fleet, "a"), "sdxl", 119_999)).toBe(true);
    expect(isWarm(known(fleet, "a"), "sdxl", 120_000)).toBe(false);
  });

  test("a sweep then drops it from the index, unless the hint is advertised", () => {
    const { fleet } = loading();
    hears(fleet, "a", SAID, 119_000);
    sweep(fleet, TTL_MS, 119_999);
    expect(isHolder(fleet, "sdxl")).toBe(true);
    sweep(fleet, TTL_MS, 120_000);
    expect([isHolder(fleet, "sdxl"), isHolder(fleet, "flux")]).toEqual([false, true]);
  });

  test("a new cold grant after that is a load of its own, which the late end of the first does not end", () => {
    const { fleet, grant: first } = loading();
    const second = load(fleet, "a", "sdxl", 120_000);
    answerGrant(fleet, first, 121_000);
    releaseSlot(fleet, first);
    expect(isWarm(known(fleet, "a"), "sdxl", 121_000)).toBe(true);
    answerGrant(fleet, second, 122_000);
    expect(known(fleet, "a").loading.size).toBe(0);
  });
});

describe("after a load that was answered, until the replica reports, the hint is taken to be there, and nobody knows", () => {
  const FULL: Said = { concurrency: 4, hints: ["w"], hintSlots: 1 };

  /** `a` has answered a load of x, which is over, and has not reported since. */
  function unreported(said: Said = FULL) {
    const fleet = driver({ a: said });
    const { grants } = fleet.its.fleet;
    /** A request's grant, as it is when it is made. */
    const asks = (id: number, hint = "x") => {
      fleet.arrives(id, [hint], COLD_MS);
      return { ...grants.get(id) };
    };
    const first = asks(1);
    fleet.answers(1, COLD_MS);
    fleet.ends(1, COLD_MS);
    return { ...fleet, first, asks, cold: () => fleet.its.counters.cold };
  }

  test("a request for it is neither cold nor warm: it counts as no load and advises to evict nothing", () => {
    const fleet = unreported();
    expect([fleet.first, fleet.cold()]).toMatchObject([{ warmth: "cold", eviction: { advised: "w" } }, 1]);
    for (const id of [2, 3]) {
      expect(fleet.asks(id)).toMatchObject({ warmth: "unknown", eviction: null });
      fleet.answers(id, COLD_MS);
      fleet.ends(id, COLD_MS);
    }
    expect(fleet.cold()).toBe(1);
    expect(violations(fleet.its.fleet, COLD_MS)).toEqual([]);
  });

  test("it is expected to hold its slot as one that loads nothing, and so are those beside it", () => {
    const fleet = unreported();
    fleet.teaches("x", 1000);
    const { expectedMs } = fleet.asks(2);
    expect(expectedMs).toBeLessThan(COLD_MS);
    expect(fleet.asks(3)).toMatchObject({ warmth: "unknown" });
  });

  test("other hints and other replicas are cold", () => {
    const fleet = unreported();
    expect(fleet.asks(2, "y")).toMatchObject({ warmth: "cold" });
    fleet.hears("b", FULL);
    fleet.arrives(3, ["x"], COLD_MS, { avoid: ["a"] });
    expect(fleet.its.fleet.grants.get(3)).toMatchObject({ warmth: "cold" });
    expect(fleet.cold()).toBe(3);
  });

  test.each<[string, (fleet: Fleet, grant: Grant) => void]>([
    ["ended without an answer", releaseSlot],
    ["could not be sent", (fleet, grant) => void failGrant(fleet, grant, { kind: "unreachable" }, 0)],
  ])("a load that %s leaves the hint cold", (_, end) => {
    const { fleet, grant } = loading();
    end(fleet, grant);
    expect(known(fleet, "a").unreported.size).toBe(0);
  });

  type Report = (fleet: ReturnType<typeof unreported>, hints: readonly string[]) => void;
  const inBand: Report = (fleet, hints) => {
    fleet.arrives(2, ["w"], COLD_MS);
    fleet.answers(2, COLD_MS, hints);
    fleet.ends(2, COLD_MS);
  };
  const heartbeat: Report = (fleet, hints) => void fleet.hears("a", { ...FULL, hints }, COLD_MS);

  test.each<[string, Report]>([
    ["heartbeat", heartbeat],
    ["list in band", inBand],
  ])("the next %s ends that: without the hint it is cold, with it warm", (_, report) => {
    for (const [hints, warmth, cold] of [
      [["w"], "cold", 2],
      [["x"], "warm", 1],
    ] as const) {
      const fleet = unreported();
      report(fleet, hints);
      expect(reportViolations(known(fleet.its.fleet, "a"))).toEqual([]);
      expect(fleet.asks(3)).toMatchObject({ warmth, eviction: warmth === "cold" ? { advised: "w" } : null });
      expect(fleet.cold()).toBe(cold);
    }
  });

  test("also one that comes with the answer of the load", () => {
    const fleet = driver({ a: FULL });
    fleet.arrives(1, ["x"]);
    fleet.answers(1, COLD_MS, ["w"]);
    expect(reportViolations(known(fleet.its.fleet, "a"))).toEqual([]);
  });
});
