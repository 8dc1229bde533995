// Every fixed bound of the shell in one place: what is read from the wire, what one isolate keeps, how long it waits and how often it retries. Bounds
// of a fleet are in src/routing/limits.ts. Settings (src/settings) hold what an operator may change; the reason for each value stands beside it.
import { LIMITS as FLEET } from "./routing/limits.ts";

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;
const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;
const HINT_LENGTH = 512;

export const BOUNDS = {
  /** Hints one request may name, and characters of one hint. A header of 8 x 512 stays far below the runtime's header limit. */
  hintsPerRequest: 8,
  hintLength: HINT_LENGTH,
  /**
   * Path and query of a request, escaped, in characters. The runtime takes URLs of 65,534 bytes, and fails on a longer one as it does where
   * a replica can't be reached; the origin comes before it.
   */
  targetLength: 64_000,
  /** `origin` and `replica` of a heartbeat, in characters. A host name has at most 253. */
  originLength: 300,
  replicaIdLength: 256,
  /**
   * Every hint at its longest, of characters that JSON escapes with a backslash, in quotes and parted by a comma and a space; and room for the
   * other fields, which need less than half of it so written. It bounds what somebody without a token can make an isolate keep.
   */
  heartbeatBodyBytes: FLEET.hintsPerReplica * (2 * HINT_LENGTH + 4) + 4 * KIBIBYTE,
  /** Warnings in one answer, and characters of a name shown in one that its sender chose: enough to find a slip. */
  warnings: 8,
  warnedNameLength: 64,
  /** Heartbeats a fleet takes, as a multiple of HEARTBEAT_RATE_MAX, before it answers 429. */
  heartbeatRateBurst: 4,
  /** After a restart the object grants nothing for this long, while Workers report the requests that are still running. */
  recoveryMs: 500,
  /** The most that a client can say a request costs: a day. */
  claimedCostMs: 24 * HOUR_MS,
  /** An app is known for this long after its last replica left. */
  appMemoryMs: 24 * HOUR_MS,
  /** The backstop alarm of a fleet with replicas; its timer is normally far earlier. */
  alarmMs: 5 * 60 * SECOND_MS,
  /**
   * An attempt that MAX_ATTEMPTS does not count: the first that failed within that time because nothing answers at its replica any more, which likely
   * never got the request. One only, because a request that kills replicas looks the same: none reaches more than MAX_ATTEMPTS + 1.
   */
  unreachedAttempts: 1,
  briefAttemptMs: SECOND_MS,
  /**
   * How often a request is sent again to a replica whose connection broke off at once, beside the first time: as long as it may have met connections
   * that the runtime has kept, which it keeps for so long, of so many origins.
   */
  keptConnections: 8,
  keptConnectionMs: 10 * SECOND_MS,
  keptOrigins: 1000,
  /** How much later than the runtime a busy isolate may know that an answer has ended, and its connection is kept. */
  keptNewsMs: 10,
  /** A request that a replica has worked on for longer, and that may not be repeated without harm by its method, is not sent again by the router's own choice. */
  repeatWithinMs: 60 * SECOND_MS,
  /** Times a waiting or starting request asks a Durable Object that failed, before it falls back to the snapshot, and the pauses between, doubled and spread. */
  objectAttempts: 3,
  objectRetryMs: 50,
  /** A running request whose object restarted reports itself to the new one, this often at most, first at once. */
  adoptAttempts: 5,
  adoptRetryMs: 200,
  /** How much later than its object the edge ends a request whose deadline has passed: an object that is well does that itself, and counts it. */
  deadlineGraceMs: 250,
  /** How long the Directory may take before it counts as out of reach. */
  directoryMs: 5 * SECOND_MS,
  /** A request that runs for less than this does not watch for a restart of its object. */
  watchAfterMs: 100,
  /** Where the object is too busy to be watched: the pause before the next try, doubled up to the most. */
  watchAgainMs: SECOND_MS,
  watchAgainMostMs: 30 * SECOND_MS,
  /** What is kept for a second attempt, bodies and answers that may be replaced, in all requests of one isolate together (of its 128 MB). */
  keptBytesPerIsolate: 32 * MEBIBYTE,
  /** What an isolate counts for a request (such bodies, slots by snapshot) counts this long after it is no more: a reset ends it without a word. The living renew it three times as often. */
  leaseMs: 3 * SECOND_MS,
  /** In which a client must have sent a body that is kept: it takes room of others. 1 MiB in that time is 280 kbit/s. FIRST_BYTE_TIMEOUT_MS bounds it too. */
  bodyReadMs: 30 * SECOND_MS,
  /** A body up to this is on its way before a replica that answers and closes without reading could break it off. */
  bodySentBytes: 64 * KIBIBYTE,
  /** How long a replica may take to answer `OPTIONS /` or to accept a connection where it is not clear who broke off; and the pause before it is asked. */
  probeMs: 2 * SECOND_MS,
  beforeProbeMs: 100,
  /** How often a replica that can be connected to is asked: of the connections that the runtime has kept so many may be stale, beside those that the request met. */
  probes: 8,
  /** Response bodies of known length up to this are read whole, which frees the slot without a stream through the Worker, where they are there that soon after their headers. */
  wholeResponseBytes: 64 * KIBIBYTE,
  wholeResponseMs: 20,
  /** What is read at once of a stream: little of one that trickles, of which an isolate may hold thousands, and the most of one that is fast. */
  readBytesLeast: 4 * KIBIBYTE,
  readBytesMost: 64 * KIBIBYTE,
  /** How often a stream is looked at for a stall, as a part of IDLE_TIMEOUT_MS. */
  idleChecks: 4,
  /** How long after one side's Close of a WebSocket the other's is waited for, with what it still has under way. */
  closeHandshakeMs: 10 * SECOND_MS,
  /** In which an answer that another replica's may replace must be there to be kept. */
  keptAnswerMs: 2 * SECOND_MS,
  /** The age at which an isolate fetches a new snapshot (SNAPSHOT_MAX_AGE_MS says until when it is used), and what its cache may hold over all apps. */
  snapshotAgeMs: 10 * SECOND_MS,
  snapshotApps: 100,
  snapshotReplicas: 20_000,
  /** The pause before a request that waits in an isolate, its object out of reach, looks again, doubled up to the most and spread. */
  snapshotPollMs: 250,
  snapshotPollMostMs: 4 * SECOND_MS,
  /** How long after an object was asked in vain one of those that wait for it in an isolate asks it again. */
  snapshotAskMs: SECOND_MS,
  /** Apps an isolate remembers as existing, and for how long, before it asks the Directory again. */
  knownApps: 1000,
  knownAppMs: 5 * 60 * SECOND_MS,
  /**
   * While the Directory can't be reached: names that are new to an isolate and are let through in so long. Room for real apps; a flood of
   * made-up names starts no more objects than that.
   */
  uncheckedApps: 100,
  uncheckedAppsMs: 60 * SECOND_MS,
  /** When to try again after a Rate Limiting binding refused: the shorter of the two periods that such a binding can have. */
  rateLimitRetryMs: 10 * SECOND_MS,
  /** Tokens in HEARTBEAT_TOKENS, all compared on each heartbeat. */
  heartbeatTokens: 1000,
  /** Patterns in ORIGIN_ALLOW, names in HINT_HEADERS. */
  originPatterns: 256,
  hintHeaders: 8,
  /** Origins in CORS_ORIGINS, all compared for an error that has an `Origin`. */
  corsOrigins: 256,
  /** Apps in one answer of the admin endpoints. */
  appsPerPage: 1000,
} as const;
