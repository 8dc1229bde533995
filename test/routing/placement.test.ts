// Where a hint is loaded when nobody free is warm for it: room first, then the replica that loses least, then hash order. What it
// would lose, and what is learned of how replicas evict, is in eviction.test.ts.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countArrival, demandShare, learnAnswer, learnService, loadMs } from "../../src/routing/model/estimates.ts";
import type { Fleet } from "../../src/routing/ledger/fleet.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { leastRegretMs, placeHint, Regrets, worthMs } from "../../src/routing/policy/placement.ts";
import { hashName, ownerOf } from "../../src/routing/rendezvous.ts";
import { releaseSlot, takeSlot } from "../../src/routing/ledger/slots.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { asked, COLD_MS, fleetWith, known, load, occupy, type Said, foundFull } from "./support/fleets.ts";
import { seeded } from "./support/seeded.ts";

const anywhere = () => true;
const placed = (fleet: Fleet, hint: string, usable: Parameters<typeof placeHint>[2] = anywhere) =>
  placeHint(fleet, hint, usable, new Regrets(fleet))?.replica.id ?? "nowhere";
const ownerIn = (fleet: Fleet, hint: string) => ownerOf(hashName(hint), fleet.replicas.values())?.id;
/** Hints that nobody holds or has asked for; each has a hash order of its own. */
const COLD = Array.from({ length: 16 }, (_, index) => `cold-${index}`);

describe("room comes first", () => {
  const ROOMS: readonly Said[] = [{ hints: ["x"], hintSlots: 2 }, { hints: ["x"] }, { hints: ["x"], hintSlots: 1 }];

  test("a free hint slot, then unknown room, then what must evict, whatever the hash order", () => {
    for (const hint of COLD) {
      const fleet = fleetWith({ free: ROOMS[0] ?? {}, unknown: ROOMS[1] ?? {}, full: ROOMS[2] ?? {} });
      for (const id of ["free", "unknown", "full"]) {
        expect(placed(fleet, hint)).toBe(id);
        occupy(fleet, id, 1);
      }
      expect(placed(fleet, hint)).toBe("nowhere");
    }
  });

  test("also where what would be evicted is worth nothing", () => {
    const fleet = fleetWith({ free: { hints: ["wanted"], hintSlots: 2 }, full: { hints: ["useless"], hintSlots: 1 } });
    asked(fleet, { wanted: 50 });
    for (const hint of COLD) expect(placed(fleet, hint)).toBe("free");
  });

  test("replicas that may not be used are passed over", () => {
    const fleet = fleetWith({ free: ROOMS[0] ?? {}, full: ROOMS[2] ?? {} });
    expect(placed(fleet, "cold", ({ id }) => id !== "free")).toBe("full");
    expect(placed(fleet, "cold", () => false)).toBe("nowhere");
  });
});

describe("where something must be evicted", () => {
  const full = (...hints: string[]): Said => ({ hints, hintSlots: hints.length });

  test("the hint asked for least is given up, whatever the hash order", () => {
    const fleet = fleetWith({ a: full("often"), b: full("seldom") });
    asked(fleet, { often: 200, seldom: 1 });
    for (const hint of COLD) expect(placed(fleet, hint)).toBe("b");
  });

  test("of two hints in equal demand the one with more copies is given up: copies share the demand", () => {
    const fleet = fleetWith({ a: full("alone"), b: full("common"), c: full("common"), d: full("common"), e: full("common") });
    asked(fleet, { alone: 20, common: 20, rest: 60 });
    for (const hint of COLD) expect(placed(fleet, hint)).not.toBe("a");
  });

  test("what is worth the same goes by hash order, so that all who decide agree", () => {
    const fleet = fleetWith({ a: full("u"), b: full("v"), c: full("w"), d: full("x") });
    const owners = COLD.map((hint) => ownerIn(fleet, hint));
    expect(COLD.map((hint) => placed(fleet, hint))).toEqual(owners);
    expect(new Set(owners).size).toBeGreaterThan(1);
  });

  test("a difference that is next to nothing does not scatter a hint over the fleet", () => {
    const fleet = fleetWith({ a: full("u"), b: full("v") });
    asked(fleet, { u: 1, v: 1 });
    expect(worthMs(fleet, "u")).not.toBe(worthMs(fleet, "v"));
    for (const hint of COLD) expect(placed(fleet, hint)).toBe(ownerIn(fleet, hint));
  });

  test("a replica whose every hint is in use comes last: its load must wait for a request to end", () => {
    const fleet = fleetWith({ a: { ...full("x"), concurrency: 2 }, b: { ...full("y"), concurrency: 2 } });
    asked(fleet, { y: 20, rest: 60 });
    learnService(fleet.estimates, "x", 1000, null);
    const running = takeSlot(fleet, 1, { replica: known(fleet, "a"), hint: "x", warm: true }, 0);
    for (const hint of COLD) expect(placed(fleet, hint)).toBe("b");
    releaseSlot(fleet, running);
    for (const hint of COLD) expect(placed(fleet, hint)).toBe("a");
  });
});

