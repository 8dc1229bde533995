// What the router adds to Cloudflare's traces. The runtime makes the spans by itself: of the request, of each call to an object, of each fetch from a replica.
// It neither takes over a client's trace nor passes its own on, so the client's `traceparent` is an attribute here, by which the two can be joined.
import { tracing } from "cloudflare:workers";
import type { RequestFacts, RequestRecord } from "./request-record.ts";

/** Where no trace is recorded, as on plain workerd and for requests that are not sampled, this does nothing. */
export function traceRequest(facts: () => RequestFacts, record: RequestRecord, request: Request): void {
  const span = tracing.getActiveSpan();
  if (span?.isTraced !== true) return;
  const { requestId, hint, replica, reason, error, queueMs } = facts();
  const { app, attempts } = record;
  const traceparent = request.headers.get("traceparent");
  const attributes = { app, request_id: requestId, hint, replica, reason, error, queue_ms: queueMs, attempts, traceparent };
  for (const [name, value] of Object.entries(attributes)) if (value !== null) span.setAttribute(`warmpath.${name}`, value);
}
