// The router's own answers in a replica's stead, as data. Each step of a request's way can end with one. problem.ts makes HTTP of it at the way's
// end.

/** What a step gives: what the next one needs, or the router's own answer. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: RouterError };

/** What the router can answer instead of a replica. Where `detail` is absent the table has the text. */
export type RouterError =
  | { readonly type: "bad_request"; readonly detail: string }
  | { readonly type: "unauthorized" }
  | { readonly type: "forbidden"; readonly detail: string }
  | { readonly type: "not_found"; readonly detail: string }
  | { readonly type: "app_not_found"; readonly detail: string }
  | { readonly type: "method_not_allowed"; readonly allow: string; readonly detail: string }
  | { readonly type: "stale_heartbeat"; readonly incarnation: number; readonly sequence: number | null }
  | { readonly type: "upload_timeout"; readonly detail: string }
  | { readonly type: "payload_too_large"; readonly detail: string }
  | { readonly type: "invalid_heartbeat"; readonly field: string; readonly detail: string }
  | { readonly type: "fleet_full"; readonly detail: string }
  | { readonly type: "queue_full"; readonly detail: string; readonly retryAfterMs: number }
  | { readonly type: "rate_limited"; readonly detail: string; readonly retryAfterMs: number }
  | { readonly type: "internal_error" }
  | { readonly type: "queue_not_available" }
  | { readonly type: "misconfigured"; readonly setting: string; readonly detail: string }
  /** `replica`: the last that failed the request, and why. Both are absent if no replica is left for a retry. */
  | { readonly type: "runner_disconnected"; readonly replica?: string; readonly cause?: string }
  | { readonly type: "origin_taken"; readonly replica: string; readonly incarnation: number }
  | { readonly type: "no_replicas"; readonly retryAfterMs: number }
  | { readonly type: "runner_scheduling_failure"; readonly retryAfterMs: number }
  | { readonly type: "request_timeout"; readonly timeout: "user" | "router"; readonly detail: string }
  | { readonly type: "loop_detected" };

/** The end of a request's way, with the router's own answer. */
export function failed(error: RouterError): { readonly ok: false; readonly error: RouterError } {
  return { ok: false, error };
}
