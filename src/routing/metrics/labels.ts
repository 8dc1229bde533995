// The values of every label, in one place. The sets are closed: no hint, replica or client is ever a label, so the number of series has a bound.

/** Why a request was sent to its replica. `unknown`: the request was granted before a restart of the object. */
export const REASONS = ["hint_match", "hint_wait", "hash_owner", "hash_spill", "least_loaded", "unknown"] as const;
export type GrantReason = (typeof REASONS)[number];

/**
 * What became of a request that was sent. The object hears answers by kind and not by status: the first four are kinds of answers, the next seven kinds of
 * failures (health/outcome.ts).
 */
export const OUTCOMES = [
  "success",
  "unsupported",
  "rejected",
  "excused",
  "unreachable",
  "disconnected",
  "unavailable",
  "declined",
  "timed_out",
  "broken",
  "error",
  /** The answer began and ended early, perhaps by the client's doing. */
  "incomplete",
  /** Nobody has told: most often the client went before the answer. */
  "unknown",
] as const;
export type RequestOutcome = (typeof OUTCOMES)[number];

/** What a load was: of a hint that nobody held, that another replica holds or loads, that the fleet held once and lost. */
export const LOAD_KINDS = ["first_touch", "duplicate", "evicted"] as const;
export type LoadKind = (typeof LOAD_KINDS)[number];

export const REFUSALS = ["queue_full", "no_replicas", "no_other_replica", "no_retry_left", "timed_out"] as const;

export const HEARTBEATS = ["accepted", "stopped", "stale", "origin_taken", "fleet_full", "rate_limited"] as const;
