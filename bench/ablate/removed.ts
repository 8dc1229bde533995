// Each constant of src/routing/tuning.ts, and the value at which the rule behind it does nothing. A memory or a prior gets a value at which it
// forgets or believes far less.
import type { TUNING } from "../../src/routing/tuning.ts";

export type Constant = keyof typeof TUNING;

export const REMOVED: Readonly<Record<Constant, number>> = {
  /** A load weighs what it takes. */
  loadWeight: 1,
  agingJobs: 0,
  agingPerBacklog: 0,
  /** A deadline makes nobody less patient. */
  deadlineShare: 1,
  /** Nobody waits beside a free slot. */
  waitShare: 0,
  waitPerWaiting: 0,
  /** A request that outlives its expectation is expected to end at once. */
  overrun: 1e-3,
  /** What a load evicts does not matter. */
  horizon: 1e-6,
  hintMemory: 500,
  fleetMemory: 20,
  recentMemory: 500,
  demandMemory: 200,
  /** A hint is known by its own samples alone. */
  prior: 1e-6,
  loadPrior: 1e-6,
};
