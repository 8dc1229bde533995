// Slots that are taken back because a replica counts fewer requests: not those of requests that have not reached it, and what happens where
// the wrong one was taken.
import { describe, expect, test } from "vitest";
import { failed } from "../../../src/routing/lifecycle.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { expire } from "../../../src/routing/registry.ts";
import { driver, type Driver } from "../support/driver.ts";
import { TIMED_OUT, finishGrant } from "../support/failing.ts";
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
});

describe("what becomes of a request whose slot was taken back", () => {
  /** The replica reports twice that it serves nothing. */
  function countsNothing(fleet: Driver, replica: string, now: number): void {
    const { concurrency, advertised } = known(fleet.its.fleet, replica);
    for (const atMs of [now, now + 10]) {
      fleet.hears(replica, { concurrency, inFlight: 0, hints: advertised && [...advertised.keys()] }, atMs);
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
    expect([...(known(fleet.its.fleet, "a").advertised?.keys() ?? [])]).toEqual(["sdxl", "flux"]);
    expect(fleet.its.model.hints.get("sdxl")?.answer).toEqual({ sum: 1000, weight: 1 });
    expect(loads(fleet.its.fleet)).toEqual({ a: 1 });
    fleet.ends(1, 2000);
    expect(loads(fleet.its.fleet)).toEqual({ a: 1 });
    expect(violations(fleet.its.fleet, 2000)).toEqual([]);
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
