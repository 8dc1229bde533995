// The worked example of docs/scheduling.md, as the router explains it. A number that changes here changes there.
import { expect, test } from "vitest";
import { countArrival } from "../../src/routing/model/estimates.ts";
import { explain } from "../../src/routing/explain.ts";
import { driver } from "./support/driver.ts";
import { foundFull, OPTIONS } from "./support/fleets.ts";

const HINT_SLOTS = 2;

/** Four replicas of two hint slots; sdxl takes 20 s, others 8 s; a serves sdxl since 14 s, d something else since 5 s. */
function example() {
  const fleet = driver({
    a: { hints: ["sdxl", "flux"], hintSlots: HINT_SLOTS },
    b: { hints: ["old", "rare"], hintSlots: HINT_SLOTS },
    c: { hints: ["flux", "kolors"], hintSlots: HINT_SLOTS },
    d: { hints: ["kolors", "other"], hintSlots: HINT_SLOTS },
  });
  for (const [hint, heldMs, times] of [
    ["old", 8000, 1],
    ["rare", 8000, 1],
    ["flux", 8000, 20],
    ["kolors", 8000, 10],
    ["other", 8000, 4],
    ["sdxl", 20_000, 40],
  ] as const) {
    fleet.teaches(hint, heldMs, times);
  }
  // So long ago that only the steady demand counts.
  for (let other = 0; other < 300; other++) countArrival(fleet.its.fleet.estimates, `unheard-of-${other}`);
  fleet.arrives(1, ["sdxl"], 0);
  fleet.arrives(2, ["other"], 9000);
  fleet.its.fleet.estimates.pressure.busyShare = 0.5;
  foundFull(fleet.its.fleet, 0.5);
  return fleet;
}

const look = (fleet: ReturnType<typeof example>, now: number) => explain(fleet.its, OPTIONS, ["sdxl"], now);

const costs = ({ candidates }: ReturnType<typeof look>) =>
  Object.fromEntries(
    candidates.map(({ replica, wait_s, load_s, eviction_s, cost_s }) => [replica, [wait_s, load_s, eviction_s, cost_s]]),
  );

test("at 14 s the warm replica is expected to be free soon enough: the request waits", () => {
  const explained = look(example(), 14_000);
  expect(explained.decision).toEqual({ outcome: "wait", expected_wait_s: 5.969, worth_waiting_s: 6.932 });
  expect(costs(explained)).toEqual({
    b: [0, 12, 0.029, 12.029],
    c: [0, 12, 0.214, 12.214],
    a: [5.969, 0, 0, 5.969],
    d: [3.062, 12, 0.108, 15.17],
  });
});

test("at 10 s it is not: the hint is loaded on b, which would miss least", () => {
  const explained = look(example(), 10_000);
  expect(explained.decision).toEqual({ outcome: "grant", replica: "b", reason: "hash_owner", warm: false });
  expect(costs(explained)["a"]).toEqual([9.969, 0, 0, 9.969]);
});
