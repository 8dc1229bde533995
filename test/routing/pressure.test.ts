// How busy the fleet is taken to be: slots that are taken of those that could be, and replicas that requests find full.
import { expect, test } from "vitest";
import { setDrained } from "../../src/routing/ledger/membership.ts";
import { chanceFull } from "../../src/routing/model/utilisation.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { driver } from "./support/driver.ts";
import { fleetWith, known, occupy } from "./support/fleets.ts";

const LATER_MS = 1e9;

/** As it is known to be when the next slot is taken, long after. */
function busyShare(fleet: ReturnType<typeof fleetWith>): number {
  occupy(fleet, "b", 1, LATER_MS);
  return fleet.estimates.pressure.busyShare;
}

test("taken slots over all", () => {
  const fleet = fleetWith({ a: { concurrency: 3 }, b: { concurrency: 5 } });
  occupy(fleet, "a", 2);
  expect(busyShare(fleet)).toBeCloseTo(2 / 8, 9);
});

test("what runs on replicas that drain makes the others no busier", () => {
  const fleet = fleetWith({ a: { concurrency: 4 }, b: { concurrency: 4 } });
  occupy(fleet, "a", 4);
  occupy(fleet, "b", 1);
  setDrained(fleet, known(fleet, "a"), true);
  expect(busyShare(fleet)).toBeCloseTo(1 / 4, 9);
});

test("one client that asks for one thing after another finds no replica full, however busy it keeps one", () => {
  const fleet = driver({ a: {}, b: {} });
  for (let id = 1; id <= 20; id++) {
    fleet.arrives(id, [], id * 1000);
    fleet.answers(id, id * 1000 + 999);
    fleet.ends(id, id * 1000 + 999);
  }
  expect(fleet.its.fleet.estimates.pressure.busyShare).toBeGreaterThan(0);
  expect(chanceFull(fleet.its.fleet.estimates.pressure)).toBe(0);
});

test("requests find full the replicas that have no free slot, and what was found before is forgotten", () => {
  const fleet = driver({ a: {}, b: { concurrency: 2 }, c: {}, d: { status: "starting" } });
  const { pressure } = fleet.its.fleet.estimates;
  occupy(fleet.its.fleet, "a", 1);
  occupy(fleet.its.fleet, "b", 1);
  // Free are b and c; then c alone or b alone; then nobody, for a request that waits.
  for (const [id, full] of [1 / 3, 2 / 3, 1, 1].entries()) {
    const before = { ...pressure.foundFull };
    fleet.arrives(id, []);
    expect(pressure.foundFull.sum - before.sum).toBeCloseTo(full, 9);
  }
  for (let id = 10; id < 10 + 10 * TUNING.fullMemory; id++) fleet.arrives(id, []);
  expect(chanceFull(pressure)).toBeCloseTo(1, 3);
});

test("another try of a request is none that comes", () => {
  const fleet = driver({ a: {}, b: {} });
  fleet.arrives(1, [], 0, { avoid: ["a"] });
  expect(fleet.its.fleet.estimates.pressure.foundFull.weight).toBe(0);
});
