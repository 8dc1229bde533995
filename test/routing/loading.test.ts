// A load in progress: from a cold grant until its answer or end the replica counts as warm, whatever it reports.
import { describe, expect, test } from "vitest";
import { isWarm, type Fleet, type Grant } from "../../src/routing/fleet.ts";
import { applyInBandHints, sweep } from "../../src/routing/membership.ts";
import { answerGrant, ejectReplica, releaseSlot, takeSlot } from "../../src/routing/slots.ts";
import { fleetWith, hears, known, load, TTL_MS, type Said } from "./support/fleets.ts";
import { violations } from "./support/invariants.ts";

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
    ["a list in band without it", (fleet) => applyInBandHints(fleet, known(fleet, "a"), ["flux"])],
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
    ["a replica that could not be reached", (fleet, grant) => ejectReplica(fleet, grant, 9000)],
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

  test.each(ENDS)("%s, with no report yet: cold", (_, end) => {
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
