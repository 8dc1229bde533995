// When a replica must beat next and how long it counts as live without.
import { expect, test } from "vitest";
import { heartbeatTiming } from "../../../src/routing/ledger/liveness.ts";

const POLICY = { intervalMs: 5000, rateMax: 200, short: false };

test.each<[string, Partial<typeof POLICY>, number, number, number]>([
  ["no replica: the interval", {}, 0, 5000, 15_000],
  ["1000 replicas at 200 a second: 1000 / 200 = 5 s, just the interval", {}, 1000, 5000, 15_000],
  ["1001 replicas: 1001 / 200 = 5.005 s", {}, 1001, 5005, 15_015],
  ["10,000 replicas: 10,000 / 200 = 50 s, three of them to live", {}, 10_000, 50_000, 150_000],
  ["a part of a millisecond is rounded up: 1000 / 300 = 3.33 s", { intervalMs: 10, rateMax: 300 }, 1000, 3334, 15_000],
  ["a short interval lives for 15 s all the same", { intervalMs: 1000 }, 1, 1000, 15_000],
  ["3 x 4999 = 14,997 is below the floor", { intervalMs: 4999 }, 1, 4999, 15_000],
  ["3 x 5001 = 15,003 is above it", { intervalMs: 5001 }, 1, 5001, 15_003],
  ["in development there is no floor", { intervalMs: 1000, short: true }, 1, 1000, 3000],
  ["in development the rate still stretches: 1000 / 200 = 5 s", { intervalMs: 1000, short: true }, 1000, 5000, 15_000],
])("%s", (_, policy, replicas, nextHeartbeatMs, timeToLiveMs) => {
  expect(heartbeatTiming({ ...POLICY, ...policy }, replicas)).toEqual({ nextHeartbeatMs, timeToLiveMs });
});
