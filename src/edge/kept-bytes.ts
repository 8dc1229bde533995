// The isolate's memory for what requests keep for a second attempt: bodies, and answers that may be replaced.
import { BOUNDS } from "../limits.ts";
import { keepAlive, LeaseBudget } from "./lease-budget.ts";

const budget = new LeaseBudget(BOUNDS.keptBytesPerIsolate, BOUNDS.leaseMs);

/** So many bytes, until the function that it returns is called or the request is no more. Null: less than that is left. */
export function leaseBytes(bytes: number): (() => void) | null {
  const lease = budget.take(bytes, Date.now());
  return lease === null ? null : keepAlive(budget, lease);
}
