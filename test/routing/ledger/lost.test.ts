// Requests whose replica was silent for its time to live before it began to answer are lost, and those of a process that left in another way a time
// to live later; and a fleet of which all is drained is hoped for one time to live.
import { describe, expect, test } from "vitest";
import { createFleet, type Fleet } from "../../../src/routing/ledger/fleet.ts";
import {
  deleteReplica,
  graceUntilMs,
  restoreReplica,
  setDrained,
  storedForm,
  sweep,
  sweepOrphaning,
} from "../../../src/routing/ledger/membership.ts";
import type { Grant } from "../../../src/routing/ledger/replica.ts";
import { adoptSlot, isLost, unanswered } from "../../../src/routing/ledger/slots.ts";
import { nextEventMs } from "../../../src/routing/scheduler.ts";
import { driver } from "../support/driver.ts";
import { fleetWith, hears, known, occupy, TTL_MS } from "../support/fleets.ts";
import { violations } from "../support/invariants.ts";
import { answerGrant, finishGrant } from "../support/failing.ts";

describe("a request is lost", () => {
  /** Of three requests on `a` the second is answered, and the slot of the first was taken back. */
  function running(): { readonly fleet: Fleet; readonly grants: readonly Grant[] } {
    const fleet = fleetWith({ a: { concurrency: 3 } });
    const grants = occupy(fleet, "a", 3);
    for (const now of [10, 20]) hears(fleet, "a", { concurrency: 3, inFlight: 2 }, now);
    expect(fleet.reclaimed.size).toBe(1);
    answerGrant(fleet, grants[1] ?? raise(), 30, "rejected");
    return { fleet, grants };
  }
  const lost = ({ grants }: ReturnType<typeof running>) => grants.filter((grant) => isLost(grant)).map(({ id }) => id);

  test("with its replica's expiry, unless its answer has begun, whatever that is; also one whose slot was taken back", () => {
    const its = running();
    const [gone] = sweep(its.fleet, TTL_MS, 20 + TTL_MS);
    expect([...unanswered(gone ?? raise())].map(({ id }) => id)).toEqual([3, 1]);
    expect([lost(its), its.fleet.orphaning.size]).toEqual([[1, 3], 0]);
  });

  test.each<[string, (fleet: Fleet) => unknown]>([
    ["is there", () => null],
    ["expired and has come back", (fleet) => [sweep(fleet, TTL_MS, 20 + TTL_MS), hears(fleet, "a", {}, 21 + TTL_MS)]],
  ])("not where its replica %s", (_, happens) => {
    const its = running();
    happens(its.fleet);
    expect([lost(its), its.fleet.orphaning.size]).toEqual([[], 0]);
    expect(sweepOrphaning(its.fleet, 30 + 2 * TTL_MS)).toEqual([]);
    expect(lost(its)).toEqual([]);
  });

  describe.each<[string, (fleet: Fleet) => unknown]>([
    ["has stopped", (fleet) => hears(fleet, "a", { status: "stopped" }, 100)],
    ["was deleted", (fleet) => deleteReplica(fleet, known(fleet, "a"), 100 + TTL_MS)],
    ["was replaced at its origin", (fleet) => hears(fleet, "b", { origin: "https://a.example.com" }, 100)],
    ["has begun anew", (fleet) => hears(fleet, "a", { incarnation: 2 }, 100)],
    ["is a new process that stopped", (fleet) => hears(fleet, "a", { incarnation: 2, status: "stopped" }, 100)],
  ])("where its replica %s", (_, happens) => {
    const left = () => {
      const its = running();
      happens(its.fleet);
      expect(violations(its.fleet, 100)).toEqual([]);
      return its;
    };

    test("a time to live later: it may yet answer what it took; and that once", () => {
      const its = left();
      expect([sweepOrphaning(its.fleet, 99 + TTL_MS), lost(its)]).toEqual([[], []]);
      const [gone, ...others] = sweepOrphaning(its.fleet, 100 + TTL_MS);
      expect([...unanswered(gone ?? raise())].map(({ id }) => id)).toEqual([3, 1]);
      expect([others, lost(its), sweepOrphaning(its.fleet, 200 + TTL_MS)]).toEqual([[], [1, 3], []]);
      expect(violations(its.fleet, 100 + TTL_MS)).toEqual([]);
    });

    test("not those that it begins to answer meanwhile, or that are over", () => {
      const its = left();
      answerGrant(its.fleet, its.grants[0] ?? raise(), 200);
      finishGrant(its.fleet, its.grants[2] ?? raise(), 300);
      const [gone] = sweepOrphaning(its.fleet, 100 + TTL_MS);
      expect([...unanswered(gone ?? raise())]).toEqual([]);
      expect(lost(its)).not.toContain(1);
    });

    test("somebody looks then", () => {
      const fleet = driver({ a: { hints: ["x"] } });
      fleet.arrives(1, ["x"], 50);
      happens(fleet.its.fleet);
      expect(nextEventMs(fleet.its)).toBeLessThanOrEqual(100 + TTL_MS);
      fleet.its.fleet.nextExpiryMs = Infinity;
      expect(nextEventMs(fleet.its)).toBe(100 + TTL_MS);
    });

    test("nobody looks for a process that has begun to answer all", () => {
      const its = running();
      for (const grant of its.grants) answerGrant(its.fleet, grant, 40);
      happens(its.fleet);
      expect([its.fleet.orphaning.size, sweepOrphaning(its.fleet, 100 + TTL_MS)]).toEqual([0, []]);
    });
  });

  test.each<[string, boolean, number[]]>([
    ["that is not answered", false, [9]],
    ["that is answered", true, []],
  ])("that was claimed after a restart, when its process had left: one %s", (_, answered, due) => {
    const fleet = createFleet();
    restoreReplica(fleet, storedForm(known(fleetWith({ a: {} }), "a")), TTL_MS);
    hears(fleet, "a", { status: "stopped" }, 100);
    const grant = adoptSlot(fleet, 9, { replica: "a", incarnation: 1, hint: null, startedAtMs: 50, answered }, 0) ?? raise();
    expect([violations(fleet, 200), isLost(grant), fleet.orphaning.size]).toEqual([[], false, due.length]);
    const gone = sweepOrphaning(fleet, 100 + TTL_MS);
    expect(gone.flatMap((replica) => [...unanswered(replica)].map(({ id }) => id))).toEqual(due);
    expect(isLost(grant)).toBe(!answered);
  });

  test("at once where it is claimed after its replica expired", () => {
    const fleet = fleetWith({ a: {} });
    sweep(fleet, TTL_MS, TTL_MS);
    const adoption = { replica: "a", incarnation: 1, hint: null, startedAtMs: 50, answered: false };
    expect(isLost(adoptSlot(fleet, 9, adoption, 0) ?? raise())).toBe(true);
    expect([fleet.orphaning.size, violations(fleet, TTL_MS)]).toEqual([0, []]);
  });

  test.each([
    ["in time", 99],
    ["later", 100],
  ])("no more where it comes back %s as the same process", (_, afterMs) => {
    const its = running();
    hears(its.fleet, "a", { status: "stopped" }, 100);
    sweepOrphaning(its.fleet, 100 + TTL_MS + afterMs - 100);
    hears(its.fleet, "a", { concurrency: 3 }, 100 + TTL_MS + afterMs - 100);
    expect([lost(its), sweepOrphaning(its.fleet, 100 + 3 * TTL_MS), lost(its)]).toEqual([[], [], []]);
    expect(violations(its.fleet, 100 + 3 * TTL_MS)).toEqual([]);
  });

  test("also where the replica says after its expiry that it stopped", () => {
    const its = running();
    sweep(its.fleet, TTL_MS, 20 + TTL_MS);
    hears(its.fleet, "a", { status: "stopped" }, 21 + TTL_MS);
    expect(lost(its)).toEqual([1, 3]);
  });
});

