// Every fixed bound of the pure core in one place: collections, waits, retries, ejections. Bounds of HTTP and of an isolate are in src/limits.ts.
// Settings (src/settings) hold what an operator may change. The reason for each value stands beside it.

const MEBIBYTE = 1024 * 1024;
const SECOND_MS = 1000;

export const LIMITS = {
  /** Hints that one replica may advertise. More are an error in a heartbeat; a list in a response is cut off there. */
  hintsPerReplica: 256,
  /** Uses that are remembered of hints that a replica does not hold, until the next list. Some requests are for hints that their replica can't load. */
  usesSpare: 8,
  /** Replicas, advertised hints and characters of advertised hints in one fleet: they fit the 128 MB of a Durable Object (docs/scale.md). */
  replicasPerApp: 10_000,
  hintsPerApp: 200_000,
  hintTextPerApp: 16 * MEBIBYTE,
  /**
   * Hints that answers of replicas have shown and no list has named. Beyond, a replica forgets the oldest of its own for a new one. Replicas that list
   * nothing would else take 2.5 million.
   */
  unreportedHintsPerApp: 200_000,
  concurrencyPerReplica: 10_000,
  /** A cold grant counts as a load in progress for at most this many estimated load times. */
  loadTimesBelieved: 10,
  /** A load that a replica was advised to make counts for this many, since no answer tells that the replica did not heed the advice. */
  advisedLoadTimes: 2,
  /** How long a request for an announced hint is expected: as long as a person takes from opening a page to asking for something. */
  announcedMs: 60 * SECOND_MS,
  /** Announced hints that are remembered, each of up to 512 characters. The oldest is forgotten. */
  announcedHints: 256,
  /** The shortest time to live outside development: one lost heartbeat must not remove a replica. */
  timeToLiveMinMs: 15 * SECOND_MS,

  /** How long a failing replica is passed over the first time. Each further ejection is twice as long, up to the most. */
  ejectionMs: 10 * SECOND_MS,
  ejectionMostMs: 5 * 60 * SECOND_MS,
  /** The least that Retry-After can shorten an ejection to. Retry-After can't lengthen an ejection, because a client may know how to get a 503. */
  ejectionLeastMs: SECOND_MS,
  /** Replicas that one request can eject by a single failure each. A request that fails on more of them may be at fault itself. */
  ejectionsPerRequest: 2,
  /** How long the one request of a replica on probation keeps others away: before its answer begins, and after. */
  probeUnansweredMs: 5 * 60 * SECOND_MS,
  probeAnsweredMs: 10 * SECOND_MS,
  /** Failures in a row that eject a replica if the request may be at fault. On probation one failure does. */
  failuresToEject: 3,
  /** Answers 503 in a row that eject a replica. A full replica gives one such answer, and one that takes no requests gives the next as well. */
  refusalsToEject: 2,
  /** Other errors in a row that eject a replica, as Envoy's consecutive_5xx: some requests fail wherever they are sent. */
  errorsToEject: 5,
  /** A replica that fails now and then is ejected if errors are at least this share of its last answers. */
  errorShare: 0.25,
  /** About how many last answers that share is taken of, and the fewest that it is believed from. */
  errorMemory: 20,
  errorSamples: 10,
  /** Such a replica is not ejected if the other replicas' share of errors is more than this part of its own. */
  errorShareOfOthers: 1 / 3,
  /** How long a slot counts as taken after a 503, and the most that Retry-After can make of that. */
  refusedSlotMs: SECOND_MS,
  refusedSlotMostMs: 10 * SECOND_MS,
  /** Failures in a row after which a replica is passed over for a hint that it had to load. For a hint that it held the number is `errorsToEject`. */
  hintFailuresToBar: 2,
  /** How long a replica is passed over for a hint the first time. Each further time is twice as long, up to the most. */
  hintFailureMs: 30 * SECOND_MS,
  hintFailureMostMs: 10 * 60 * SECOND_MS,
  /** Pairs of a replica and a hint of which failures are remembered. The names of a pair have up to some 800 characters. */
  hintFailures: 10_000,
  /** How long news of an answer may take from an edge to the object. */
  newsMs: 100,
  /** If more of the ready replicas than this share are ejected or on probation, the signs probably mislead, and no request waits because of them. */
  panicThreshold: 2 / 3,

  /** Requests that earn one retry of a fleet. */
  requestsPerRetry: 5,
  /** Retries that a fleet earns each second. */
  retriesPerSecond: 1,
  /** Retries that a fleet can spend at once: one for each slot, and at least this many. */
  retryReserveLeast: 20,

  /**
   * Hints whose service time, load time and demand are remembered, a few hundred bytes each. The hint longest not asked for is forgotten. As many hints are
   * remembered that the fleet has lost, some 40 bytes each.
   */
  learnedHints: 20_000,
  /** Free replicas weighed against each other for a load: the first in the hint's hash order. Enough to find one that hurts little. */
  placementsWeighed: 8,
  /** Requests that one dispatch sends. If more could be sent, the next dispatch is after `nextRoundMs`. */
  picksAtOnce: 1000,
  /** The most by which a request's cost may differ from a mean job in the order of the queue. Bounds how long costly requests are overtaken. */
  costRange: 10,
  /** A declared cost counts within this factor of the mean of its hint: no client can make its request look like nothing. */
  declaredRange: 8,
  /** Slots of a hint's holders whose ends are forecast one by one. For more slots the mean of these is as good. */
  slotsForecast: 32,
  /** Request classes that would rather wait, asked in one decision. The next decision, after `nextRoundMs`, asks others. */
  classesAsked: 16,
  /** When the next decision follows if classes were left to ask, or requests to send. */
  nextRoundMs: 10,
  /** How often at least a slot that is kept free for warm requests is looked at again. A class that would rather wait is not asked before. */
  lookAgainMs: SECOND_MS,
  /** Finished requests after which their mean duration is believed enough to refuse a request for its predicted wait. */
  predictionSamples: 20,
  /** The part of QUEUE_LENGTH_MAX that requests of low priority may fill, so that there is room for others. */
  lowQueueShare: 0.5,
  /**
   * Running requests whose slots were taken back that are remembered, so that their outcome counts. A replica that hangs and reports no requests is
   * given one for each of its slots every 10 s, for FIRST_BYTE_TIMEOUT_MS.
   */
  reclaimedPerApp: 10_000,
  /** Requests that are over and of which their edges may still tell how they went: such news comes with an edge's next request. */
  unjudgedPerApp: 10_000,
  /** Records of departed replicas, kept to refuse late heartbeats and to count requests that still run there. */
  tombstonesPerApp: 10_000,
  /** The object compares its image of a fleet with the fleet this often at most. That takes 0.1 ms of 1,000 replicas, and some ms of the largest fleet. */
  imageAgeMs: 100,
  /**
   * How often an isolate refreshes its copy: so many times in the time that a request takes, within these bounds; less often if isolates are so many that
   * an object of about 1,000 requests a second would have more than half of them from that.
   */
  refreshesPerService: 4,
  refreshLeastMs: 100,
  refreshMostMs: SECOND_MS,
  refreshesPerSecond: 500,
  /** An isolate whose copy is older than this leaves its requests to the object: more than the longest interval, that of `isolatesPerApp`. */
  directAgeMs: 15 * SECOND_MS,
  /**
   * An isolate that has not reported for this long, three of the longest intervals, is forgotten with the requests that it had not finished; how many
   * isolates are remembered, and how many pairs of replica and hint for all of them and in one report. Some 100 bytes a pair.
   */
  isolateForgottenMs: 30 * SECOND_MS,
  isolatesPerApp: 5000,
  directPairsPerApp: 100_000,
  directPairsPerReport: 1000,
  /** Failures, and lists of hints, in one report; what is more is not told. */
  failuresPerReport: 100,
  listsPerReport: 100,
  /**
   * Steps in which the demand for a fleet is remembered, how long one is, and over how long the number of running requests is averaged: a minute, as
   * Knative's stable window. An hour is the longest window that an autoscaler can ask for.
   */
  demandSteps: 360,
  demandStepMs: 10 * SECOND_MS,
  demandMeanMs: 60 * SECOND_MS,
  /** Hints in one list of models: 0.5 MB as OpenAI's JSON, if names are short. A fleet of more is asked by hint. */
  modelsListed: 5000,
  /** Candidates in one explanation. */
  candidatesExplained: 100,
  /** Replicas on a page of the dashboard, which is made anew every few seconds. */
  replicasPerPage: 50,
  /** Loads there, and other events. */
  eventsShown: 40,
  /** Minutes of the past of which the counters are kept beside the running one, some 500 bytes each. */
  historyMinutes: 60,
  /**
   * Events that are kept, half of them for loads, advice and drops: some 200 bytes each, and at most 8 KiB for one that names dropped hints of the longest names.
   */
  eventsKept: 1000,
  /** Dropped hints that one event names. */
  droppedHintsNamed: 16,
  /** Waiting requests that an administrator is shown. */
  waitingShown: 100,
  /** Hints and replicas in one picture of who holds what: at some 20 cells a replica that is 0.3 MB of JSON. */
  hintsShown: 200,
  replicasShown: 1000,
} as const;
