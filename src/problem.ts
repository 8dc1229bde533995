// The router's own errors as HTTP: one table, problem details (RFC 9457) with fal's `detail` and `error_type`
// and OpenAI's `error` inside. A replica's errors never pass here. They go to the client as they are, with `x-fal-served-from`.

import type { RouterError } from "./router-error.ts";

interface Shape {
  readonly status: number;
  readonly title: string;
  readonly detail?: string;
}

export const PROBLEMS: Readonly<Record<RouterError["type"], Shape>> = {
  bad_request: { status: 400, title: "Bad request" },
  unauthorized: { status: 401, title: "Unauthorized", detail: "A valid bearer token is required." },
  forbidden: { status: 403, title: "Forbidden" },
  not_found: { status: 404, title: "Not found" },
  app_not_found: { status: 404, title: "App not found" },
  method_not_allowed: { status: 405, title: "Method not allowed" },
  upload_timeout: { status: 408, title: "Upload timeout" },
  stale_heartbeat: {
    status: 409,
    title: "Stale heartbeat",
    detail: "A later report of this replica is known, or this incarnation of it was deleted.",
  },
  origin_taken: {
    status: 409,
    title: "Origin taken",
    detail: "Another replica of the app has this origin, in a newer incarnation.",
  },
  payload_too_large: { status: 413, title: "Payload too large" },
  invalid_heartbeat: { status: 422, title: "Invalid heartbeat" },
  fleet_full: { status: 422, title: "Fleet full" },
  queue_full: { status: 429, title: "Queue full" },
  rate_limited: { status: 429, title: "Too many requests" },
  internal_error: { status: 500, title: "Internal error", detail: "The router failed; its log has the cause." },
  misconfigured: { status: 500, title: "Misconfigured" },
  queue_not_available: {
    status: 501,
    title: "Queue not available",
    detail: "The router has no queue that keeps requests: send the request itself (fal's run or stream) and wait for its answer.",
  },
  runner_disconnected: {
    status: 502,
    title: "Runner disconnected",
    detail: "The replica could not be reached or broke off before it answered, and the request could not be sent to another.",
  },
  no_replicas: { status: 503, title: "No replicas", detail: "The app has no replica that could take the request." },
  runner_scheduling_failure: {
    status: 503,
    title: "Scheduling failure",
    detail: "The app's registry could not be reached and this location has no recent view of its replicas.",
  },
  request_timeout: { status: 504, title: "Request timeout" },
  loop_detected: {
    status: 508,
    title: "Loop detected",
    detail: "The request has already passed a Warmpath router: a replica's origin leads back to one.",
  },
};

/** The response for an error. The request's `Accept` chooses between the two content types. A HEAD gets no body. */
export function problemResponse(error: RouterError, request: Request, requestId: string): Response {
  const body = problemBody(error);
  const headers = new Headers({
    "content-type": contentTypeFor(request.headers.get("accept")),
    "cache-control": "no-store",
    "x-fal-request-id": requestId,
    "x-fal-error-type": error.type,
  });
  if (error.type === "unauthorized") headers.set("www-authenticate", "Bearer");
  if ("allow" in error) headers.set("allow", error.allow);
  if ("retryAfterMs" in error) headers.set("retry-after", String(Math.max(1, Math.ceil(error.retryAfterMs / 1000))));
  if ("timeout" in error) headers.set("x-fal-request-timeout-type", error.timeout);
  return new Response(request.method === "HEAD" ? null : `${JSON.stringify(body)}\n`, { status: body.status, headers });
}

/** The problem document for an error. */
export function problemBody(error: RouterError): { readonly status: number } & Readonly<Record<string, unknown>> {
  const { status, title, detail } = PROBLEMS[error.type];
  const message = "detail" in error ? error.detail : detail;
  return {
    type: `urn:warmpath:error:${error.type}`,
    title,
    status,
    detail: message,
    error_type: error.type,
    error: { message, type: openAiType(status), code: error.type },
    ...membersOf(error),
  };
}

/** Members that only some errors have. */
function membersOf(error: RouterError): object {
  switch (error.type) {
    case "invalid_heartbeat":
      return { field: error.field };
    case "misconfigured":
      return { setting: error.setting };
    case "runner_disconnected":
      return error.replica === undefined ? {} : { replica: error.replica, cause: error.cause };
    case "origin_taken":
      return { replica: error.replica, known: { incarnation: error.incarnation } };
    case "stale_heartbeat":
      return { known: { incarnation: error.incarnation, sequence: error.sequence } };
    default:
      return {};
  }
}

/** OpenAI's class of errors for a status. OpenAI's clients print `error.message` and nothing else of a body. */
export function openAiType(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  if (status === 429) return "rate_limit_error";
  return status >= 500 ? "server_error" : "invalid_request_error";
}

/** fal's clients parse an error only if it is labelled application/json. Everybody else gets the standard's own type. */
function contentTypeFor(accept: string | null): string {
  const ranges = (accept ?? "").split(",");
  const wanted = new Set(ranges.map((range) => range.split(";", 1)[0]?.trim().toLowerCase()));
  const plain = wanted.has("application/json") && !wanted.has("application/problem+json");
  return plain ? "application/json" : "application/problem+json";
}
