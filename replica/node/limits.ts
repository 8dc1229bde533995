// Every bound of the replica's client: how long it waits, how often it tries, how much it reads. The reason stands beside each value.

const SECOND_MS = 1000;

export const LIMITS = {
  /** The pause before the router's first answer has named one; and the pauses that are believed: the range of HEARTBEAT_INTERVAL_MS. */
  firstIntervalMs: 5 * SECOND_MS,
  intervalLeastMs: 10,
  intervalMostMs: 24 * 3600 * SECOND_MS,
  /** How much later than asked a heartbeat may be, as a share of the interval: replicas that started together drift apart. A time to live is 3 intervals. */
  jitter: 0.1,
  /** The first pause after a failure: a change, such as a drain, should not wait for the next interval. */
  retryMs: SECOND_MS,
  /** The longest pause between tries, before it is spread: so soon after its router is back, a replica is listed again. */
  backoffMostMs: 30 * SECOND_MS,
  /** How much such a pause is spread either way, as a share. */
  backoffSpread: 0.25,
  /** A router that takes longer to answer counts as away. */
  answerMs: 5 * SECOND_MS,
  /** How long a replica that ends waits to say so. The router would find out by itself. */
  goodbyeMs: 2 * SECOND_MS,
  /** The least time between two heartbeats that were sent for a change: 10 a second, half of the frames that a WebSocket may carry. */
  changeGapMs: 100,
  /** The pause before a WebSocket that failed is opened again, doubled up to the most. Heartbeats are POSTed meanwhile. */
  reopenMs: SECOND_MS,
  reopenMostMs: 60 * SECOND_MS,
  /** The longest answer that is read. The longest that a router gives has eight warnings. */
  answerBytes: 64 * 1024,
  /** Texts of the router that are logged are cut there, in characters. */
  shownText: 300,
  /** Hints in a list, and characters of one: more the router does not take. */
  hints: 256,
  hintLength: 512,
  hintSlots: 256,
  concurrency: 10_000,
  /** How long a drain waits for running requests if nothing else is asked. */
  drainMs: 30 * SECOND_MS,
  drainMostMs: 24 * 3600 * SECOND_MS,
  /** How often a drain looks whether the server is idle by its own count. */
  drainPollMs: 100,
  /**
   * Edges send requests to wide replicas by themselves (DISPATCH), and learn of a drain about a second later. A drain of a replica that takes as many requests
   * at once waits for them.
   */
  wideConcurrency: 16,
  settleMs: 1.5 * SECOND_MS,
  /** The oldest and newest time that a signature may have, from now. */
  signatureAgeS: 300,
  /** Imported signing keys that are kept. */
  keysKept: 16,
} as const;
