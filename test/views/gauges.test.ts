// What graphs read off a fleet: each replica and each slot in one state.
import { expect, test } from "vitest";
import { setDrained } from "../../src/routing/ledger/membership.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { gaugesOf } from "../../src/views/gauges.ts";
import { driver } from "../routing/support/driver.ts";
import { known, occupy, unreachable } from "../routing/support/fleets.ts";

test("replicas and slots by state", () => {
  const fleet = driver({
    ready: { concurrency: 4 },
    starting: { status: "starting", concurrency: 2 },
    draining: { status: "draining" },
    drained: { concurrency: 3 },
    ejected: { concurrency: 8 },
  });
  const { its } = fleet;
  occupy(its.fleet, "ready", 1, 0);
  setDrained(its.fleet, known(its.fleet, "drained"), true);
  const [sent] = occupy(its.fleet, "ejected", 1, 0);
  unreachable(its, sent?.id ?? 0, 0);
  const { replicas, slots } = gaugesOf(its, 10);
  expect(replicas).toEqual({ ready: 1, starting: 1, draining: 1, drained: 1, ejected: 1, probation: 0 });
  expect(slots).toEqual({ free: 3, busy: 2, unavailable: 2 + 1 + 3 + 7 });
  const later = gaugesOf(its, LIMITS.ejectionMs);
  expect(later.replicas).toEqual({ ...replicas, ejected: 0, probation: 1 });
  expect(later.slots).toEqual({ free: 10, busy: 2, unavailable: 6 });
});

test("the queue by priority", () => {
  const fleet = driver({ a: {} });
  for (const [id, priority] of (["normal", "normal", "low", "high"] as const).entries()) fleet.arrives(id, [], 0, { priority });
  expect(gaugesOf(fleet.its, 0).queue).toEqual({ high: 1, normal: 1, low: 1 });
});
