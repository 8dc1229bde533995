// What an operator relies on of the default policy, in fleets where it is beyond doubt: other constants of the policy change none of this.
import { describe, expect, test } from "vitest";
import { setDrained } from "../../../src/routing/ledger/membership.ts";
import { LIMITS } from "../../../src/routing/limits.ts";
import { costPolicy } from "../../../src/routing/policy/cost.ts";
import { expire } from "../../../src/routing/registry.ts";
import { nextEventMs } from "../../../src/routing/scheduler.ts";
import { driver, type Driver } from "../support/driver.ts";
import { asked, COLD_MS, known, TTL_MS, unreachable, type Said } from "../support/fleets.ts";

/** Far less than a load, and far more. */
const SHORT_MS = COLD_MS / 100;
const LONG_MS = COLD_MS * 100;
const WARM: Said = { hints: ["x"], hintSlots: 1 };
const COLD: Said = { hints: [], hintSlots: 1 };
const HIGH = { priority: "high" } as const;
const LOW = { priority: "low" } as const;

const sentTo = (replica: string) => expect.stringMatching(new RegExp(`^${replica} `));
const loadedOn = (replica: string) => expect.stringMatching(new RegExp(`^${replica} hash_`));

/** `a` is warm for x and serves request 1 since time 0, `b` is free and cold. */
function oneBusy(servesMs = SHORT_MS, policy = costPolicy()): Driver {
  const fleet = driver({ a: WARM, b: COLD }, policy);
  fleet.teaches("x", servesMs, 10);
  fleet.arrives(1, ["x"]);
  return fleet;
}

/** What becomes of the first who wait, looked at when the scheduler asks for that. */
function looks(fleet: Driver, untilMs: number): { readonly outcomes: object; readonly atMs: number } {
  for (let now = nextEventMs(fleet.its); now <= untilMs; now = nextEventMs(fleet.its)) {
    for (const id of ["a", "b"]) fleet.hears(id, saidBy(fleet, id), now);
    expire(fleet.its, TTL_MS, now);
    const outcomes = fleet.dispatches(now);
    if (Object.keys(outcomes).length > 0) return { outcomes, atMs: now };
  }
  return { outcomes: {}, atMs: Infinity };
}

/** What the replica said last, so that it lives on. */
function saidBy(fleet: Driver, id: string): Said {
  const replica = fleet.its.fleet.replicas.get(id);
  if (replica === undefined) return { status: "stopped" };
  const { status, concurrency, hintSlots, advertised, incarnation } = replica;
  return { status, concurrency, hintSlots, incarnation, hints: advertised && [...advertised.keys()] };
}

describe("a warm replica", () => {
  test("that is free is taken, whichever it is", () => {
    for (const holder of ["a", "b", "c"]) {
      const fleet = driver({ a: COLD, b: COLD, c: COLD, [holder]: WARM });
      expect(fleet.arrives(1, ["x"])).toBe(`${holder} hint_match`);
    }
  });

  test("is waited for, beside a free one, where that is sooner than a load", () => {
    const fleet = oneBusy();
    expect(fleet.arrives(2, ["x"], 10)).toBe("waiting");
    expect(fleet.dispatches(10)).toEqual({});
    fleet.served(1, SHORT_MS);
    expect(fleet.dispatches(SHORT_MS)).toEqual({ 2: "a hint_wait" });
    expect(fleet.its.counters.cold).toBe(0);
  });

  test("is waited for also by one that waited for any slot", () => {
    const fleet = oneBusy();
    fleet.arrives(2, []);
    expect(fleet.arrives(3, ["x"], 1)).toBe("waiting");
    fleet.served(2, 10);
    expect(fleet.dispatches(10)).toEqual({});
  });

  test("is not waited for where a load is sooner, or with AFFINITY_WAIT=never", () => {
    expect(oneBusy(LONG_MS).arrives(2, ["x"], 10)).toEqual(loadedOn("b"));
    expect(oneBusy(SHORT_MS, costPolicy("never")).arrives(2, ["x"], 10)).toEqual(loadedOn("b"));
  });

  test.each<[string, (fleet: Driver) => unknown]>([
    ["does not hold the hint any more", (fleet) => fleet.hears("a", { hints: ["y"], hintSlots: 1 })],
    ["drains", (fleet) => fleet.hears("a", { ...WARM, status: "draining" })],
    ["is drained by an administrator", (fleet) => setDrained(fleet.its.fleet, known(fleet.its.fleet, "a"), true)],
    ["stops", (fleet) => fleet.hears("a", { ...WARM, status: "stopped" })],
    ["restarts and holds nothing", (fleet) => fleet.hears("a", { ...COLD, incarnation: 2 })],
    ["could not be reached", (fleet) => unreachable(fleet.its, 1, 0)],
  ])("is not waited for where it %s, and no longer than a second by those who do", (_, happens) => {
    const comes = oneBusy();
    happens(comes);
    expect(comes.arrives(2, ["x"], 10)).toEqual(expect.stringMatching(/ hash_/));
    const waits = oneBusy();
    waits.arrives(2, ["x"]);
    happens(waits);
    const { outcomes, atMs } = looks(waits, LIMITS.lookAgainMs);
    expect([outcomes, atMs <= LIMITS.lookAgainMs]).toEqual([{ 2: expect.stringMatching(/ hash_/) }, true]);
  });

  test("is no longer waited for where what runs there takes far longer than it should", () => {
    const fleet = oneBusy();
    fleet.arrives(2, ["x"], 10, { deadlineMs: Infinity });
    expect(looks(fleet, LONG_MS).outcomes).toEqual({ 2: loadedOn("b") });
  });

  test.each([1000, 4000, 20_000])(
    "is no longer waited for in time before a deadline of %d ms, also behind one that has time",
    (ms) => {
      const fleet = oneBusy(COLD_MS / 4);
      fleet.arrives(2, ["x"], 0, { deadlineMs: Infinity });
      expect(fleet.arrives(3, ["x"], 0, { deadlineMs: ms })).toBe("waiting");
      for (let at = 0; at < ms && fleet.waiting().includes(3);) ({ atMs: at } = looks(fleet, ms));
      expect(fleet.waiting()).not.toContain(3);
      expect(fleet.its.counters.refused.timed_out).toBe(0);
    },
  );
});