describe("what else a replica holds or loads", () => {
  test("keeps a hint off it where the load would take its last slot", () => {
    const fleet = fleetWith({ a: { hints: ["often"], hintSlots: 2 }, b: { hints: [], hintSlots: 2 } });
    asked(fleet, { often: 200 });
    foundFull(fleet, 0.5);
    for (const hint of COLD) expect(placed(fleet, hint)).toBe("b");
  });

  test("does not where nobody comes meanwhile: requests find no replica full", () => {
    const fleet = fleetWith({ a: { hints: ["often"], hintSlots: 2 }, b: { hints: [], hintSlots: 2 } });
    asked(fleet, { often: 200 });
    foundFull(fleet, 0);
    for (const hint of COLD) expect(placed(fleet, hint)).toBe(ownerIn(fleet, hint));
  });

  test("does not where it has more slots: then hash order decides", () => {
    const said: Said = { hintSlots: 2, concurrency: 2 };
    const fleet = fleetWith({ a: { ...said, hints: ["often"] }, b: { ...said, hints: [] } });
    asked(fleet, { often: 200 });
    foundFull(fleet, 0.5);
    for (const hint of COLD) expect(placed(fleet, hint)).toBe(ownerIn(fleet, hint));
    occupy(fleet, "a", 1);
    for (const hint of COLD) expect(placed(fleet, hint)).toBe("b");
  });

  test("does not while it loads, so that a burst of many hints is spread by hash", () => {
    const fleet = fleetWith({ a: { concurrency: 64 }, b: { concurrency: 64 }, c: { concurrency: 64 } });
    for (const hint of COLD) {
      countArrival(fleet.estimates, hint);
      const owner = ownerIn(fleet, hint);
      expect(placed(fleet, hint)).toBe(owner);
      load(fleet, owner ?? "", hint);
    }
  });
});

describe("the worth of a copy", () => {
  /** `need`: the part of the requests for the hint that need this copy. */
  test.each([
    { copies: 1, full: 0, need: 1 },
    { copies: 1, full: 0.5, need: 1 },
    { copies: 1, full: 1, need: 1 },
    // Another replica is always free.
    { copies: 2, full: 0, need: 0 },
    // The other's is full and this one is not, 1/4; or both are, 1/4, and this one is free first.
    { copies: 2, full: 0.5, need: 1 / 4 + 1 / 4 / 2 },
    { copies: 3, full: 0.5, need: 1 / 8 + 1 / 8 / 3 },
    // All wait, and each copy is as likely to be free first.
    { copies: 2, full: 1, need: 1 / 2 },
    { copies: 5, full: 1, need: 1 / 5 },
  ])(
    "is its load, by the chance that it is needed within the horizon: $copies of which are full at odds of $full",
    ({ copies, full, need }) => {
      const replicas = Array.from({ length: 5 }, (_, index) => [`r${index}`, { hints: index < copies ? ["x"] : [] }] as const);
      const fleet = fleetWith(Object.fromEntries(replicas));
      asked(fleet, { x: 1, other: 30 });
      foundFull(fleet, full);
      const requests = TUNING.horizon * 5 * demandShare(fleet.estimates, "x");
      expect(worthMs(fleet, "x")).toBeCloseTo(COLD_MS * (1 - Math.exp(-requests * need)), 6);
    },
  );

  test("a spare copy of a hint asked for often is worth less than the only one of a rarer hint, where requests find few replicas full", () => {
    const fleet = fleetWith({ a: { hints: ["often", "rare"] }, b: { hints: ["often"] } });
    asked(fleet, { often: 100, rare: 50 });
    foundFull(fleet, 0.1);
    expect(worthMs(fleet, "often")).toBeLessThan(worthMs(fleet, "rare"));
    foundFull(fleet, 1);
    expect(worthMs(fleet, "often")).toBeGreaterThan(worthMs(fleet, "rare"));
  });

  test("is nothing where nobody asks, never more than the load, and grows with demand", () => {
    const fleet = fleetWith({ a: { hints: ["x"] } });
    expect(worthMs(fleet, "x")).toBe(0);
    const worths = Array.from({ length: 100 }, () => {
      countArrival(fleet.estimates, "x");
      return worthMs(fleet, "x");
    });
    expect(worths).toEqual(worths.toSorted((a, b) => a - b));
    expect(worths.at(-1)).toBeLessThanOrEqual(loadMs(fleet.estimates, "x"));
  });
});

describe("whatever the fleet", () => {
  const HINTS = ["u", "v", "w", "x", "y"];
  const said = fc.record({
    concurrency: fc.integer({ min: 1, max: 2 }),
    hints: fc.option(fc.subarray(HINTS, { maxLength: 3 })),
    hintSlots: fc.option(fc.integer({ min: 1, max: 3 })),
  });
  const fleets = fc.tuple(
    fc.array(said, { minLength: 1, maxLength: 12 }),
    fc.array(fc.constantFrom(...HINTS), { maxLength: 40 }),
  );
  const built = ([replicas, demand]: [Said[], string[]]) => {
    const fleet = fleetWith(Object.fromEntries(replicas.map((said, index) => [`r${index}`, said])));
    for (const hint of demand) countArrival(fleet.estimates, hint);
    learnAnswer(fleet.estimates, "x", 1);
    return fleet;
  };

  test("the least regret of few is not more than where a hint is placed costs, known before or not", () => {
    fc.assert(
      fc.property(fleets, ([replicas, demand]) => {
        const fleet = built([replicas.slice(0, LIMITS.placementsWeighed), demand]);
        const regrets = new Regrets(fleet);
        const leastMs = leastRegretMs(fleet, anywhere, regrets);
        const placement = placeHint(fleet, "new", anywhere, regrets);
        expect(leastMs).toBeLessThanOrEqual(placement?.regretMs ?? 0);
        expect(placement).toEqual(placeHint(fleet, "new", anywhere, new Regrets(fleet)));
      }),
      seeded(200),
    );
  });

  test("it is infinite where no free replica may be used", () => {
    const [nobody, one] = [fleetWith({}), fleetWith({ a: {} })];
    expect(leastRegretMs(nobody, anywhere, new Regrets(nobody))).toBe(Infinity);
    expect(leastRegretMs(one, () => false, new Regrets(one))).toBe(Infinity);
  });
});