describe("hope for a fleet that is drained", () => {
  const drained = (...ids: readonly string[]) => {
    const fleet = fleetWith({ a: {}, b: {} });
    for (const [index, id] of ids.entries()) setDrained(fleet, known(fleet, id), true, 1000 * (index + 1) + TTL_MS);
    return fleet;
  };

  test.each<[string, Fleet, number]>([
    ["while one is ready there is no end", drained("a"), Infinity],
    ["it is one time to live after the last drain", drained("a", "b"), 2000 + TTL_MS],
  ])("%s", (_, fleet, untilMs) => {
    expect(graceUntilMs(fleet)).toBe(untilMs);
  });

  test("has no end while one that was not drained starts", () => {
    const fleet = drained("a", "b");
    hears(fleet, "c", { status: "starting" }, 3000);
    expect(graceUntilMs(fleet)).toBe(Infinity);
  });

  test("has an end for one that starts and is drained", () => {
    const fleet = drained("a", "b");
    hears(fleet, "c", { status: "starting" }, 3000);
    setDrained(fleet, known(fleet, "c"), true, 4000 + TTL_MS);
    expect(graceUntilMs(fleet)).toBe(4000 + TTL_MS);
  });

  test("is one time to live for one that drains by itself, from the first time that it says so", () => {
    const fleet = drained("a", "b");
    hears(fleet, "c", { status: "draining" }, 3000);
    expect(graceUntilMs(fleet)).toBe(3000 + TTL_MS);
    hears(fleet, "c", { status: "draining" }, 9000);
    expect(graceUntilMs(fleet)).toBe(3000 + TTL_MS);
    hears(fleet, "c", {}, 10_000);
    hears(fleet, "c", { status: "draining" }, 11_000);
    expect(graceUntilMs(fleet)).toBe(11_000 + TTL_MS);
  });

  test.each<[string, (fleet: Fleet) => unknown]>([
    ["as a new process", (fleet) => hears(fleet, "c", { status: "draining", incarnation: 2 }, 9000)],
    ["as one that had stopped", (fleet) => hears(fleet, "c", { status: "draining" }, 9000)],
  ])("and anew %s", (_, happens) => {
    const fleet = drained("a", "b");
    hears(fleet, "c", { status: "draining" }, 3000);
    hears(fleet, "c", { status: "stopped" }, 8000);
    happens(fleet);
    expect(graceUntilMs(fleet)).toBe(9000 + TTL_MS);
  });

  test("is not longer for a heartbeat of one that is drained, nor for a drain said twice", () => {
    const fleet = drained("a", "b");
    hears(fleet, "b", {}, 9000);
    setDrained(fleet, known(fleet, "a"), true, 9000 + TTL_MS);
    expect(graceUntilMs(fleet)).toBe(2000 + TTL_MS);
  });

  test("is one time to live after a restart", () => {
    const fleet = createFleet();
    restoreReplica(fleet, storedForm(known(drained("a", "b"), "a")), 5000 + TTL_MS);
    expect(graceUntilMs(fleet)).toBe(5000 + TTL_MS);
  });

  test("those who wait hear of its end then, and those who come at once", () => {
    const fleet = driver({ a: {} });
    setDrained(fleet.its.fleet, known(fleet.its.fleet, "a"), true, 5000);
    expect(fleet.arrives(1, [], 10)).toBe("waiting");
    expect(nextEventMs(fleet.its)).toBe(5000);
    expect([fleet.dispatches(4999), fleet.dispatches(5000), fleet.arrives(2, [], 5000)]).toEqual([
      {},
      { 1: "no_replicas" },
      "no_replicas",
    ]);
  });

  test("or are served where it is undrained in time", () => {
    const fleet = driver({ a: {} });
    setDrained(fleet.its.fleet, known(fleet.its.fleet, "a"), true, 5000);
    fleet.arrives(1, [], 10);
    setDrained(fleet.its.fleet, known(fleet.its.fleet, "a"), false, 9000);
    expect(fleet.dispatches(4000)).toEqual({ 1: "a least_loaded" });
  });
});

function raise(): never {
  throw new Error("there is none");
}
