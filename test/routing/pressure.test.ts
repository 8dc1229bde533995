// How busy the fleet is taken to be: slots that are taken of those that could be.
import { expect, test } from "vitest";
import { setDrained } from "../../src/routing/membership.ts";
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
