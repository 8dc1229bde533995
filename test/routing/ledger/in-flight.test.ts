// What a replica says it is serving, against the slots held on it: nothing but information, except when two reports running miss
// the same slots, and after a restart of the object (adoption.test.ts).
import { describe, expect, test } from "vitest";
import type { HeartbeatOutcome } from "../../../src/routing/ledger/membership.ts";
import { loadOf } from "../../../src/routing/ledger/replica.ts";
import { releaseSlot } from "../../../src/routing/ledger/slots.ts";
import { fleetWith, hears, known, occupy } from "../support/fleets.ts";

const reclaimed = (outcome: HeartbeatOutcome) => (outcome.kind === "accepted" ? outcome.reclaimed : outcome.kind);

describe("two reports running with fewer requests than slots held", () => {
  /** Slots taken at times (ids 1, 2, …), then reports of `in_flight` at times; which slots are left. */
  function after(taken: readonly number[], reports: readonly (readonly [number, number | null])[]) {
    const fleet = fleetWith({ a: { concurrency: 8 } });
    const upcoming = [...taken];
    const freed: (number | string)[] = [];
    for (const [atMs, inFlight] of reports) {
      while ((upcoming[0] ?? Infinity) <= atMs) occupy(fleet, "a", 1, upcoming.shift() ?? 0);
      freed.push(reclaimed(hears(fleet, "a", { concurrency: 8, inFlight }, atMs)));
    }
    return { freed, left: [...fleet.grants.keys()], load: loadOf(known(fleet, "a")) };
  }

  test.each<[string, number[], [number, number | null][], number[], number[]]>([
    [
      "as many as held: nothing",
      [0, 0],
      [
        [10, 2],
        [20, 2],
      ],
      [0, 0],
      [1, 2],
    ],
    [
      "more than held: nothing, they may be somebody else's",
      [0, 0],
      [
        [10, 5],
        [20, 5],
      ],
      [0, 0],
      [1, 2],
    ],
    ["one report may have crossed with a grant", [0, 0], [[10, 0]], [0], [1, 2]],
    [
      "not said: nothing",
      [0, 0],
      [
        [10, null],
        [20, null],
      ],
      [0, 0],
      [1, 2],
    ],
    [
      "two say 1 of 2: the oldest goes",
      [0, 5],
      [
        [10, 1],
        [20, 1],
      ],
      [0, 1],
      [2],
    ],
    [
      "two say 0 of 3: all go",
      [0, 1, 2],
      [
        [10, 0],
        [20, 0],
      ],
      [0, 3],
      [],
    ],
    [
      "missing 2, then 1: what both miss is 1",
      [0, 1, 2],
      [
        [10, 1],
        [20, 2],
      ],
      [0, 1],
      [2, 3],
    ],
    [
      "missing 1, then 3: what both miss is 1",
      [0, 1, 2],
      [
        [10, 2],
        [20, 0],
      ],
      [0, 1],
      [2, 3],
    ],
    [
      "and the third report finishes it: missing 3 then 2 then 2",
      [0, 1, 2],
      [
        [10, 2],
        [20, 0],
        [30, 0],
      ],
      [0, 1, 2],
      [],
    ],
    [
      "a full count between them starts anew",
      [0, 0],
      [
        [10, 1],
        [20, 2],
        [30, 1],
      ],
      [0, 0, 0],
      [1, 2],
    ],
    [
      "a report that does not say between them starts anew",
      [0, 0],
      [
        [10, 1],
        [20, null],
        [30, 1],
      ],
      [0, 0, 0],
      [1, 2],
    ],
    [
      "slots taken after the first report are not touched",
      [15, 16],
      [
        [10, 0],
        [20, 0],
      ],
      [0, 0],
      [1, 2],
    ],
    [
      "one older, one younger than the first report, both missing",
      [0, 15],
      [
        [10, 0],
        [20, 0],
      ],
      [0, 1],
      [2],
    ],
    [
      "a slot taken in the first report's own millisecond may have crossed with it",
      [10],
      [
        [10, 0],
        [20, 0],
      ],
      [0, 0],
      [1],
    ],
    [
      "and is old enough for the report after",
      [10],
      [
        [10, 0],
        [20, 0],
        [30, 0],
      ],
      [0, 0, 1],
      [],
    ],
  ])("%s", (_, taken, reports, freed, left) => {
    expect(after(taken, reports)).toEqual({ freed, left, load: left.length });
  });

  test("two reports that each missed another request on its way free nothing", () => {
    const fleet = fleetWith({ a: { concurrency: 8 } });
    occupy(fleet, "a", 1, 9000);
    hears(fleet, "a", { concurrency: 8, inFlight: 0 }, 10_000);
    occupy(fleet, "a", 1, 15_000);
    hears(fleet, "a", { concurrency: 8, inFlight: 1 }, 15_001);
    expect(loadOf(known(fleet, "a"))).toBe(2);
  });

  test("a slot that was freed so is given again, and its late release changes nothing", () => {
    const fleet = fleetWith({ a: {} });
    const [grant] = occupy(fleet, "a", 1);
    hears(fleet, "a", { inFlight: 0 }, 10);
    expect(fleet.free.size).toBe(0);
    hears(fleet, "a", { inFlight: 0 }, 20);
    expect(fleet.free.size).toBe(1);
    occupy(fleet, "a", 1, 30);
    if (grant !== undefined) releaseSlot(fleet, grant);
    expect([loadOf(known(fleet, "a")), fleet.free.size]).toEqual([1, 0]);
  });
});
