// The constants of the cost policy and of its model, each with what it does. docs/scheduling.md says what each is worth on data it was not chosen on
// (`npm run ablate`). Two bounds of the order and of declared costs are in limits.ts (`costRange`, `declaredRange`). Not settings: an operator has no way to know better ones.

export const TUNING = {
  // The order of requests that wait (policy/order.ts). A job is the mean time of serving a request and of loading a hint, together.
  /** How much more a load and its eviction weigh in the order than the time that they take. */
  loadWeight: 4,
  /** The aging threshold of a fleet in which hardly anybody waits, in jobs, and the part of the longest backlog of late that is added. */
  agingJobs: 4,
  agingPerBacklog: 1.4,
  /** Of the time until its deadline, the part after which a request takes any slot, and one of low priority is not behind all others any more. */
  deadlineShare: 0.5,

  // Waiting for a warm replica (policy/cost.ts, policy/availability-forecast.ts).
  /** The longest wait that is better than a load: this part of what the load costs, */
  waitShare: 0.7,
  /** and this part of a load more for each other request that waits, per slot: the load would delay it. */
  waitPerWaiting: 1.5,

  /** A request that outlives what was expected of it is expected to run on for this part of the time that it ran. */
  overrun: 0.2,

  // Where a hint is loaded (policy/placement.ts, policy/eviction-cost.ts).
  /** Requests a copy is expected to be kept for, per slot of the fleet: the horizon over which losing the copy may matter. */
  horizon: 2.4,

  // What is learned (model/), in samples, arrivals and jobs.
  hintMemory: 20,
  fleetMemory: 500,
  recentMemory: 50,
  demandMemory: 2000,
  /** What is known of all hints counts as so many samples beside a hint's own. */
  prior: 1,
  /** The same of the mean load beside a hint's own loads, which are few. */
  loadPrior: 8,
} as const;
