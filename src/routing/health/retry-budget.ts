// Retries as a share of traffic, so that a sick fleet is not hammered: each request earns a fifth of a retry, time earns one a second,
// and as many as the fleet has slots can be spent at once, so that every request of a fleet that dies can be sent elsewhere.
// After Finagle's RetryBudget (https://twitter.github.io/finagle/guide/Clients.html#retry-budgets).
import { LIMITS } from "../limits.ts";

export interface RetryBudget {
  /** Requests that are still to come to earn back the retries that were spent; at least 0. */
  owed: number;
  atMs: number;
}

export function createRetryBudget(): RetryBudget {
  return { owed: 0, atMs: 0 };
}

/** A request is let in: its first attempt earns, a further one takes a retry. False: there is none, and nothing is taken. O(1). */
export function admit(budget: RetryBudget, isRetry: boolean, slots: number, now: number): boolean {
  if (isRetry) return spendRetry(budget, slots, now);
  earnRetries(budget, 1);
  return true;
}

/** So many first attempts were let in. O(1). */
export function earnRetries(budget: RetryBudget, requests: number): void {
  budget.owed = Math.max(0, budget.owed - requests);
}

/** Takes one retry out of the budget. False: there is none, and nothing is taken. O(1). */
function spendRetry(budget: RetryBudget, slots: number, now: number): boolean {
  const { requestsPerRetry, retriesPerSecond, retryReserveLeast } = LIMITS;
  const earned = (retriesPerSecond * requestsPerRetry * Math.max(0, now - budget.atMs)) / 1000;
  budget.owed = Math.max(0, budget.owed - earned);
  budget.atMs = now;
  const owed = budget.owed + requestsPerRetry;
  if (owed > requestsPerRetry * Math.max(retryReserveLeast, slots)) return false;
  budget.owed = owed;
  return true;
}