describe("a slot that is kept for a warm request", () => {
  test.each([[[]], [["unknown"]]])("is there for others: for %j", (hints) => {
    const fleet = oneBusy();
    fleet.arrives(2, ["x"], 10);
    expect(fleet.arrives(3, hints, 11)).toEqual(sentTo("b"));
  });

  test("is looked at again within a second, and not once it is taken", () => {
    const fleet = oneBusy();
    fleet.arrives(2, ["x"], 10);
    expect(nextEventMs(fleet.its)).toBeLessThanOrEqual(10 + LIMITS.lookAgainMs);
    fleet.arrives(3, [], 20);
    fleet.dispatches(20);
    expect(fleet.its.lookAgainMs).toBe(Infinity);
  });
});

describe("a hint that many wait for", () => {
  test("gets another copy, and not everybody loads one", () => {
    const fleet = driver({ a: WARM, b: COLD, c: COLD, d: COLD, e: COLD });
    fleet.teaches("x", COLD_MS / 2);
    fleet.arrives(1, ["x"]);
    const outcomes = Array.from({ length: 50 }, (_, index) => fleet.arrives(2 + index, ["x"], 10));
    expect(outcomes[0]).toBe("waiting");
    expect(outcomes).toContainEqual(expect.stringMatching(/ hash_/));
  });

  test("is loaded once by a burst, where one replica has slots for it", () => {
    const fleet = driver({ a: { concurrency: 32 }, b: { concurrency: 32 } });
    for (let id = 0; id < 20; id++) fleet.arrives(id, ["x"]);
    expect(fleet.its.counters.cold).toBe(1);
  });
});

describe("a hint is loaded", () => {
  const NAMES = ["q", "r", "s", "t", "u"];

  test.each<[string, Record<string, Said>, string]>([
    ["where there is a free hint slot", { a: { hints: ["w"], hintSlots: 1 }, b: { hints: ["w"], hintSlots: 2 } }, "b"],
    [
      "where what is evicted is hardly asked for",
      { a: { hints: ["w"], hintSlots: 1 }, b: { hints: ["rare"], hintSlots: 1 } },
      "b",
    ],
    [
      "where a spare copy is evicted before an only one",
      {
        a: { hints: ["only"], hintSlots: 1 },
        b: { hints: ["spare"], hintSlots: 1 },
        c: { hints: ["spare"], hintSlots: 1, status: "ready" },
      },
      "[bc]",
    ],
  ])("%s, whatever the hash order", (_, replicas, where) => {
    for (const hint of NAMES) {
      const fleet = driver(replicas);
      asked(fleet.its, { w: 1000, rare: 1, only: 500, spare: 500 });
      expect(fleet.arrives(1, [hint])).toEqual(loadedOn(where));
    }
  });

  test("where nothing that is in use must go", () => {
    for (const hint of NAMES) {
      const said: Said = { hints: ["w"], hintSlots: 1, concurrency: 2 };
      const fleet = driver({ a: said, b: { ...said, hints: ["v"] } });
      asked(fleet.its, { v: 1, w: 1000 });
      expect(fleet.arrives(1, ["w"])).toBe("a hint_match");
      expect(fleet.arrives(2, [hint])).toEqual(loadedOn("b"));
    }
  });

  test("on the same replica each time, where all are alike: nobody scatters hints over the fleet", () => {
    const where = NAMES.map((hint) => driver({ a: {}, b: {}, c: {}, d: {} }).arrives(1, [hint]));
    expect(where).toEqual(NAMES.map(() => expect.stringContaining("hash_owner")));
    expect(new Set(where).size).toBeGreaterThan(1);
  });
});

