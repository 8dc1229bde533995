// When the scheduler looks again at slots that it kept idle, and what a load teaches when other requests come between it and the next
// list. Driven as the Fleet object drives it: `settle` whenever `nextEventMs` says.
import { expect, test } from "vitest";
import { meanLoadMs } from "../../src/routing/model/estimates.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { nextEventMs } from "../../src/routing/scheduler.ts";
import { driver, type Driver } from "./support/driver.ts";
import { known, type Said } from "./support/fleets.ts";

const COLD: Said = { hints: [], hintSlots: 1 };

/** Looks so many times, each when it is due, and gives what was settled. */
function looks(fleet: Driver, times: number): Record<string, string> {
  const settled: Record<string, string> = {};
  for (let look = 0; look < times; look++) Object.assign(settled, fleet.settles(nextEventMs(fleet.its)));
  return settled;
}

test("a newcomer of short deadline has a free slot in time, though its lane said a moment ago that it would rather wait", () => {
  const fleet = driver({ a: { hints: ["x"], hintSlots: 1 }, b: COLD });
  fleet.teaches("x", 100);
  fleet.arrives(1, ["x"]);
  expect(fleet.arrives(2, ["x"])).toBe("waiting");
  fleet.settles(0);
  expect(fleet.arrives(3, ["x"], 0, { deadlineMs: 200 })).toBe("waiting");
  expect(looks(fleet, 10)).toMatchObject({ 3: expect.stringMatching(/^b hash_/) });
});

test("lanes that rather wait keep no other from being asked", () => {
  const lanes = Array.from({ length: LIMITS.lanesAsked }, (_, lane) => lane);
  const fleet = driver({
    z: COLD,
    ...Object.fromEntries(lanes.map((lane) => [`a${lane}`, { hints: [`h${lane}`], hintSlots: 1 }])),
  });
  for (const lane of lanes) fleet.teaches(`h${lane}`, 5000);
  for (const lane of lanes) fleet.arrives(lane + 1, [`h${lane}`]);
  fleet.arrives(500, []);
  for (const lane of lanes) expect(fleet.arrives(600 + lane, [`h${lane}`])).toBe("waiting");
  expect(fleet.arrives(900, ["cold"], 1)).toBe("waiting");
  fleet.ends(500, 10);
  const first = fleet.settles(10);
  expect({ ...first, ...looks(fleet, 2) }).toMatchObject({ 900: expect.stringMatching(/^z hash_/) });
});

test("a request behind a load that no list has confirmed does not hide what the load evicted", () => {
  const fleet = driver({ a: { hints: ["often", "seldom"], hintSlots: 2, concurrency: 2 } });
  fleet.teaches("often", 100, 20);
  for (const [id, hint] of [
    [1, "often"],
    [2, "seldom"],
  ] as const) {
    fleet.arrives(id, [hint], id);
    fleet.answers(id, id);
    fleet.ends(id, id);
  }
  fleet.arrives(3, ["new"], 10);
  expect(fleet.its.fleet.grants.get(3)?.eviction).toEqual({ advised: "seldom", likely: "often" });
  fleet.answers(3, 1000);
  fleet.ends(3, 1100);
  fleet.arrives(4, ["new"], 1200);
  fleet.answers(4, 1300);
  fleet.ends(4, 1300);
  fleet.hears("a", { hints: ["often", "new"], hintSlots: 2, concurrency: 2 }, 5000);
  expect(known(fleet.its.fleet, "a").heedsAdvice).toBe(true);
});

test("a replica that never lists hints teaches one load of each, not one for every heartbeat", () => {
  const fleet = driver({ a: {} });
  fleet.teaches("x", 1000, 30);
  const loadMs = meanLoadMs(fleet.its.fleet.estimates);
  for (let beat = 1; beat <= 30; beat++) {
    const now = beat * 5000;
    fleet.hears("a", {}, now);
    fleet.arrives(beat, ["x"], now);
    fleet.answers(beat, now + (beat === 1 ? loadMs : 1));
    fleet.ends(beat, now + (beat === 1 ? loadMs : 1));
  }
  expect(meanLoadMs(fleet.its.fleet.estimates)).toBeGreaterThan(loadMs / 2);
  expect(fleet.its.counters.cold).toBe(1);
});
