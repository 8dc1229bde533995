// The constants of the scheduling decision, each with what it does. They were chosen on the simulator (docs/scheduling.md). Most lie on flat
// optima, where half or twice a value changes mean times by a percent or two; tolerance and tolerancePerBacklog trade the mean for the
// longest wait. Not settings: an operator has no way to know better ones.

export const TUNING = {
  // The order of those that wait (priority.ts). A turn is the mean time of serving a request and of loading a hint, together.
  /** How much more a load and its eviction weigh in the order than the time that it takes; see `underLoad` in priority.ts. */
  loadWeight: { base: 3, busy: 0.2, most: 8 },
  /** The most by which a request's cost may differ from a turn, in the order. */
  costRange: 10,
  /** Requests of a hint that are taken to share one load, at most. */
  sharing: 8,
  /** A warm request costs the more, the sooner another replica can take it: the exponent of how soon, in mean service times. */
  elsewhere: 0.6,
  /** The soonest that counts. */
  elsewhereSoonest: 0.07,
  /** How much later another is taken to be free for each request that waits per slot. */
  elsewherePerWaiting: 0.22,
  /** Tolerance of a fleet where hardly anybody waits, in turns, and what is added for each unit of the longest backlog of late, see `underLoad`. */
  tolerance: 4.25,
  tolerancePerBacklog: { base: 0.25, busy: 0.06, most: 1.4 },
  /** Of the time until its deadline, the part in which a request is patient. */
  patience: 0.6,
  /** The part of its tolerance after which a request waits for no warm replica any more. */
  insists: 0.85,

  /** Of the time until its deadline, the part in which a request of low priority is behind all others. */
  deferredUntil: 0.5,

  // Waiting for a warm replica (priority.ts).
  /** Worth it below this part of what the load costs, see `underLoad`; less this part where the new copy is sure to be asked for. */
  waitShare: { base: 0.4, busy: 0.1, most: 2.4 },
  waitShareCopy: 0.3,
  /** less this part for each other that waits in its lane, up to the most counted, */
  waitShareBehind: 0.13,
  behindAtMost: 3,
  /** more by this part where the load would take the last free slot while others wait, */
  waitShareLast: 0.6,
  /** and this part of a load more for each request that waits per slot, up to the most counted. */
  waitSharePerWaiting: 0.56,
  waitingPerSlotAtMost: 10,
  /** A request that runs as long as was expected is expected to run this part of that more (foresight.ts). */
  overrun: 0.15,
  /** Those who wait for something else that a replica holds delay one who waits for it by this part of what they take, up to so many for each hint. */
  contention: 0.3,
  contendersAtMost: 1.5,

  // Where a hint is loaded (placement.ts).
  /** Requests a copy is expected to be kept for, per slot of the fleet: the horizon over which losing it may matter. */
  horizon: 2.4,
  /** Regrets that differ by less than this part of a load are as good as equal. */
  indifference: 0.02,

  // What is learned (estimates.ts), in samples and arrivals.
  hintMemory: 20,
  fleetMemory: 500,
  /** How long slots are held, by which waits are predicted: it must follow a change soon. */
  heldMemory: 50,
  servicePrior: 1,
  /** The same of families: hints that begin alike. */
  familyMemory: 50,
  familyPrior: 0.5,
  /** Arrivals of anything in which what the last few requests of a hint took fades to 1/e, and what the longer mean counts beside them, in samples. */
  latelyArrivals: 100,
  latelyPrior: 4,
  /** Samples while a hint counts as new. */
  newSamples: 5,
  loadPrior: 3,
  /** What the mean load counts beside a hint's own loads, in loads. */
  ownLoadPrior: 8,
  /** Answers of a hint found warm after which half of what is odd in its loads is told from its services. */
  toldApart: 3,
  /** How much larger the squared error of cold answers may be than that of warm ones before loads are taken to differ. */
  lessKnown: 2,
  /** A sample counts as at most this many times what was expected, and at least this part of it. */
  outlier: 8,
  /** Arrivals of anything in which the count of a hint's requests fades to 1/e. */
  steadyArrivals: 2000,
  recentArrivals: 30,
  /** A count of requests below that is none. */
  noDemand: 1e-6,
  /** How much of the expected demand is what was asked for lately: users send several of a kind in a row. */
  recentShare: 0.4,
  /** Turns in which the share of busy slots of before fades to 1/e, and the longest backlog. */
  busyTurns: 60,
  backlogTurns: 2000,
  /** Requests over which the share of replicas that they find full is a mean. */
  fullMemory: 50,
  /** Claims of clients before any is believed. */
  claimPrior: 20,
} as const;
