// The router's settings under chaos: as in production but for times, which fit a short run; and the fleet that it routes to.

/** What follows from the settings below, and from bench/chaos/worker/short-times.ts. */
export const TIMES_MS = {
  heartbeatMs: 500,
  timeToLiveMs: 1500,
  queueTimeoutMs: 6000,
  firstByteTimeoutMs: 1500,
  idleTimeoutMs: 1000,
  ejectionMostMs: 4000,
} as const;

export const MAX_ATTEMPTS = 3;
/** The most replicas that one request can go to. */
export const REPLICAS_MAX = MAX_ATTEMPTS + 1;
export const RETRY_BODY_MAX_BYTES = 65_536;
export const QUEUE_LENGTH_MAX = 60;

export const SETTINGS: Readonly<Record<string, string>> = {
  HEARTBEAT_INTERVAL_MS: String(TIMES_MS.heartbeatMs),
  QUEUE_TIMEOUT_MS: String(TIMES_MS.queueTimeoutMs),
  FIRST_BYTE_TIMEOUT_MS: String(TIMES_MS.firstByteTimeoutMs),
  IDLE_TIMEOUT_MS: String(TIMES_MS.idleTimeoutMs),
  MAX_ATTEMPTS: String(MAX_ATTEMPTS),
  RETRY_BODY_MAX_BYTES: String(RETRY_BODY_MAX_BYTES),
  QUEUE_LENGTH_MAX: String(QUEUE_LENGTH_MAX),
  COLD_START_MS: "100",
};

export interface ReplicaShape {
  readonly app: string;
  readonly replica: string;
  readonly concurrency: number;
}

/** Two apps with the same hints and the same names of replicas, so that a mix-up shows. */
export const APPS = ["alpha", "beta"] as const;
export const HINTS = ["h1", "h2", "h3", "h4", "h5", "h6"] as const;
export const HINT_SLOTS = 3;
export const LOAD_MS = 60;

const CONCURRENCIES = [1, 2, 2, 4];
/** Replicas that take so many times as many requests at once are what the edge sends to by itself. */
const WIDE = 16;

export const REPLICAS: readonly ReplicaShape[] = APPS.flatMap((app) =>
  CONCURRENCIES.map((concurrency, index) => ({ app, replica: `r${index + 1}`, concurrency })),
);

export const WIDE_REPLICAS: readonly ReplicaShape[] = REPLICAS.map((shape) => ({
  ...shape,
  concurrency: WIDE * shape.concurrency,
}));

/** However few requests come: a run is too slow for `auto`. */
export const WIDE_SETTINGS: Readonly<Record<string, string>> = { ...SETTINGS, DISPATCH: "edge" };
