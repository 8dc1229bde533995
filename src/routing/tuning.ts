// The constants of the cost policy and of its model, each with what it does. They are no settings, because an operator has no way to know better
// values. docs/scheduling.md says what each constant is worth on data that it was not chosen on (`npm run ablate`). Bounds of the order and of
// declared costs are in limits.ts (`costRange`, `declaredRange`).

export const TUNING = {
  // The order of requests that wait (policy/order.ts). One job is the mean time to serve a request plus the mean time to load a hint.
  /** How many times as much a load and its eviction weigh in the order as the time that they take. */
  loadWeight: 4,
  /** The aging threshold, in jobs, of a fleet in which hardly any request waits. */
  agingJobs: 4,
  /** The part of the longest backlog of late that is added to the aging threshold. */
  agingPerBacklog: 1.4,
  /**
   * The part of the time until its deadline after which a request takes any slot. After the same part a request of low priority no longer stands
   * behind all others.
   */
  deadlineShare: 0.5,

  // Waiting for a warm replica (policy/cost.ts, policy/availability-forecast.ts).
  /** The longest wait that is better than a load, as a part of what the load costs. */
  waitShare: 0.7,
  /** The part of a load by which that wait grows with each other waiting request per slot, because a load delays the others. */
  waitPerWaiting: 1.5,

  /** A request that runs longer than expected is expected to run on for this part of the time that it has run. */
  overrun: 0.2,

  // Where a hint is loaded (policy/placement.ts, policy/eviction-cost.ts).
  /** The number of requests, per slot of the fleet, that a copy is expected to be kept for. Over this horizon the loss of a copy may matter. */
  horizon: 2.4,

  // What is learned (model/). A memory is the number of samples from which on older samples fade.
  /** Of one hint. */
  hintMemory: 20,
  /** Of all hints. */
  fleetMemory: 500,
  /** Of how busy the fleet is, and of the pace of its replicas. */
  recentMemory: 50,
  /** Of the demand for hints, in arrivals; of the backlog, in jobs. */
  demandMemory: 2000,
  /** The mean of all hints counts as so many samples beside a hint's own. */
  prior: 1,
  /** The mean load of all hints counts as so many samples beside a hint's own loads, which are few. */
  loadPrior: 8,
} as const;
