// Prewarming: which idle replica is advised to load an announced hint, instead of what, and for how long it counts as loading the hint.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyInBandHints, setDrained } from "../../src/routing/ledger/membership.ts";
import { failed } from "../../src/routing/lifecycle.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { lateDemand } from "../../src/routing/model/model.ts";
import { costPolicy } from "../../src/routing/policy/cost.ts";
import { adviceFor, announce } from "../../src/routing/prewarm.ts";
import { driver, type Driver } from "./support/driver.ts";
import { COLD_MS, known, OPTIONS, unreachable, type Said } from "./support/fleets.ts";
import { violations } from "./support/invariants.ts";

const SAID: Said = { hints: ["old", "older"], hintSlots: 3 };
const FULL: Said = { ...SAID, hintSlots: 2 };
const NEXT_MS = 5000;
/** Twice a load, and until the next report. */
const BELIEVED_MS = 2 * COLD_MS + NEXT_MS;

/** The replica reports, and is answered. */
function reports({ its, hears }: Driver, replica: string, said: Said = SAID, now = 0) {
  hears(replica, said, now);
  const advice = adviceFor(its, known(its.fleet, replica), NEXT_MS, now);
  expect(violations(its.fleet, now)).toEqual([]);
  return advice;
}

function announced(fleet: Driver, ...hints: readonly string[]): Driver {
  announce(fleet.its, hints, 0);
  return fleet;
}

describe("an idle replica is advised to load an announced hint", () => {
  test("where it has space", () => {
    const fleet = announced(driver({ a: SAID }), "new");
    expect(reports(fleet, "a")).toEqual({ load: "new", evict: null });
    expect(fleet.its.metrics).toMatchObject({ prewarms: 1, advices: 1 });
    expect(fleet.its.events.after(0)).toMatchObject([{ kind: "advised", replica: "a", hint: "new", evicts: null }]);
  });

  test("in the place of the least recently used one", () => {
    const fleet = announced(driver({ a: FULL }), "new");
    fleet.arrives(1, ["older"]);
    fleet.served(1, 10);
    expect(reports(fleet, "a", FULL, 20)).toEqual({ load: "new", evict: "old" });
  });

  test("one replica and one hint at a time, the oldest announcement first", () => {
    const fleet = announced(driver({ a: SAID, b: SAID, c: SAID }), "new", "newer");
    expect(reports(fleet, "a")).toMatchObject({ load: "new" });
    expect(reports(fleet, "b")).toMatchObject({ load: "newer" });
    expect(reports(fleet, "a")).toBe(null);
    expect(reports(fleet, "c")).toBe(null);
  });

  test("and another replica, if that one has not loaded the hint in twice the time of a load, or has left", () => {
    const fleet = announced(driver({ a: SAID, b: SAID, c: SAID }), "new");
    reports(fleet, "a");
    expect(reports(fleet, "b", SAID, BELIEVED_MS - 1)).toBe(null);
    expect(reports(fleet, "b", SAID, BELIEVED_MS)).toMatchObject({ load: "new" });
    fleet.hears("b", { status: "stopped" }, BELIEVED_MS);
    expect(reports(fleet, "c", SAID, BELIEVED_MS)).toMatchObject({ load: "new" });
  });

  test("if those that hold the hint drain or are ejected", () => {
    const fleet = announced(driver({ a: SAID, b: { hints: ["new"] } }), "new");
    expect(reports(fleet, "a")).toBe(null);
    fleet.hears("b", { hints: ["new"], status: "draining" });
    expect(reports(fleet, "a")).toMatchObject({ load: "new" });
  });

  test("again once the replica has listed a hint whose advice it seemed not to heed, or is a new process", () => {
    const fleet = announced(driver({ a: SAID }), "new");
    reports(fleet, "a");
    expect(reports(fleet, "a", SAID, BELIEVED_MS)).toBe(null);
    announce(fleet.its, ["newer"], BELIEVED_MS);
    expect(reports(fleet, "a", SAID, BELIEVED_MS)).toBe(null);
    expect(reports(fleet, "a", { hints: ["new"], hintSlots: 3 }, BELIEVED_MS + 1)).toMatchObject({ load: "newer" });
    expect(reports(fleet, "a", { hints: ["new"], hintSlots: 3 }, 3 * BELIEVED_MS)).toBe(null);
    expect(reports(fleet, "a", { ...SAID, incarnation: 2 }, 3 * BELIEVED_MS + 1)).toMatchObject({ load: "newer" });
  });
});

