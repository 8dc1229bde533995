// Those that wait are ordered by what is known of their hints when a slot frees, not by what was known when they came.
import { describe, expect, test } from "vitest";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { driver } from "./support/driver.ts";

test("others of their hint were served meanwhile, and took longer than was thought", () => {
  const fleet = driver({ a: { hints: ["x", "y"], concurrency: 2 } });
  for (const hint of ["x", "y"]) fleet.teaches(hint, 10_000);
  for (const id of [1, 2]) fleet.arrives(id, ["x"]);
  fleet.arrives(3, ["x"], 1000);
  fleet.arrives(4, ["y"], 1001);
  fleet.answers(1, 90_000);
  fleet.ends(1, 90_000);
  // It took 90 s, so now y is the shorter one.
  expect(Object.keys(fleet.settles(90_000))).toEqual(["4"]);
});

test("so were others without a hint", () => {
  const fleet = driver({ a: { hints: ["y"], concurrency: 2 } });
  for (const hint of ["", "y"]) fleet.teaches(hint, 10_000);
  for (const id of [1, 2]) fleet.arrives(id, []);
  fleet.arrives(3, [], 1000);
  fleet.arrives(4, ["y"], 1001);
  fleet.answers(1, 90_000);
  fleet.ends(1, 90_000);
  expect(Object.keys(fleet.settles(90_000))).toEqual(["4"]);
});

describe("of requests whose claims are believed, and which share a lane where those are about the same", () => {
  /** A fleet whose one slot is taken, where what clients say has come true; x and y are as long. */
  function believing() {
    const fleet = driver({ a: { hints: ["x", "y"] } });
    for (let id = 1; id <= 20 * TUNING.claimPrior; id++) {
      const heldMs = id % 2 === 0 ? 4000 : 30_000;
      fleet.arrives(id, [id % 4 < 2 ? "x" : "y"], 0, { declaredMs: heldMs });
      fleet.answers(id, heldMs);
      fleet.ends(id, heldMs);
    }
    // Without a hint, so that its end says nothing of theirs.
    fleet.arrives(9000, []);
    return fleet;
  }

  /** Who goes when that one is over. */
  function after(fleet: ReturnType<typeof driver>, over: number): string | undefined {
    fleet.ends(over, 100);
    return Object.keys(fleet.settles(100))[0];
  }

  test("the first leaves, and the one behind it is longer", () => {
    const fleet = believing();
    fleet.arrives(9001, ["x"], 0, { declaredMs: 9000 });
    fleet.arrives(9002, ["x"], 1, { declaredMs: 16_000 });
    fleet.arrives(9003, ["y"], 2, { declaredMs: 12_000 });
    fleet.ends(9001, 3);
    expect(after(fleet, 9000)).toBe("9003");
  });

  test("one that came earlier asks again, and is shorter than the first, which was looked at", () => {
    const fleet = believing();
    fleet.arrives(9001, ["x"], 10, { declaredMs: 16_000 });
    fleet.arrives(9003, ["y"], 11, { declaredMs: 12_000 });
    fleet.arrives(9004, ["y"], 11, { declaredMs: 4000 });
    expect(after(fleet, 9000)).toBe("9004");
    fleet.arrives(9002, ["x"], 100, { declaredMs: 9000, arrivedAtMs: 5 });
    expect(after(fleet, 9004)).toBe("9002");
  });
});