/** One replica with one slot, which holds x and y and serves request 1. */
function oneSlot(): Driver {
  const fleet = driver({ a: { hints: ["x", "y"], hintSlots: 2 } });
  fleet.teaches("x", SHORT_MS, 30);
  fleet.teaches("y", 5 * COLD_MS, 30);
  fleet.arrives(1, ["x"]);
  return fleet;
}

/** Who is served from then on, one after another, each for so long; `comes` is asked for more before each. */
function order(fleet: Driver, now: number, eachMs = 0, comes: (now: number) => void = () => {}): number[] {
  const served: number[] = [];
  for (let running = 1; fleet.waiting().length > 0 && served.length < 5000; running = served.at(-1) ?? 0) {
    comes(now);
    fleet.hears("a", { hints: ["x", "y"], hintSlots: 2 }, now);
    fleet.served(running, now);
    const sent = Object.keys(fleet.dispatches(now)).map(Number);
    if (sent.length !== 1) break;
    served.push(...sent);
    now += eachMs;
  }
  return served;
}

describe("a slot that frees", () => {
  test("goes to the oldest of those that want the same", () => {
    const fleet = oneSlot();
    for (const [id, at] of [
      [2, 30],
      [3, 10],
      [4, 20],
    ] as const)
      fleet.arrives(id, ["x"], 40, { arrivedAtMs: at });
    expect(order(fleet, 50)).toEqual([3, 4, 2]);
  });

  test("goes to a short request before a long one, and to a warm one before one that must load", () => {
    const fleet = oneSlot();
    fleet.arrives(2, ["cold"], 10);
    fleet.arrives(3, ["y"], 20);
    fleet.arrives(4, ["x"], 30);
    expect(order(fleet, 40)[0]).toBe(4);
  });

  test("goes to a request before its deadline, however many short ones always come", () => {
    const fleet = oneSlot();
    let id = 100;
    fleet.arrives(2, ["cold"], 0, { deadlineMs: 20_000 });
    const served = order(fleet, 10, SHORT_MS, (now) => {
      if (!fleet.waiting().includes(2)) return;
      for (let missing = 5 - fleet.waiting().length; missing > 0; missing--)
        fleet.arrives(id++, ["x"], now, { deadlineMs: now + 20_000 });
    });
    expect(served).toContain(2);
  });
});

describe("priority", () => {
  test("high is before all others, and low behind, whatever they want", () => {
    const fleet = oneSlot();
    fleet.arrives(2, ["x"], 10, LOW);
    fleet.arrives(3, ["x"], 20);
    fleet.arrives(4, ["cold"], 30);
    fleet.arrives(5, ["cold"], 40, HIGH);
    fleet.arrives(6, ["x"], 50, HIGH);
    fleet.arrives(7, ["x"], 60, LOW);
    const served = order(fleet, 100);
    expect(new Set(served.slice(0, 2))).toEqual(new Set([5, 6]));
    expect(new Set(served.slice(2, 4))).toEqual(new Set([3, 4]));
    expect(served.slice(4)).toEqual([2, 7]);
  });

  test.each([
    ["a normal one among high ones", { deadlineMs: Infinity }, HIGH],
    ["a low one among normal ones", { ...LOW, deadlineMs: 60_000 }, {}],
  ])("%s does not starve", (_, its, others) => {
    const fleet = oneSlot();
    let id = 100;
    fleet.arrives(2, ["x"], 0, its);
    const served = order(fleet, 10, SHORT_MS, (now) => {
      if (!fleet.waiting().includes(2)) return;
      for (let missing = 5 - fleet.waiting().length; missing > 0; missing--)
        fleet.arrives(id++, ["x"], now, { ...others, deadlineMs: now + 60_000 });
    });
    expect(served).toContain(2);
  });

  test("makes no difference where nobody else waits", () => {
    for (const priority of [LOW, HIGH, {}]) expect(driver({ a: {} }).arrives(1, ["x"], 0, priority)).toBe("a hash_owner");
  });
});
