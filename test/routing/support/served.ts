// What an app has taught by requests that were served.
import { countArrival, createEstimates, learnService, type Estimates } from "../../../src/routing/model/estimates.ts";
import { COLD_MS } from "./fleets.ts";

/** Requests of hints that each held their slot for so long. */
export function served(...requests: readonly (readonly [hint: string, heldMs: number, declaredMs?: number])[]): Estimates {
  const estimates = createEstimates(COLD_MS);
  for (const [hint, heldMs, declaredMs = null] of requests) {
    countArrival(estimates, hint);
    learnService(estimates, hint, heldMs, declaredMs);
  }
  return estimates;
}

export const times = <T>(count: number, what: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, index) => what(index));
