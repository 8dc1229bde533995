// Every fixed bound of the shell: what is read from the wire, what one isolate keeps, how long it waits and how often it retries. The reason for each
// value stands beside it. Bounds of a fleet are in src/routing/limits.ts. What an operator may change is a setting (src/settings).
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
  /** Aliases in HINT_ALIASES. Each has up to two hints' characters, and an environment variable of a Worker at most 5 KB. */
  hintAliases: 1000,
  /**
   * The beginning of a streamed JSON body in which HINT_FROM_JSON is looked for, and which is kept until the request is sent. A body up to this that is kept
   * whole is parsed (docs/performance.md says what that takes).
   */
  hintBodyBytes: 64 * KIBIBYTE,
  /** Tokens of a longer body that is kept, of which all is looked through, because some clients write the model after prompts and images: some 10 ms at worst. An image is one token. */
  hintBodySteps: 256 * KIBIBYTE,
  /** Such beginnings of all requests of one isolate, beside the bodies that are kept whole. Beyond, a body is streamed without a look at it. */
  peekedBytesPerIsolate: 16 * MEBIBYTE,
  /** Steps and characters of HINT_FROM_JSON, and characters of HINT_FROM_QUERY. Nobody needs more. */
  hintPathSteps: 8,
  hintPathLength: 256,
  hintQueryLength: 64,
  /** Patterns in NO_SLOT, all compared with each request; and characters of one pattern, of HINT_FROM_PATH too. */
  noSlotPatterns: 64,
  pathPatternLength: 512,
  /**
   * Path and query of a request, escaped, in characters. The runtime takes URLs of 65,534 bytes, the origin included. On a longer URL it fails as if
   * the replica could not be reached.
   */
  targetLength: 64_000,
  /** `origin` and `replica` of a heartbeat, in characters. A host name has at most 253. */
  originLength: 300,
  replicaIdLength: 256,
  /**
   * Every hint at its longest, each character escaped by a backslash, each hint in quotes and followed by a comma and a space. The last 4 KiB are for
   * the other fields, which need less than half of that. The bound limits what somebody without a token can make an isolate keep.
   */
  heartbeatBodyBytes: FLEET.hintsPerReplica * (2 * HINT_LENGTH + 4) + 4 * KIBIBYTE,
  /** Warnings in one answer, and characters of a sender's name that a warning shows: enough to find a slip. */
  warnings: 8,
  warnedNameLength: 64,
  /** Heartbeats a fleet takes, as a multiple of HEARTBEAT_RATE_MAX, before it answers 429. */
  heartbeatRateBurst: 4,
  /**
   * Frames of one WebSocket in a second: one more closes it. A replica beats every few seconds and reports changes at once, such as a load and what it
   * evicted.
   */
  framesPerSecond: 20,
  /** After a restart the object grants nothing for this long, while Workers report the requests that still run: `watchAfterMs` and a moment. */
  recoveryMs: 1.4 * SECOND_MS,
  /** The most that a client can say a request costs: a day. */
  declaredCostMs: 24 * HOUR_MS,
  /** An app is known for this long after its last replica left. */
  appMemoryMs: 24 * HOUR_MS,
  /** How long the row of a replica that says what it holds in its answers alone waits for more such answers. */
  rowDelayMs: SECOND_MS,
  /** The backstop alarm of a fleet with replicas; its timer is normally far earlier. */
  alarmMs: 5 * 60 * SECOND_MS,
  /**
   * Attempts that MAX_ATTEMPTS does not count: the first that failed within `briefAttemptMs` at a replica that answers nothing any more. Such a replica
   * likely never got the request. Only one, because a request that kills replicas looks the same: it reaches at most MAX_ATTEMPTS + 1 of them.
   */
  unreachedAttempts: 1,
  briefAttemptMs: SECOND_MS,
  /**
   * Idle connections of one origin that the runtime may have kept, and for how long it keeps one. A request whose connection broke off at once goes to
   * the same replica again while it may have met such a connection, so at most this often. Origins: those for which an isolate counts.
   */
  keptConnections: 8,
  keptConnectionMs: 10 * SECOND_MS,
  keptOrigins: 1000,
  /** How much later than the runtime a busy isolate may learn that an answer has ended and its connection is kept. */
  keptNewsMs: 10,
  /** A POST or PATCH that a replica has worked on for longer is not sent again by the router's own choice: to repeat it may do harm. */
  repeatWithinMs: 60 * SECOND_MS,
  /** Times that a request asks a Fleet object that fails, before it falls back to the snapshot; and the pause between, doubled each time and spread. */
  objectAttempts: 3,
  objectRetryMs: 50,
  /** Times that a running request asks a restarted object to adopt it, at once and then after a pause that doubles. */
  adoptAttempts: 5,
  adoptRetryMs: 200,
  /** How long after a request's deadline the edge ends it, if the object has not: an object that is well ends and counts such requests itself. */
  deadlineGraceMs: 250,
  /** How long the Directory may take before it counts as out of reach. */
  directoryMs: 5 * SECOND_MS,
  /** Requests of an app that went well, of which an isolate tells the object with its next request: as many as come while an object restarts. */
  successesKept: 64,
  /** How long after a request of an isolate another one counts as near. */
  nextRequestMs: 100,
  /** How soon the one timer of a request fires at the latest, and the most that the runtime's timers take. */
  alarmTickMs: SECOND_MS,
  alarmMostMs: 2 ** 31 - 1,
  /** A request that runs for less than this does not watch for a restart of its object. */
  watchAfterMs: SECOND_MS,
  /** The pause before a request tries again to watch an object that is overloaded, doubled up to the most. */
  watchAgainMs: SECOND_MS,
  watchAgainMostMs: 30 * SECOND_MS,
  /** What all requests of one isolate together keep for a second attempt, bodies and answers. An isolate has 128 MB. */
  keptBytesPerIsolate: 32 * MEBIBYTE,
  /**
   * What an isolate counts for a request (kept bytes, slots by snapshot) counts for this long after a reset, which ends the request without a word.
   * Running requests renew their leases three times as often.
   */
  leaseMs: 3 * SECOND_MS,
  /**
   * How long a client may take to send a body that is kept, since such a body takes memory from others. 1 MiB in that time is 280 kbit/s.
   * FIRST_BYTE_TIMEOUT_MS bounds the time too.
   */
  bodyReadMs: 30 * SECOND_MS,
  /** A body up to this is sent before a replica that answers and closes without reading could break it off. */
  bodySentBytes: 64 * KIBIBYTE,
  /** How long a replica may take to answer `OPTIONS /` or to accept a connection, when it is not clear who broke off; and the pause before that question. */
  probeMs: 2 * SECOND_MS,
  beforeProbeMs: 100,
  /** How often a replica that accepts connections is asked: the runtime may have kept so many stale connections beside those that the request met. */
  probes: 8,
  /** A response body of known length up to this is read whole if it is there that soon after its headers. Such a body needs no stream through the Worker. */
  wholeResponseBytes: 64 * KIBIBYTE,
  wholeResponseMs: 20,
  /** Bytes read at once of a stream: the least of one that trickles, since an isolate may hold thousands of them, and the most of one that is fast. */
  readBytesLeast: 4 * KIBIBYTE,
  readBytesMost: 128 * KIBIBYTE,
  /** How often in IDLE_TIMEOUT_MS a stream is checked for a stall. */
  idleChecks: 4,
  /** How long after one side's Close of a WebSocket the router waits for the other side's Close and the messages before it. */
  closeHandshakeMs: 10 * SECOND_MS,
  /** How long an answer that is to be buffered may take to arrive. */
  keptAnswerMs: 2 * SECOND_MS,
  /** The age at which an isolate fetches a new snapshot, and what its cache may hold over all apps. SNAPSHOT_MAX_AGE_MS says how long a snapshot is used. */
  snapshotAgeMs: 10 * SECOND_MS,
  /** Requests of an isolate for one app since it last asked for a snapshot, from which on a fresh copy is worth a call, with `auto`. */
  directRequests: 20,
  /** A copy that is older than this many times its refresh interval sends no request by itself: so few requests come that the object may be asked. */
  directRefreshes: 2,
  snapshotApps: 100,
  /** How soon an isolate tells the object again of an announced hint, a small part of the minute that one counts for; and hints that it remembers for that. */
  announcedAgainMs: 10 * SECOND_MS,
  announcedHints: 1000,
  /** How old the answer of MODELS_ENDPOINT may be, at the edge and in the object, and the characters of all that an isolate keeps of such answers. */
  modelsAgeMs: SECOND_MS,
  /** How long the object may take to give the list. */
  modelsMs: 2 * SECOND_MS,
  modelsTextPerIsolate: 8 * MEBIBYTE,
  snapshotReplicas: 20_000,
  /** The pause before a request that waits in an isolate for its object polls again, doubled up to the most and spread. */
  snapshotPollMs: 250,
  snapshotPollMostMs: 4 * SECOND_MS,
  /** How long an object must answer each time before the log says that it is in reach again: one that fails now and then makes two lines. */
  outageEndMs: 10 * SECOND_MS,
  /** Lines in a second that one object logs of its replicas: a deploy of 100 replicas has one for each. */
  eventLinesPerSecond: 100,
  /** How long after an object did not answer one of the requests that wait for it in an isolate asks it again. */
  snapshotAskMs: SECOND_MS,
  /** Apps an isolate remembers as existing, and for how long, before it asks the Directory again. */
  knownApps: 1000,
  knownAppMs: 5 * 60 * SECOND_MS,
  /**
   * While the Directory can't be reached: how many names that are new to an isolate may pass, in how long. Enough for real apps. A flood of made-up names
   * starts no more objects than that.
   */
  uncheckedApps: 100,
  uncheckedAppsMs: 60 * SECOND_MS,
  /** Retry-After when a Rate Limiting binding refuses: the shorter of the two periods that such a binding can have. */
  rateLimitRetryMs: 10 * SECOND_MS,
  /** Tokens in HEARTBEAT_TOKENS, all compared on each heartbeat. */
  heartbeatTokens: 1000,
  /** Patterns in ORIGIN_ALLOW, names in HINT_HEADERS. */
  originPatterns: 256,
  hintHeaders: 8,
  /** Origins in CORS_ORIGINS. An error for a request with an `Origin` is compared with all of them. */
  corsOrigins: 256,
  /** Bytes of the index of a point in Analytics Engine, which is the app. A name is ASCII. */
  analyticsIndexLength: 96,
  /** SCALE_WEBHOOK, in characters. */
  webhookLength: 2000,
  /**
   * How often an app without replicas asks SCALE_WEBHOOK at most, how long one call may take, and the pause before the second and last try. The interval is
   * shorter than `demandKeptMs`, for as long as which the object remembers the last call.
   */
  webhookEveryMs: 30 * SECOND_MS,
  webhookMs: 5 * SECOND_MS,
  webhookRetryMs: SECOND_MS,
  /** Apps in one answer of the admin endpoints. */
  appsPerPage: 1000,
  /**
   * Apps in one scrape of the metrics, some 10 KB each; how many are asked at once, how long one may take to answer, and all of them: a scraper waits 10 s
   * by default.
   */
  appsPerScrape: 500,
  scrapesAtOnce: 32,
  scrapeAppMs: 2 * SECOND_MS,
  scrapeMs: 8 * SECOND_MS,
  /** How soon an object that is scraped writes its counters between scrapes: what a crash may lose. */
  metricsRowMs: 60 * SECOND_MS,
  /** How long a sign-in to the dashboard holds, a working day; and a link that signs in once, and how many of those that were used are remembered. */
  sessionMs: 12 * HOUR_MS,
  signInLinkMs: 10 * 60 * SECOND_MS,
  signInLinksUsed: 1000,
  /** A form of the dashboard, with the longest name of a replica, each of its characters escaped. */
  formBytes: 4 * KIBIBYTE,
  /**
   * How often a dashboard that is open is brought up to date; how often it hears something in any case, so that a lost connection is noticed on both
   * sides; and for how long one connection does it, as Cloudflare bounds the calls to objects of one request (50 on Free). Browsers open the next one by
   * themselves, after the pause that they are told.
   */
  liveMs: 2 * SECOND_MS,
  livePingMs: 10 * SECOND_MS,
  liveConnectionMs: 60 * SECOND_MS,
  liveAgainMs: 500,
  /** Apps on a page of the dashboard, each of which is asked how it does; and how often that page is brought up to date. */
  appsPerDashboard: 50,
  liveAppsMs: 10 * SECOND_MS,
  /**
   * How long an object stays awake after an autoscaler has asked, or after a request came for an app without replicas: so often an autoscaler must ask. The
   * runtime keeps an object with a timer for at least 70 s.
   */
  demandKeptMs: 60 * SECOND_MS,
  /** How long a request may be over before it is counted without anybody telling how it went: such news comes with an edge's next request. */
  untoldMs: 60 * SECOND_MS,
} as const;
