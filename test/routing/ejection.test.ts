// Replicas that could not be reached are passed over for a while, unless all are.
import { describe, expect, test } from "vitest";
import { decide, decideIgnoringLoad } from "../../src/routing/decide.ts";
import { isEjected, type Fleet } from "../../src/routing/fleet.ts";
import { deleteReplica, sweep } from "../../src/routing/membership.ts";
import { answerGrant, ejectReplica, releaseSlot } from "../../src/routing/slots.ts";
import { fleetWith, hears, known, loads, occupy, picture, TTL_MS, wants } from "./support/fleets.ts";

/** A request on the replica finds that it can't be reached, and is over. */
function fails(fleet: Fleet, id: string, now = 0): void {
  for (const grant of occupy(fleet, id, 1, now)) {
    ejectReplica(fleet, grant, now);
    releaseSlot(fleet, grant);
  }
}

const chosen = (fleet: Fleet, hints: readonly string[], now = 0, avoid: readonly string[] = []) =>
  decide(fleet, wants(hints, avoid), now)?.replica.id ?? "nobody";

const two = () => fleetWith({ a: { hints: ["sdxl"], concurrency: 2 }, b: { hints: [], concurrency: 2 } });

test("an ejected replica is passed over for 10 s, though it is warm", () => {
  const fleet = two();
  fails(fleet, "a", 1000);
  expect([1000, 10_999].map((now) => chosen(fleet, ["sdxl"], now))).toEqual(["b", "b"]);
  expect(chosen(fleet, ["sdxl"], 11_000)).toBe("a");
});

test("also by requests without a hint, by cold ones and by those that take no slot", () => {
  const fleet = two();
  fails(fleet, "a");
  occupy(fleet, "b", 1);
  expect([chosen(fleet, []), chosen(fleet, ["cold-1"]), chosen(fleet, ["cold-2"])]).toEqual(["b", "b", "b"]);
  expect(decideIgnoringLoad(fleet, wants(["sdxl"]), 0)?.replica.id).toBe("b");
});

test("where the others are full the request waits rather than try it", () => {
  const fleet = two();
  fails(fleet, "a");
  occupy(fleet, "b", 2);
  expect(chosen(fleet, ["sdxl"])).toBe("nobody");
});

test("where every ready replica is ejected all are tried", () => {
  const fleet = two();
  fails(fleet, "a");
  fails(fleet, "b");
  expect(chosen(fleet, ["sdxl"])).toBe("a");
  expect(decideIgnoringLoad(fleet, wants(["sdxl"]), 0)?.replica.id).toBe("a");
});

test("replicas that are not ready, or that the request avoids, do not count as others", () => {
  const fleet = fleetWith({ a: { hints: ["sdxl"] }, b: { status: "draining" }, c: {} });
  fails(fleet, "a");
  expect(chosen(fleet, ["sdxl"])).toBe("c");
  expect(chosen(fleet, ["sdxl"], 0, ["c"])).toBe("a");
});

describe("an ejection ends", () => {
  test.each<[string, (fleet: Fleet) => unknown, number]>([
    ["with an answer of the replica", (fleet) => occupy(fleet, "a", 1).forEach((grant) => answerGrant(fleet, grant, 1000)), 1000],
    ["with a new incarnation", (fleet) => hears(fleet, "a", { incarnation: 2, hints: ["sdxl"], concurrency: 2 }, 1000), 1000],
    ["after its time", () => null, 10_000],
  ])("%s", (_, ends, now) => {
    const fleet = two();
    fails(fleet, "a");
    ends(fleet);
    expect(isEjected(known(fleet, "a"), now)).toBe(false);
    expect(chosen(fleet, ["sdxl"], now)).toBe("a");
  });

  test("not with a heartbeat: the replica lives, but could not be reached", () => {
    const fleet = two();
    fails(fleet, "a");
    hears(fleet, "a", { hints: ["sdxl"], concurrency: 2 }, 1000);
    expect(chosen(fleet, ["sdxl"], 1000)).toBe("b");
  });

  test("not with a stop and a return in the same incarnation", () => {
    const fleet = two();
    fails(fleet, "a");
    hears(fleet, "a", { status: "stopped" }, 1000);
    hears(fleet, "a", { hints: ["sdxl"], concurrency: 2 }, 2000);
    expect(isEjected(known(fleet, "a"), 2000)).toBe(true);
    expect(chosen(fleet, ["sdxl"], 2000)).toBe("b");
  });

  test("a sweep forgets only what is over", () => {
    const fleet = two();
    fails(fleet, "a");
    sweep(fleet, TTL_MS, 9999);
    expect(fleet.ejected.size).toBe(1);
    sweep(fleet, TTL_MS, 10_000);
    expect(fleet.ejected.size).toBe(0);
  });
});

test("the failed request holds its slot until it is given back", () => {
  const fleet = two();
  const [grant] = occupy(fleet, "a", 1);
  if (grant !== undefined) ejectReplica(fleet, grant, 0);
  expect(loads(fleet)).toEqual({ a: 1, b: 0 });
  if (grant !== undefined) releaseSlot(fleet, grant);
  expect(loads(fleet)).toEqual({ a: 0, b: 0 });
});

test("a failure on a replica that has left meanwhile ejects nobody", () => {
  const fleet = two();
  const [grant] = occupy(fleet, "a", 1);
  deleteReplica(fleet, known(fleet, "a"), TTL_MS);
  hears(fleet, "a", { incarnation: 2 }, 1000);
  const before = picture(fleet);
  if (grant !== undefined) ejectReplica(fleet, grant, 1000);
  expect(picture(fleet)).toEqual(before);
});
