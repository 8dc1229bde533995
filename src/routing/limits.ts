// Every fixed bound of the pure core in one place: collections, waits, retries, ejections. Bounds of HTTP and of an isolate are in src/limits.ts.
// Settings (src/settings) hold what an operator may change; the reason for each value stands beside it.

const MEBIBYTE = 1024 * 1024;
const SECOND_MS = 1000;

export const LIMITS = {
  /** Hints one replica may advertise, in a heartbeat (more is an error) or in band (the rest is skipped). */
  hintsPerReplica: 256,
  /** Replicas, advertised hints and characters of advertised hints in one fleet: what fits one Durable Object's 128 MB with room. */
  replicasPerApp: 10_000,
  hintsPerApp: 200_000,
  hintTextPerApp: 16 * MEBIBYTE,
  concurrencyPerReplica: 10_000,
  /** A cold grant counts as a load in progress for at most this many estimated load times. */
  loadTimesBelieved: 10,
  /** The shortest time to live outside development: one lost heartbeat must not remove a replica. */
  timeToLiveMinMs: 15 * SECOND_MS,
  /**
   * How long a replica that failed is passed over, doubled with each further time, up to the most. What a replica asks for makes it shorter,
   * not less than the least, and never longer: a client that knows what the replica answers 503 to could ask for that again and again.
   */
  ejectionMs: 10 * SECOND_MS,
  ejectionLeastMs: SECOND_MS,
  ejectionMostMs: 5 * 60 * SECOND_MS,
  /** Replicas that one request can eject at once. That it fails on more of them may be its own fault. */
  ejectionsPerRequest: 2,
  /** How long the one request of a replica on probation keeps others away: before its answer begins, and after. */
  probeUnansweredMs: 5 * 60 * SECOND_MS,
  probeAnsweredMs: 10 * SECOND_MS,
  /** Failures in a row that eject where one does not: it can be the request's fault. On probation one does. */
  failuresToEject: 3,
  /** The same of answers 503, which mean "not me, not now": a full replica gives one, and one that takes nothing gives the next as well. */
  refusalsToEject: 2,
  /** The same of other errors, as Envoy's consecutive_5xx: some requests fail wherever they are sent. */
  errorsToEject: 5,
  /**
   * One that fails now and then: errors are at least this share of about its last so many answers, of which there were at least so many, and of
   * the others' at most that part of its share.
   */
  errorShare: 0.25,
  errorMemory: 20,
  errorSamples: 10,
  errorShareOfOthers: 1 / 3,
  /** How long a slot of a replica that answers 503 counts as taken; and the most that its Retry-After can make of that. */
  refusedSlotMs: SECOND_MS,
  refusedSlotMostMs: 10 * SECOND_MS,
  /** Failed requests for a hint in a row after which a replica is passed over for the hint, where it had to load it. Where it held it, `errorsToEject`. */
  hintFailuresToBar: 2,
  /** For how long, doubled with each further time, up to the most; and of how many pairs of replica and hint that is remembered, with names of up to some 800 characters. */
  hintFailureMs: 30 * SECOND_MS,
  hintFailureMostMs: 10 * 60 * SECOND_MS,
  hintFailures: 10_000,
  /** How long news of an answer may take from an edge to the object. */
  newsMs: 100,
  /** Where more of the ready replicas than this are ejected or on probation, looks are taken to deceive: no request waits because of them. */
  panicThreshold: 2 / 3,
  /** Retries of a fleet: one is earned by so many requests, and some each second; what can be spent at once is one for each slot, and at least this many. */
  requestsPerRetry: 5,
  retriesPerSecond: 1,
  retryReserveLeast: 20,
  /**
   * Hints whose service time, load time and demand are remembered, a few hundred bytes each; the longest not asked for is forgotten. As
   * many of their families.
   */
  learnedHints: 20_000,
  /** Free replicas weighed against each other for a load: the first in the hint's hash order. Enough to find one that hurts little. */
  placementsWeighed: 8,
  /** Requests that are sent by one dispatch; if more could be, the next one is after `nextRoundMs`. */
  picksAtOnce: 1000,
  /** The most by which a request's cost may differ from a mean job in the order of the queue: what bounds how long dear requests are overtaken. */
  costRange: 10,
  /** A declared cost counts within this factor of the mean of its hint: no client makes its request look like nothing. */
  declaredRange: 8,
  /** Slots of a hint's holders whose ends are forecast one by one; of more, the mean says as much. */
  slotsForecast: 32,
  /** Request classes that would rather wait, asked in one decision; a later one asks others. */
  classesAsked: 16,
  /** If more classes were left to ask, or more requests to send, they are after this. */
  nextRoundMs: 10,
  /** While a slot is kept idle for warm requests, the decision is looked at again this often at least; a class that would rather wait is not asked before. */
  lookAgainMs: SECOND_MS,
  /** Finished requests before their mean duration is believed enough to refuse on a predicted wait. */
  predictionSamples: 20,
  /** The part of QUEUE_LENGTH_MAX that requests of low priority may fill, so that there is room for others. */
  lowQueueShare: 0.5,
  /**
   * Requests remembered whose slots were taken back, so that what becomes of them counts. A replica that hangs and says that it serves nothing
   * is given one for each of its slots every 10 s, for FIRST_BYTE_TIMEOUT_MS.
   */
  reclaimedPerApp: 10_000,
  /** Records of departed replicas kept to refuse their late heartbeats and to count requests they still run. */
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
  /** Candidates in one explanation. */
  candidatesExplained: 100,
} as const;
