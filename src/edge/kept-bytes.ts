// The isolate's memory for what requests keep for a second attempt: bodies, and answers that may be replaced; and for the beginnings of bodies that are
// streamed. The two are apart, because where many bodies are kept others are streamed, and these have hints too.
import { BOUNDS } from "../limits.ts";
import { keepAlive, LeaseBudget } from "./lease-budget.ts";

const kept = new LeaseBudget(BOUNDS.keptBytesPerIsolate, BOUNDS.leaseMs);
const peeked = new LeaseBudget(BOUNDS.peekedBytesPerIsolate, BOUNDS.leaseMs);

/** So many bytes, until the function that it returns is called or the request is no more. Null: less than that is left. */
export function leaseBytes(bytes: number): (() => void) | null {
  return lease(kept, bytes);
}

/** The same for the beginning of a body that is streamed. */
export function leasePeekedBytes(bytes: number): (() => void) | null {
  return lease(peeked, bytes);
}

function lease(budget: LeaseBudget, bytes: number): (() => void) | null {
  const taken = budget.take(bytes, Date.now());
  return taken === null ? null : keepAlive(budget, taken);
}
