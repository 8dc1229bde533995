// What becomes of a request that was sent to a replica, as the edge tells it: its answer's kind, or how the replica failed it.

/**
 * What an answer's status says of its replica and its hint. `success`: 101, 2xx or 3xx. `unsupported`: 404 or 422, with which a replica may say
 * that it does not serve the hint. `rejected`: any other 4xx. `excused`: a 5xx of which the replica says itself what to do, which says nothing of the
 * replica. Other 5xx are failures.
 */
export type AnswerKind = "success" | "unsupported" | "rejected" | "excused";

/** How a replica failed a request, and a few fixed words of the edge on it for the administrator. */
export type Failure = FailureKind & { readonly detail?: string };

type FailureKind =
  /** No response headers, and nothing answers there: refused, reset, or its tunnel's word for that. */
  | { readonly kind: "unreachable" }
  /** No response headers, though the replica can be reached; or a 502 of what stands before it. */
  | { readonly kind: "disconnected" }
  /** It answered 503: not now. A slot of it counts as taken for a moment. An ejection is no longer than Retry-After asks (null: it does not ask). */
  | { readonly kind: "unavailable"; readonly retryAfterMs: number | null }
  /** It says itself that another replica should be asked, on a 5xx or 429, which counts against nobody. A slot counts as taken as for `unavailable`. `forHint`: the hint may be why. */
  | { readonly kind: "declined"; readonly retryAfterMs: number | null; readonly forHint: boolean }
  /** No response headers in time. */
  | { readonly kind: "timed_out" }
  /** It broke off or stalled in the middle of a response. */
  | { readonly kind: "broken" }
  /** It answered with another 5xx. */
  | { readonly kind: "error" };
