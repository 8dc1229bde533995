// The policy that an operator can predict without reading code: late binding in order of arrival.
import { describe, expect, test } from "vitest";
import { noteUse } from "../../../src/routing/ledger/residency.ts";
import { fifoPolicy } from "../../../src/routing/policy/fifo.ts";
import { driver, type Driver } from "../support/driver.ts";
import { COLD_MS, known, type Said } from "../support/fleets.ts";

const SHORT_MS = COLD_MS / 100;
const WARM: Said = { hints: ["x"], hintSlots: 1 };
const COLD: Said = { hints: [], hintSlots: 1 };
const loadedOn = (replica: string) => expect.stringMatching(new RegExp(`^${replica} hash_`));

/** `a` holds x and serves request 1, which took its only slot. */
function busy(others: Readonly<Record<string, Said>> = {}, affinityWait: "auto" | "never" = "auto"): Driver {
  const fleet = driver({ a: WARM, ...others }, fifoPolicy(affinityWait));
  fleet.teaches("x", SHORT_MS);
  fleet.arrives(1, ["x"]);
  return fleet;
}

describe("a slot that frees goes to", () => {
  test("the oldest that is warm there, though others came first", () => {
    const fleet = busy();
    fleet.arrives(2, ["y"], 10);
    fleet.arrives(3, ["x"], 20);
    fleet.arrives(4, ["x"], 30);
    fleet.served(1, 40);
    expect(fleet.dispatches(40)).toEqual({ 3: "a hint_wait" });
  });

  test("the oldest of all where nobody is warm there", () => {
    const fleet = busy();
    fleet.arrives(2, ["y"], 10);
    fleet.arrives(3, ["z"], 20);
    fleet.served(1, 40);
    expect(fleet.dispatches(40)).toEqual({ 2: loadedOn("a") });
  });

  test("a high one before older ones", () => {
    const fleet = busy();
    fleet.arrives(2, ["x"], 10);
    fleet.arrives(3, ["x"], 20, { priority: "high" });
    fleet.served(1, 40);
    expect(fleet.dispatches(40)).toEqual({ 3: "a hint_wait" });
  });
});

describe("beside a free slot a request", () => {
  test("waits for a warm one that is expected to take it sooner than a load, and no longer than half of its time", () => {
    const fleet = busy({ b: COLD });
    expect(fleet.arrives(2, ["x"], 0, { deadlineMs: 10_000 })).toBe("waiting");
    expect(fleet.dispatches(4999)).toEqual({});
    expect(fleet.dispatches(5000)).toEqual({ 2: loadedOn("b") });
  });

  test("waits for nothing where nobody holds its hint, or with AFFINITY_WAIT=never", () => {
    expect(busy({ b: COLD }).arrives(2, ["y"])).toEqual(loadedOn("b"));
    expect(busy({ b: COLD }, "never").arrives(2, ["x"])).toEqual(loadedOn("b"));
  });

  test("waits for nothing behind so many that the wait would be longer than a load", () => {
    const fleet = busy({ b: COLD });
    fleet.teaches("x", COLD_MS / 4, 100);
    const outcomes = Array.from({ length: 10 }, (_, index) => fleet.arrives(2 + index, ["x"], index));
    expect(outcomes[0]).toBe("waiting");
    fleet.dispatches(20);
    expect(fleet.its.counters.granted.hash_owner + fleet.its.counters.granted.hash_spill).toBe(1);
  });
});

describe("a hint is loaded", () => {
  test("where there is a free hint slot, else on the replica that used its least recently used hint longest ago", () => {
    for (const hint of ["q", "r", "s", "t", "u"]) {
      const full: Said = { hints: ["v", "w"], hintSlots: 2 };
      const fleet = driver({ a: full, b: full, c: { ...full, hintSlots: 3 } }, fifoPolicy());
      for (const [id, vMs, wMs] of [
        ["a", 30, 20],
        ["b", 10, 40],
      ] as const) {
        noteUse(known(fleet.its.fleet, id), "v", vMs);
        noteUse(known(fleet.its.fleet, id), "w", wMs);
      }
      expect([1, 2, 3].map((id) => fleet.arrives(id, [`${hint}${id}`]))).toEqual([loadedOn("c"), loadedOn("b"), loadedOn("a")]);
    }
  });
});
