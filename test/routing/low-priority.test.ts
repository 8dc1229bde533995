// Requests of low priority wait behind the others, in the queue's first half only, and do not starve.
import { describe, expect, test } from "vitest";
import { LIMITS } from "../../src/routing/limits.ts";
import { TUNING } from "../../src/routing/policy/tuning.ts";
import { driver } from "./support/driver.ts";
import { OPTIONS } from "./support/fleets.ts";

const LOW = { priority: "low" } as const;

/** One replica with one slot, which request 1 holds. */
function busy() {
  const fleet = driver({ a: { hints: ["x"], hintSlots: 1 } });
  fleet.arrives(1, ["x"]);
  return fleet;
}

/** The order in which waiting requests are served from then on, each for a moment. */
function order(fleet: ReturnType<typeof busy>, first: number, now: number): number[] {
  const served: number[] = [];
  let running = first;
  for (let left = fleet.waiting().length; left > 0; left--) {
    fleet.ends(running, now);
    const [next] = Object.keys(fleet.settles(now));
    if (next === undefined) break;
    served.push((running = Number(next)));
  }
  return served;
}

test("a slot that frees goes to another though a low one came first", () => {
  const fleet = busy();
  fleet.arrives(2, ["x"], 10, LOW);
  fleet.arrives(3, ["x"], 20);
  fleet.arrives(4, ["x"], 30, LOW);
  fleet.arrives(5, ["x"], 40);
  expect(order(fleet, 1, 100)).toEqual([3, 5, 2, 4]);
});

test("a cold request goes before a low one that is warm", () => {
  const fleet = busy();
  fleet.arrives(2, ["x"], 10, LOW);
  fleet.arrives(3, ["cold"], 20);
  expect(order(fleet, 1, 100)).toEqual([3, 2]);
});

test("it does not starve: after half of its time it is a request like any other", () => {
  const fleet = busy();
  fleet.arrives(2, ["x"], 0, { ...LOW, deadlineMs: 100_000 });
  const halfMs = TUNING.deferredUntil * 100_000;
  fleet.arrives(3, ["x"], halfMs - 1);
  fleet.arrives(4, ["x"], halfMs - 1);
  fleet.ends(1, halfMs - 1);
  expect(fleet.settles(halfMs - 1)).toEqual({ 3: "a hint_wait" });
  fleet.ends(3, halfMs);
  expect(fleet.settles(halfMs)).toEqual({ 2: "a hint_wait" });
});

test("where nobody else waits it takes a free slot at once", () => {
  const fleet = driver({ a: {} });
  expect(fleet.arrives(1, ["x"], 0, LOW)).toBe("a hash_owner");
});

describe("the queue", () => {
  test("is full for low ones at its half, whoever waits there, and has room for others until its end", () => {
    const length = OPTIONS.queueLengthMax * LIMITS.lowQueueShare;
    const fleet = busy();
    for (let id = 0; id < length; id++) fleet.arrives(100 + id, ["x"], 0, id % 2 === 0 ? LOW : {});
    expect(fleet.arrives(2, ["x"], 0, LOW)).toBe("queue_full");
    expect(fleet.arrives(3, ["x"], 0)).toBe("waiting");
  });

  test("counts them, as they come, go and are served", () => {
    const fleet = busy();
    fleet.arrives(2, ["x"], 0, LOW);
    fleet.arrives(3, ["x"], 0, LOW);
    fleet.arrives(4, ["x"], 0);
    expect(fleet.its.room.count.low).toBe(2);
    fleet.ends(2, 1);
    expect(fleet.its.room.count.low).toBe(1);
    fleet.ends(4, 1);
    fleet.ends(1, 1);
    fleet.settles(1);
    expect([fleet.its.room.count.low, fleet.its.room.waiting.size]).toEqual([0, 0]);
  });

  test("is as long for a request as what stands before it: low ones do not for others", () => {
    const fleet = busy();
    fleet.answers(1);
    for (let id = 0; id < LIMITS.predictionSamples; id++) {
      fleet.ends(id === 0 ? 1 : 1000 + id, 10_000 * (id + 1));
      fleet.arrives(1001 + id, ["x"], 10_000 * (id + 1));
      fleet.answers(1001 + id, 10_000 * (id + 1));
    }
    const now = 10_000 * (LIMITS.predictionSamples + 1);
    for (let id = 0; id < 5; id++) fleet.arrives(2 + id, ["x"], now, LOW);
    expect(fleet.arrives(10, ["x"], now, { ...LOW, deadlineMs: now + 15_000 })).toBe("queue_full");
    expect(fleet.arrives(11, ["x"], now, { deadlineMs: now + 15_000 })).toBe("waiting");
  });
});
