// What becomes of a request that was sent to a replica, as the edge tells it: the kind of the answer, or how the replica failed the request.

/** What the status of an answer says of its replica and its hint. Any other 5xx is a failure. */
export type AnswerKind =
  /** 101, 2xx or 3xx. */
  | "success"
  /** 404 or 422: perhaps the replica does not serve the hint. */
  | "unsupported"
  /** Any other 4xx. */
  | "rejected"
  /** A 5xx with which the replica itself says what to do. Says nothing of the replica's health. */
  | "excused";

/** How a replica failed a request. `detail`: a few fixed words of the edge on the failure, for the administrator. */
export type Failure = FailureKind & { readonly detail?: string };

type FailureKind =
  /** No response headers, and nothing answers there: the connection was refused or reset, or a tunnel in between says so. */
  | { readonly kind: "unreachable" }
  /** No response headers, though the replica can be reached; or a 502 from what stands before the replica. */
  | { readonly kind: "disconnected" }
  /**
   * A 503: the replica takes no request now. One of its slots counts as taken for a moment. An ejection lasts at most as long as Retry-After asks.
   * `retryAfterMs` is null if the replica does not ask for a time.
   */
  | { readonly kind: "unavailable"; readonly retryAfterMs: number | null }
  /**
   * A 5xx or 429 with which the replica itself says that another replica should be asked. This counts against nobody, but one slot counts as taken
   * for a moment, as after a 503. `forHint`: perhaps the replica can't serve the hint.
   */
  | { readonly kind: "declined"; readonly retryAfterMs: number | null; readonly forHint: boolean }
  /** No response headers in time. */
  | { readonly kind: "timed_out" }
  /** The response broke off or stalled in the middle. */
  | { readonly kind: "broken" }
  /** Another 5xx. */
  | { readonly kind: "error" };