describe("no replica is advised", () => {
  test.each<[string, (fleet: Driver) => void, Said?]>([
    ["if another holds the hint", (fleet) => void fleet.hears("b", { hints: ["new"] })],
    [
      "if a request for the hint has come",
      (fleet) => {
        fleet.arrives(1, ["new"]);
        fleet.ends(1, 5);
      },
    ],
    ["that serves a request", (fleet) => void fleet.arrives(1, ["old"])],
    ["that is starting", () => {}, { ...SAID, status: "starting" }],
    ["that drains", () => {}, { ...SAID, status: "draining" }],
    [
      "that does not specialise",
      (fleet) => void fleet.hears("a", { hints: null, incarnation: 2 }),
      { hints: null, incarnation: 2 },
    ],
    ["that can hold nothing", () => {}, { hints: [], hintSlots: 0 }],
    [
      "that is ejected",
      (fleet) => {
        fleet.arrives(1, ["old"]);
        unreachable(fleet.its, 1, 0);
        fleet.ends(1, 5);
      },
    ],
  ])("%s", (_, happens, said = SAID) => {
    const fleet = announced(driver({ a: SAID }), "new");
    happens(fleet);
    expect(reports(fleet, "a", said, 10)).toBe(null);
  });

  test("to load a hint that it has lately failed to load", () => {
    const fleet = driver({ a: SAID });
    for (let id = 1; id <= LIMITS.hintFailuresToBar; id++) {
      fleet.arrives(id, ["new"], id);
      failed(fleet.its, id, { kind: "error" }, null, id);
      fleet.ends(id, id);
    }
    announce(fleet.its, ["new", "newer"], 5);
    expect(reports(fleet, "a", SAID, 10)).toMatchObject({ load: "newer" });
  });

  test("to evict a hint that is announced too", () => {
    const fleet = announced(driver({ a: { hints: ["one"], hintSlots: 1 } }), "two", "one");
    expect(reports(fleet, "a", { hints: ["one"], hintSlots: 1 })).toBe(null);
  });

  test("that an administrator drains", () => {
    const fleet = announced(driver({ a: SAID }), "new");
    setDrained(fleet.its.fleet, known(fleet.its.fleet, "a"), true, 0);
    expect(reports(fleet, "a")).toBe(null);
  });

  test("that lists what it holds in answers alone, so that nobody would know of an unasked load", () => {
    const fleet = announced(driver({ a: { hints: null, hintSlots: 3 } }), "new");
    applyInBandHints(fleet.its.fleet, known(fleet.its.fleet, "a"), ["old"], 0);
    expect(reports(fleet, "a", { hints: null, hintSlots: 3 })).toBe(null);
  });

  test("when the request has not come for a minute; an announcement that is repeated begins anew", () => {
    const fleet = announced(driver({ a: SAID }), "new", "newer");
    announce(fleet.its, ["newer"], 1);
    expect(reports(fleet, "a", SAID, LIMITS.announcedMs)).toMatchObject({ load: "newer" });
    expect([...fleet.its.announced.keys()]).toEqual(["newer"]);
  });

  test("of more than 256 hints to load the oldest", () => {
    const hints = Array.from({ length: LIMITS.announcedHints + 1 }, (_, index) => `h${index}`);
    expect(reports(announced(driver({ a: SAID }), ...hints), "a")).toMatchObject({ load: "h1" });
  });
});

