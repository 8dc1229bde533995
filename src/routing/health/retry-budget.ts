// Retries are a share of the traffic, so that they do not overload a sick fleet. Each request earns a fifth of a retry, and each second earns one. At
// once a fleet can spend as many retries as it has slots: if replicas die, all of their requests can be sent elsewhere. After Finagle's RetryBudget
// (https://twitter.github.io/finagle/guide/Clients.html#retry-budgets).
import { LIMITS } from "../limits.ts";

export interface RetryBudget {
  /** How many requests must still come to earn back the retries that were spent; at least 0. */
  owed: number;
  atMs: number;
}

export function createRetryBudget(): RetryBudget {
  return { owed: 0, atMs: 0 };
}

/** Lets a request in. A first attempt earns a part of a retry, and a retry takes one. False: no retry is left. O(1). */
export function admit(budget: RetryBudget, isRetry: boolean, slots: number, now: number): boolean {
  if (!isRetry) {
    earnRetries(budget, 1);
    return true;
  }
  const { requestsPerRetry, retriesPerSecond, retryReserveLeast } = LIMITS;
  const earned = (retriesPerSecond * requestsPerRetry * Math.max(0, now - budget.atMs)) / 1000;
  budget.owed = Math.max(0, budget.owed - earned);
  budget.atMs = now;
  const owed = budget.owed + requestsPerRetry;
  if (owed > requestsPerRetry * Math.max(retryReserveLeast, slots)) return false;
  budget.owed = owed;
  return true;
}

/** So many first attempts were let in. O(1). */
export function earnRetries(budget: RetryBudget, requests: number): void {
  budget.owed = Math.max(0, budget.owed - requests);
}
