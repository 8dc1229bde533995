// When a replica must beat next, and for how long it counts as live without.
import { LIMITS } from "../limits.ts";

export interface HeartbeatPolicy {
  readonly intervalMs: number;
  /** Heartbeats a second over the whole fleet. */
  readonly rateMax: number;
  /** Development: the time to live has no floor. */
  readonly short: boolean;
}

export interface HeartbeatTiming {
  readonly nextHeartbeatMs: number;
  readonly timeToLiveMs: number;
}

/** The interval stretches with the fleet so that the total rate stays under its maximum, as in Nomad's heartbeats. */
export function heartbeatTiming(policy: HeartbeatPolicy, replicas: number): HeartbeatTiming {
  const nextHeartbeatMs = Math.max(policy.intervalMs, Math.ceil((replicas * 1000) / policy.rateMax));
  return { nextHeartbeatMs, timeToLiveMs: Math.max(3 * nextHeartbeatMs, policy.short ? 0 : LIMITS.timeToLiveMinMs) };
}