describe("a hint that a replica is advised to load counts as being loaded there", () => {
  const advised = () => {
    const fleet = announced(driver({ a: FULL, b: FULL }), "new");
    expect(reports(fleet, "a", FULL)).toEqual({ load: "new", evict: expect.any(String) as string });
    return fleet;
  };

  test("so a request that comes meanwhile goes there", () => {
    const fleet = advised();
    expect(fleet.arrives(1, ["new"], 5)).toBe("a hint_match");
    expect(fleet.its.fleet.grants.get(1)?.warmth).toBe("loading");
    expect(fleet.its.counters.cold).toBe(0);
  });

  test("and the next load takes the place of an older one", () => {
    const fleet = advised();
    fleet.hears("a", { ...FULL, hints: ["old", "new"] }, 10);
    fleet.hears("b", { ...FULL, status: "draining" }, 10);
    fleet.arrives(1, ["other"], 20);
    expect(fleet.its.fleet.grants.get(1)).toMatchObject({ replica: { id: "a" }, evicts: "old" });
  });

  test("until the replica lists the hint, in a report or in an answer", () => {
    const fleet = advised();
    applyInBandHints(fleet.its.fleet, known(fleet.its.fleet, "a"), ["new"], 5);
    expect([...known(fleet.its.fleet, "a").loading]).toEqual([]);
    applyInBandHints(fleet.its.fleet, known(fleet.its.fleet, "a"), ["old"], 6);
    expect([...fleet.its.fleet.holders.of("new")]).toEqual([]);
    fleet.hears("a", { ...FULL, hints: ["new"] }, 10);
    expect(fleet.arrives(1, ["new"], 20)).toBe("a hint_match");
    expect(fleet.its.fleet.grants.get(1)?.warmth).toBe("warm");
  });

  test("until a request for the hint was served: then the replica holds the hint", () => {
    const fleet = advised();
    fleet.arrives(1, ["new"], 5);
    fleet.served(1, 20);
    expect([...known(fleet.its.fleet, "a").loading]).toEqual([]);
    expect(fleet.arrives(2, ["new"], BELIEVED_MS + 1)).toBe("a hint_match");
  });

  test("until the load must be over, if the replica does not heed advice", () => {
    const fleet = advised();
    fleet.hears("a", FULL, BELIEVED_MS - 1);
    expect([...fleet.its.fleet.holders.of("new")].map(({ id }) => id)).toEqual(["a"]);
    fleet.hears("a", FULL, BELIEVED_MS);
    expect([...fleet.its.fleet.holders.of("new")]).toEqual([]);
    fleet.arrives(1, ["new"], BELIEVED_MS + 1);
    expect(fleet.its.counters.cold).toBe(1);
  });

  test("not in its next process", () => {
    const fleet = advised();
    fleet.hears("a", { ...FULL, incarnation: 2 }, 10);
    expect([...fleet.its.fleet.holders.of("new")]).toEqual([]);
  });
});

const step = fc.record({
  act: fc.constantFrom("announces", "reports", "arrives", "answers", "ends", "lists", "waits"),
  replica: fc.constantFrom("a", "b", "c"),
  hint: fc.constantFrom("v", "w", "x", "y", "z"),
  id: fc.integer({ min: 1, max: 6 }),
  status: fc.constantFrom("ready", "ready", "ready", "draining", "stopped"),
  incarnation: fc.integer({ min: 1, max: 2 }),
});

test("whatever happens, the indexes agree, and no load is believed for longer than its time and a report", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const fleet = driver({ a: { hints: ["v"], hintSlots: 2, concurrency: 2 }, b: { hints: [], hintSlots: 1 }, c: {} });
      let now = 0;
      for (const { act, replica, hint, id, status, incarnation } of steps) {
        now += 1000;
        const its = fleet.its.fleet.replicas.get(replica);
        if (act === "announces") announce(fleet.its, [hint], now);
        else if (act === "arrives" && !fleet.its.fleet.grants.has(id) && !fleet.its.queue.waiting.has(id))
          fleet.arrives(id, [hint], now);
        else if (act === "answers") fleet.answers(id, now, [hint]);
        else if (act === "ends") fleet.ends(id, now);
        else if (act === "lists" && its !== undefined) applyInBandHints(fleet.its.fleet, its, [hint], now);
        else if (act === "waits") now += BELIEVED_MS / 2;
        else if (act === "reports") {
          fleet.hears(replica, { hints: replica === "c" ? null : [hint], hintSlots: 2, status, incarnation }, now);
          const heard = fleet.its.fleet.replicas.get(replica);
          if (heard !== undefined) adviceFor(fleet.its, heard, NEXT_MS, now);
          for (const { grantId, untilMs } of heard?.loading.values() ?? []) expect(grantId !== null || untilMs > now).toBe(true);
        }
        expect(violations(fleet.its.fleet, now)).toEqual([]);
      }
    }),
    { seed: 20, numRuns: 300 },
  );
});

test("an announcement is no demand", () => {
  const fleet = announced(driver({ a: SAID }), "new", "newer");
  fleet.arrives(1, ["old"]);
  expect([...lateDemand(fleet.its.model)]).toEqual([["old", 1]]);
});

test("nothing is advised where nothing was announced, however often a hint is asked for", () => {
  const fleet = driver({ a: SAID, b: SAID }, costPolicy(), OPTIONS);
  for (let id = 1; id <= 100; id++) {
    fleet.arrives(id, ["popular"], id);
    fleet.served(id, id);
  }
  expect([reports(fleet, "a", SAID, 200), reports(fleet, "b", SAID, 200)]).toEqual([null, null]);
});
