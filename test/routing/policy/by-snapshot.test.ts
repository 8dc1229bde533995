// The choice of an edge that can't reach the object: by hash alone, over its last snapshot.
import { describe, expect, test } from "vitest";
import { decideBySnapshot } from "../../../src/routing/policy/by-snapshot.ts";
import { hashName, ranked } from "../../../src/routing/rendezvous.ts";

describe("the choice by snapshot", () => {
  const replicas = ["a", "b", "c", "d"].map((id) => ({ id, weight: 2, hash: hashName(id) }));
  const order = ranked(hashName("sdxl"), replicas).map((replica) => replica.id);
  const idle = { hasFailed: () => false, hasRoom: () => true };

  /** The place in hash order of the one that is chosen while those at these places have failed, or are full. */
  function placeOf({ failed = [], full = [] }: { failed?: readonly number[]; full?: readonly number[] }): number | null {
    const among = (places: readonly number[]) => (replica: { id: string }) => places.includes(order.indexOf(replica.id));
    const found = decideBySnapshot(replicas, "sdxl", { hasFailed: among(failed), hasRoom: (its) => !among(full)(its) });
    return found === null ? null : order.indexOf(found.id);
  }

  test.each<[string, Parameters<typeof placeOf>[0], number | null]>([
    ["the first in hash order", {}, 0],
    ["the next where that is full", { full: [0] }, 1],
    ["the last where only that has room", { full: [0, 1, 2] }, 3],
    ["nobody where all are full", { full: [0, 1, 2, 3] }, null],
    ["the first that has not failed", { failed: [0, 1] }, 2],
    ["nobody where those that have not failed are full", { failed: [0, 1], full: [2, 3] }, null],
    ["the first where all have failed", { failed: [0, 1, 2, 3] }, 0],
    ["the first with room where all have failed", { failed: [0, 1, 2, 3], full: [0] }, 1],
  ])("is %s", (_, known, expected) => {
    expect(placeOf(known)).toBe(expected);
  });

  test("is nobody where there is none", () => {
    expect(decideBySnapshot([], "sdxl", idle)).toBeNull();
  });

  test("spreads requests without a hint, which bring a key of their own, over all", () => {
    const chosen = new Set(Array.from({ length: 64 }, (_, index) => decideBySnapshot(replicas, `request-${index}`, idle)?.id));
    expect(chosen.size).toBe(4);
  });
});
