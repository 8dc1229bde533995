// Slots that are taken back because a replica counts fewer requests: not those of requests that have not reached it, and what happens where
// the wrong one was taken.
import { describe, expect, test } from "vitest";
import { loadOf } from "../../src/routing/fleet.ts";
import type { HeartbeatOutcome } from "../../src/routing/membership.ts";
import { uploading } from "../../src/routing/scheduler.ts";
import { finishGrant, forgetReclaimed } from "../../src/routing/slots.ts";
import { driver } from "./support/driver.ts";
import { fleetWith, hears, known, occupy } from "./support/fleets.ts";
import { violations } from "./support/invariants.ts";

const reclaimed = (outcome: HeartbeatOutcome) => (outcome.kind === "accepted" ? outcome.reclaimed : outcome.kind);

describe("a request whose client is still sending the body", () => {
  test("is not missed by a replica that it has not reached, and its slot is not taken back", () => {
    const fleet = driver({ a: { concurrency: 2 } });
    fleet.arrives(1, [], 0);
    uploading(fleet.its, 1, true, 1);
    for (const atMs of [10, 20, 30]) expect(reclaimed(fleet.hears("a", { concurrency: 2, inFlight: 0 }, atMs))).toBe(0);
    uploading(fleet.its, 1, false, 40);
    for (const atMs of [50, 60])
      expect(reclaimed(fleet.hears("a", { concurrency: 2, inFlight: 0 }, atMs))).toBe(atMs === 60 ? 1 : 0);
  });
});

describe("which of the requests was over when a slot was taken back is not known", () => {
  /** Requests 1 and 2 on a replica of two slots, of which it counts one: request 1's slot is taken back at 20, and 3 has it from 30 on. */
  function takenBack() {
    const fleet = fleetWith({ a: { concurrency: 2 } });
    const [first, second] = occupy(fleet, "a", 2);
    for (const atMs of [10, 20]) hears(fleet, "a", { concurrency: 2, inFlight: 1 }, atMs);
    expect([...fleet.grants.keys()]).toEqual([2]);
    const [third] = occupy(fleet, "a", 1, 30);
    if (first === undefined || second === undefined || third === undefined) throw new Error("no grants");
    return { fleet, first, second, third };
  }

  test("with the end of the other, the one whose slot was taken back has it again", () => {
    const { fleet, second } = takenBack();
    finishGrant(fleet, second, 40);
    expect([...fleet.grants.keys()]).toEqual([3, 1]);
    expect(fleet.free.size).toBe(0);
    expect(violations(fleet, 40)).toEqual([]);
  });

  test("not with the end of one that came later, nor once it has ended itself", () => {
    const { fleet, second, third } = takenBack();
    finishGrant(fleet, third, 40);
    expect([...fleet.grants.keys()]).toEqual([2]);
    forgetReclaimed(fleet, 1);
    finishGrant(fleet, second, 50);
    expect([fleet.grants.size, fleet.reclaimed.size]).toEqual([0, 0]);
  });

  test("a slot that is lost for good is taken back again by the next two reports", () => {
    const { fleet, second, third } = takenBack();
    finishGrant(fleet, second, 40);
    finishGrant(fleet, third, 40);
    expect([...fleet.grants.keys()]).toEqual([1]);
    for (const atMs of [50, 60]) hears(fleet, "a", { concurrency: 2, inFlight: 0 }, atMs);
    expect(fleet.grants.size).toBe(0);
  });

  test("a report that counts more than the slots held gives one back", () => {
    const { fleet } = takenBack();
    hears(fleet, "a", { concurrency: 2, inFlight: 3 }, 40);
    expect([...fleet.grants.keys()]).toEqual([2, 3, 1]);
    expect([loadOf(known(fleet, "a")), fleet.reclaimed.size]).toEqual([3, 0]);
  });

  test("no more are remembered than a replica has slots", () => {
    const fleet = fleetWith({ a: { concurrency: 2 } });
    for (let round = 0; round < 5; round++) {
      occupy(fleet, "a", 2, 100 * round);
      for (const atMs of [10, 20]) hears(fleet, "a", { concurrency: 2, inFlight: 0 }, 100 * round + atMs);
    }
    expect([fleet.grants.size, fleet.reclaimed.size, known(fleet, "a").reclaimed.size]).toEqual([0, 2, 2]);
  });
});
