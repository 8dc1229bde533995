// When the next heartbeat is due. Pure: randomness is passed in.
import { LIMITS } from "./limits.ts";

/** `random`: 0 to 1. After an answer: the interval that it names, and a little more. */
export function pauseAfterAnswer(nextHeartbeatMs: unknown, random: number): number {
  const asked =
    typeof nextHeartbeatMs === "number" && Number.isFinite(nextHeartbeatMs) ? nextHeartbeatMs : LIMITS.firstIntervalMs;
  const intervalMs = Math.min(Math.max(asked, LIMITS.intervalLeastMs), LIMITS.intervalMostMs);
  return intervalMs * (1 + LIMITS.jitter * random);
}

/**
 * After a failure: a second, or the interval if that is shorter, twice as long with each failure in a row up to the most, and no less than the router asks. Spread
 * both ways, so that replicas whose router comes back do not return as one.
 */
export function pauseAfterFailure(intervalMs: number, failures: number, retryAfterMs: number, random: number): number {
  const firstMs = Math.min(intervalMs, LIMITS.retryMs);
  const doubledMs = Math.min(firstMs * 2 ** Math.min(failures - 1, 30), LIMITS.backoffMostMs);
  const spread = 1 + LIMITS.backoffSpread * (2 * random - 1);
  return Math.max(doubledMs * spread, Math.min(retryAfterMs, LIMITS.backoffMostMs));
}
