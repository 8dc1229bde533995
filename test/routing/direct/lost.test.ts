// Which processes an isolate is told to be gone, so that its requests there wait no longer.
import { describe, expect, test } from "vitest";
import { deleteReplica, sweepOrphaning } from "../../../src/routing/ledger/membership.ts";
import { processKey } from "../../../src/routing/ledger/replica.ts";
import { expire } from "../../../src/routing/registry.ts";
import { hears, known, TTL_MS } from "../support/fleets.ts";
import { report, world } from "../support/isolate.ts";

describe("a process at which requests of the isolate run is lost", () => {
  const lost = (its: ReturnType<typeof world>, sequence: number, now: number) =>
    its.tells(report("two", sequence, [{ unfinished: 1 }]), now).lost;
  const A = [processKey("a", 1)];

  test("once it was silent for its time to live", () => {
    const its = world();
    expect(lost(its, 1, 10)).toEqual([]);
    expire(its.scheduler, TTL_MS, TTL_MS);
    expect(lost(its, 2, TTL_MS)).toEqual(A);
  });

  const follows = (its: ReturnType<typeof world>) => hears(its.fleet, "a", { incarnation: 2 }, 20);
  test.each<[string, (its: ReturnType<typeof world>) => unknown]>([
    ["stopped", (its) => hears(its.fleet, "a", { status: "stopped" }, 20)],
    ["was deleted", (its) => deleteReplica(its.fleet, known(its.fleet, "a"), 20 + TTL_MS)],
    ["was followed by another", follows],
    ["stopped and was followed", (its) => [hears(its.fleet, "a", { status: "stopped" }, 20), follows(its)]],
    [
      "stopped, and one that followed has",
      (its) => [0, 1, 2].map((more) => hears(its.fleet, "a", { status: "stopped", incarnation: 1 + more }, 20)),
    ],
    ["gave its origin to another", (its) => hears(its.fleet, "b", { origin: known(its.fleet, "a").origin, incarnation: 1 }, 20)],
  ])("a time to live after it %s, whether the isolate had told of them before or not", (_, leaves) => {
    for (const isTold of [true, false]) {
      const its = world();
      if (isTold) expect(lost(its, 1, 10)).toEqual([]);
      leaves(its);
      expect(lost(its, 2, 30)).toEqual([]);
      expire(its.scheduler, TTL_MS, 19 + TTL_MS);
      expect(lost(its, 3, 19 + TTL_MS)).toEqual([]);
      expire(its.scheduler, TTL_MS, 20 + TTL_MS);
      sweepOrphaning(its.fleet, 20 + TTL_MS);
      expect(lost(its, 4, 20 + TTL_MS)).toEqual(A);
    }
  });

  test("but not one of which the object knows nothing, nor one that has returned", () => {
    const its = world();
    expect(its.tells(report("two", 1, [{ replica: "z", unfinished: 1 }]), TTL_MS - 1).lost).toEqual([]);
    expire(its.scheduler, TTL_MS, TTL_MS);
    hears(its.fleet, "a", { concurrency: 8 }, TTL_MS + 1);
    expect(lost(its, 2, TTL_MS + 1)).toEqual([]);
  });

  test("but not one that drains, nor one where nothing runs", () => {
    const its = world();
    hears(its.fleet, "a", { status: "draining", concurrency: 8 }, 20);
    expect(lost(its, 1, 30)).toEqual([]);
    expire(its.scheduler, TTL_MS, 20 + TTL_MS);
    expect(its.tells(report("two", 2, [{ sent: 1, succeeded: 1 }]), 20 + TTL_MS).lost).toEqual([]);
  });
});
