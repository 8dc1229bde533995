// Slots that are taken back because a replica counts fewer requests: not those of requests that have not reached it, and what happens where
// the wrong one was taken.
import { describe, expect, test } from "vitest";
import { loadOf } from "../../../src/routing/ledger/replica.ts";
import * as lifecycle from "../../../src/routing/lifecycle.ts";
import { failed } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { expire } from "../../../src/routing/scheduler.ts";
import { driver, type Driver } from "../support/driver.ts";
import { TIMED_OUT, UNREACHABLE, finishGrant } from "../support/failing.ts";
import { fleetWith, hears, known, loads, occupy, TTL_MS } from "../support/fleets.ts";
import { violations } from "../support/invariants.ts";

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
    const { fleet, first, second, third } = takenBack();
    finishGrant(fleet, third, 40);
    expect([...fleet.grants.keys()]).toEqual([2]);
    finishGrant(fleet, first, 45);
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

  test("no more may have their slots again than a replica has slots", () => {
    const fleet = fleetWith({ a: { concurrency: 2 } });
    for (let round = 0; round < 5; round++) {
      occupy(fleet, "a", 2, 100 * round);
      for (const atMs of [10, 20]) hears(fleet, "a", { concurrency: 2, inFlight: 0 }, 100 * round + atMs);
    }
    hears(fleet, "a", { concurrency: 2, inFlight: 10 }, 1000);
    expect([...fleet.grants.keys()]).toEqual([9, 10]);
    expect(violations(fleet, 1000)).toEqual([]);
  });
});

describe("what becomes of a request whose slot was taken back", () => {
  /** The replica reports twice that it serves nothing. */
  function countsNothing(fleet: Driver, replica: string, now: number): void {
    const { concurrency, advertised } = known(fleet.its.fleet, replica);
    for (const atMs of [now, now + 10]) {
      fleet.hears(replica, { concurrency, inFlight: 0, hints: advertised && [...advertised] }, atMs);
    }
  }

  /** Request 1 was given to the replica a at 0, and its slot taken back at 20. */
  function takenBack(hints: readonly string[] = []): Driver {
    const fleet = driver({ a: { hints } });
    fleet.arrives(1, hints, 0);
    countsNothing(fleet, "a", 10);
    expect([fleet.its.fleet.grants.size, fleet.its.fleet.reclaimed.size]).toEqual([0, 1]);
    return fleet;
  }

  test("its answer's list is believed, and what it took is learned; no slot is taken or given", () => {
    const fleet = takenBack(["sdxl"]);
    fleet.arrives(2, ["sdxl"], 30);
    expect(fleet.answers(1, 1000, ["sdxl", "flux"])?.id).toBe("a");
    expect([...(known(fleet.its.fleet, "a").advertised ?? [])]).toEqual(["sdxl", "flux"]);
    expect(fleet.its.model.hints.get("sdxl")?.answer).toEqual({ sum: 1000, weight: 1 });
    expect(loads(fleet.its.fleet)).toEqual({ a: 1 });
    fleet.ends(1, 2000);
    expect(loads(fleet.its.fleet)).toEqual({ a: 1 });
    expect(violations(fleet.its.fleet, 2000)).toEqual([]);
  });

  test("its end shows that the replica works, and not how long a slot is held", () => {
    const fleet = takenBack();
    known(fleet.its.fleet, "a").failuresInARow = 2;
    fleet.answers(1, 1000);
    fleet.ends(1, 2000);
    expect(known(fleet.its.fleet, "a").failuresInARow).toBe(0);
    expect([fleet.its.model.held.weight, fleet.its.fleet.reclaimed.size]).toEqual([0, 0]);
  });

  test("its failure counts, with the list that came with it", () => {
    const fleet = takenBack();
    expect(failed(fleet.its, 1, UNREACHABLE, ["flux"], 1000)?.id).toBe("a");
    expect(fleet.its.counters).toMatchObject({ ejected: 1, failed: { unreachable: 1 } });
    expect(loads(fleet.its.fleet)).toEqual({ a: 0 });
  });

  test("a replica that hangs and counts nothing is ejected with the third timeout, then for each that it has on probation", () => {
    const fleet = driver({ hangs: { hints: ["h"] }, works: { concurrency: 100 } });
    const hung: { readonly id: number; readonly untilMs: number }[] = [];
    const ejectedAtMs: number[] = [];
    for (let now = 0; now < 2_000_000; now += 5000) {
      expire(fleet.its, TTL_MS, now);
      while ((hung[0]?.untilMs ?? Infinity) <= now) {
        const { id } = hung.shift() ?? { id: 0 };
        const before = fleet.its.counters.ejected;
        failed(fleet.its, id, TIMED_OUT, null, now);
        fleet.ends(id, now);
        if (fleet.its.counters.ejected > before) ejectedAtMs.push(now);
      }
      if (fleet.arrives(now, ["h"], now).startsWith("hangs")) hung.push({ id: now, untilMs: now + 600_000 });
      else fleet.ends(now, now);
      fleet.hears("hangs", { hints: ["h"], inFlight: 0 }, now + 1);
      fleet.hears("works", { concurrency: 100 }, now + 1);
    }
    // The third was sent at 20 s, probes at the end of each ejection: of 10 s, 20 s.
    expect(ejectedAtMs).toEqual([620_000, 620_000 + 10_000 + 600_000, 1_230_000 + 20_000 + 600_000]);
  });

  test("a probe keeps others away until it ends, and its answer ends the probation", () => {
    const fleet = driver({ a: { hints: ["h"], concurrency: 8 }, b: { concurrency: 8 } });
    fleet.arrives(1, ["h"], 0);
    failed(fleet.its, 1, UNREACHABLE, null, 0);
    fleet.ends(1, 0);
    expect(fleet.arrives(2, ["h"], 10_000)).toBe("a hint_match");
    countsNothing(fleet, "a", 10_001);
    expect(fleet.arrives(3, ["h"], 11_000)).toMatch(/^b /);
    fleet.answers(2, 12_000);
    expect(fleet.arrives(4, ["h"], 12_000)).toBe("a hint_match");
  });

  test("a probe that its client gave up is followed by another", () => {
    const fleet = driver({ a: { concurrency: 8 } });
    fleet.arrives(1, [], 0);
    failed(fleet.its, 1, UNREACHABLE, null, 0);
    fleet.ends(1, 0);
    fleet.arrives(2, [], 10_000);
    countsNothing(fleet, "a", 10_001);
    fleet.ends(2, 11_000);
    expect(known(fleet.its.fleet, "a").probe).toBe(null);
  });

  test("counts of so many requests; the oldest are forgotten", () => {
    const half = LIMITS.reclaimedPerApp / 2;
    const fleet = driver({ a: { concurrency: half } });
    for (let round = 0; round < 3; round++) {
      occupy(fleet.its.fleet, "a", half, 100 * round);
      countsNothing(fleet, "a", 100 * round + 10);
    }
    expect(fleet.its.fleet.reclaimed.size).toBe(2 * half);
    for (const id of [half, half + 1]) failed(fleet.its, id, TIMED_OUT, null, 1000);
    expect(fleet.its.counters.failed.timed_out).toBe(1);
  });
});
