// When a replica must send its next heartbeat, and how long it counts as live without one.
import { LIMITS } from "../limits.ts";

export interface HeartbeatPolicy {
  readonly intervalMs: number;
  /** The most heartbeats a second of the whole fleet. */
  readonly rateMax: number;
  /** For development: the time to live has no floor. */
  readonly short: boolean;
}

export interface HeartbeatTiming {
  readonly nextHeartbeatMs: number;
  readonly timeToLiveMs: number;
}

/** The interval grows with the fleet, so that the total rate stays below its maximum, as in Nomad. */
export function heartbeatTiming(policy: HeartbeatPolicy, replicas: number): HeartbeatTiming {
  const nextHeartbeatMs = Math.max(policy.intervalMs, Math.ceil((replicas * 1000) / policy.rateMax));
  return { nextHeartbeatMs, timeToLiveMs: Math.max(3 * nextHeartbeatMs, policy.short ? 0 : LIMITS.timeToLiveMinMs) };
}
