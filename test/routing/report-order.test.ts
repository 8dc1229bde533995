// Heartbeats of different replicas may reach the object in any order: what is decided afterwards is the same. And a restart of the
// object, once requests and replicas have reported themselves, leaves the slots as they were.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Fleet } from "../../src/routing/ledger/fleet.ts";
import { restoreReplica, storedForm } from "../../src/routing/ledger/membership.ts";
import { adoptSlot, releaseSlot, takeSlot } from "../../src/routing/ledger/slots.ts";
import { fleetWith, hears, loads, TTL_MS, wants, type Said, decide, decideIgnoringLoad } from "./support/fleets.ts";
import { violations } from "./support/invariants.ts";
import { seeded } from "./support/seeded.ts";

const HINTS = ["v", "w", "x", "y", "z"];
const said = fc.record({
  status: fc.constantFrom("ready" as const, "ready" as const, "ready" as const, "starting" as const, "draining" as const),
  concurrency: fc.integer({ min: 1, max: 3 }),
  hints: fc.option(fc.subarray(HINTS)),
  hintSlots: fc.option(fc.nat({ max: 3 })),
});
const reports = fc.uniqueArray(fc.tuple(fc.constantFrom("a", "b", "c", "d", "e", "f", "g", "h"), said), {
  minLength: 1,
  selector: ([id]) => id,
});
const inTwoOrders = reports.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
/** What is done between: a request with some of the hints or none, or the end of an earlier one. */
const deeds = fc.array(fc.oneof(fc.shuffledSubarray(HINTS, { maxLength: 3 }), fc.nat({ max: 9 })), {
  maxLength: 20,
});

function fleetOf(list: readonly (readonly [string, Said])[]): Fleet {
  const fleet = new Fleet();
  for (const [id, its] of list) hears(fleet, id, its);
  return fleet;
}

/** Every choice on the way, each taken; an end releases the grant of that number. */
function play(fleet: Fleet, deeds: readonly (number | readonly string[])[]): string[] {
  return deeds.map((deed, index) => {
    if (typeof deed === "number") {
      const grant = fleet.grants.get(deed);
      if (grant !== undefined) releaseSlot(fleet, grant);
      return `ends ${grant?.replica.id}`;
    }
    const choice = decide(fleet, wants(deed), 0);
    if (choice === null) return "nobody";
    takeSlot(fleet, index, choice, 0);
    return `${choice.replica.id} ${choice.reason} ${choice.hint} ${choice.warm}`;
  });
}

describe("in whatever order replicas report", () => {
  test("requests go the same way, also while slots are taken and given back", () => {
    fc.assert(
      fc.property(inTwoOrders, deeds, ([one, other], deeds) => {
        expect(play(fleetOf(other), deeds)).toEqual(play(fleetOf(one), deeds));
      }),
      seeded(400),
    );
  });

  test("a request that takes no slot goes the same way", () => {
    fc.assert(
      fc.property(inTwoOrders, fc.shuffledSubarray(HINTS), ([one, other], hints) => {
        const chosen = (list: typeof one) => decideIgnoringLoad(fleetOf(list), wants(hints), 0)?.replica.id;
        expect(chosen(other)).toBe(chosen(one));
      }),
      seeded(200),
    );
  });

  test("a request without a hint goes to the first by name among equals", () => {
    const chosen = (ids: readonly string[]) =>
      decide(fleetWith(Object.fromEntries(ids.map((id) => [id, {}]))), wants([]), 0)?.replica.id;
    expect([chosen(["b", "a"]), chosen(["a", "b"])]).toEqual(["a", "a"]);
  });
});

describe("over a restart of the object", () => {
  test("once all requests and replicas have reported, in whatever order, the slots are as they were", () => {
    fc.assert(
      fc.property(reports, deeds, fc.array(fc.boolean(), { minLength: 30, maxLength: 30 }), (list, deeds, first) => {
        const before = fleetOf(list);
        play(before, deeds);
        const after = new Fleet();
        for (const replica of before.replicas.values()) restoreReplica(after, storedForm(replica), TTL_MS);
        const reporting = [...before.replicas.values()].map(({ id, incarnation }) => () => {
          const its = list.find(([name]) => name === id)?.[1] ?? {};
          hears(after, id, { ...its, incarnation, inFlight: loads(before)[id] ?? 0 }, 1000);
        });
        const adopting = [...before.grants.values()].map(({ id, hint, grantedAtMs, replica }) => () => {
          const adoption = {
            replica: replica.id,
            incarnation: replica.incarnation,
            hint,
            startedAtMs: grantedAtMs,
            answered: false,
          };
          expect(adoptSlot(after, 1000 + id, adoption, 0)).not.toBeNull();
        });
        const events = [...reporting, ...adopting];
        // A deterministic shuffle: each event is put at the front or at the end.
        const order: (() => void)[] = [];
        for (const [index, event] of events.entries()) {
          if (first[index] === true) order.unshift(event);
          else order.push(event);
        }
        for (const happens of order) {
          happens();
          expect(violations(after, 1000)).toEqual([]);
        }
        expect(loads(after)).toEqual(loads(before));
        for (const grant of after.grants.values()) releaseSlot(after, grant);
        expect(Object.values(loads(after)).every((load) => load === 0)).toBe(true);
      }),
      seeded(300),
    );
  });
});
