// First step of a client's request: what it says to the router. That is its app, the target for the replica, hints, deadline; or why it is refused.
// Pure but for the Request.
import { isAppName } from "../wire/heartbeat.ts";
import { parseRequestHints, withoutAliases } from "../wire/hints.ts";
import { matchesRequest } from "../wire/path-pattern.ts";
import type { SplitUrl } from "../wire/request-url.ts";
import { BOUNDS } from "../limits.ts";
import { failed, type Result, type RouterError } from "../router-error.ts";
import type { Priority } from "../routing/ledger/queue.ts";
import type { AppFrom, Settings } from "../settings/settings.ts";
import { readHints } from "./request-hints.ts";
import { asksForWebSocket, webSocketFault } from "./websocket-handshake.ts";

export interface ClientRequest {
  readonly app: string;
  /** Path and query as sent to the replica. */
  readonly target: string;
  /** Path alone. */
  readonly path: string;
  /** The part of the client's path that names the app; empty: none. */
  readonly prefix: string;
  readonly hints: readonly string[];
  /** There are no hints but perhaps one in the body. */
  readonly hintMayBeInBody: boolean;
  /** The request takes no slot and never waits. */
  readonly isSlotless: boolean;
  /** How long the request may wait before it is first sent to a replica, and whether the client or the router set that limit. */
  readonly timeoutMs: number;
  readonly timeoutType: "user" | "router";
  readonly queueLengthMax: number | null;
  /** What serving costs, as the client says; null: it does not say. */
  readonly declaredMs: number | null;
  readonly priority: Priority;
  /** Hints that the client will ask for soon. */
  readonly prewarm: readonly string[];
  readonly mayRetry: boolean;
  /** The request is to become a WebSocket. */
  readonly webSocket: boolean;
}

/** This router's name in `Via`. A request that carries it has been here before. */
export const VIA_NAME = "warmpath";

const VIA_SELF = new RegExp(`(^|,)\\s*(?:[\\w.-]+/)?[\\w.-]+\\s+${VIA_NAME}\\s*(?:\\(|,|$)`, "i");

/**
 * Calls of fal's queue about a request that was submitted: its result, its state or its end. fal's clients send them below owner and app, so they
 * come with path:2 alone. With any other APP_FROM such a path is the replica's own.
 */
const FAL_QUEUE_CALL = /^\/requests\/[^/]+(\/(status(\/stream)?|response|cancel))?\/?$/;

/** Seconds above 0. What languages print of a number of seconds has up to 20 decimals, if it has no exponent. */
export const SECONDS = /^(?=.*[1-9])[0-9]{1,12}(\.[0-9]{1,20})?$/;

/** Reads a request that is not for the control plane, or says what is wrong with it. */
export function readClientRequest(request: Request, url: SplitUrl, settings: Settings): Result<ClientRequest> {
  const { headers } = request;
  const webSocket = asksForWebSocket(headers);
  const fault = faultOf(request, webSocket);
  if (fault !== null) return failed(fault);
  const place = placeOf(url, settings.APP_FROM);
  if (place === null) return failed({ type: "app_not_found", detail: "The URL does not name an app." });
  const queueCall = settings.APP_FROM.kind === "path" && settings.APP_FROM.segments === 2 && FAL_QUEUE_CALL.test(place.path);
  if (queueCall) return failed({ type: "queue_not_available" });
  const hints = readHints(request, place.path, url.query, settings);
  if (!hints.ok) return hints;
  const asked = parseSeconds(headers.get("x-fal-request-timeout"));
  if (asked === "malformed") {
    return failed({ type: "bad_request", detail: "x-fal-request-timeout: must be seconds, a decimal number above 0" });
  }
  const declaredMs = parseSeconds(headers.get("x-warmpath-cost"));
  if (declaredMs === "malformed" || (declaredMs ?? 0) > BOUNDS.declaredCostMs) {
    const detail = `x-warmpath-cost: must be seconds, a decimal number above 0 and at most ${BOUNDS.declaredCostMs / 1000}`;
    return failed({ type: "bad_request", detail });
  }
  const prewarm = parseRequestHints([headers.get("x-warmpath-prewarm") ?? ""]);
  if (!prewarm.ok) return failed({ type: "bad_request", detail: `x-warmpath-prewarm: ${prewarm.detail}` });
  const priority = (headers.get("x-fal-queue-priority") ?? "normal").trim().toLowerCase();
  if (!isPriority(priority)) {
    return failed({ type: "bad_request", detail: "x-fal-queue-priority: must be low, normal or high" });
  }
  const queueLengthMax = parseQueueLength(url.query);
  if (queueLengthMax === "malformed") {
    return failed({ type: "bad_request", detail: "fal_max_queue_length: must be an integer of at least 0" });
  }
  const patient = asked === null || asked >= settings.QUEUE_TIMEOUT_MS;
  const { app, path, prefix } = place;
  const target = path + url.query;
  if (target.length > BOUNDS.targetLength) {
    return failed({ type: "bad_request", detail: `The URL is longer than ${BOUNDS.targetLength} characters, escaped.` });
  }
  return {
    ok: true,
    value: {
      app,
      path,
      prefix,
      target,
      hints: hints.value.hints,
      hintMayBeInBody: hints.value.mayBeInBody,
      isSlotless: request.method === "OPTIONS" || matchesRequest(settings.NO_SLOT, request.method, path),
      timeoutMs: patient ? settings.QUEUE_TIMEOUT_MS : asked,
      timeoutType: patient ? "router" : "user",
      queueLengthMax,
      declaredMs,
      priority,
      prewarm: withoutAliases(prewarm.hints, settings.HINT_ALIASES),
      mayRetry: !/^(1|true|yes)$/i.test(headers.get("x-fal-no-retry") ?? ""),
      webSocket,
    },
  };
}

/** What is wrong with a request whatever its app is; null: nothing. */
function faultOf(request: Request, webSocket: boolean): RouterError | null {
  const { method, headers } = request;
  if (VIA_SELF.test(headers.get("via") ?? "")) return { type: "loop_detected" };
  const handshakeFault = webSocket ? webSocketFault(request) : null;
  if (handshakeFault !== null) return { type: "bad_request", detail: handshakeFault };
  // The runtime would forward such a request without its body.
  if ((method === "GET" || method === "HEAD") && headers.has("transfer-encoding")) {
    return { type: "bad_request", detail: `Transfer-Encoding: a ${method} can't have a body in chunks` };
  }
  return null;
}

function placeOf({ host, path }: SplitUrl, from: AppFrom): Pick<ClientRequest, "app" | "path" | "prefix"> | null {
  switch (from.kind) {
    case "fixed":
      return { app: from.app, path, prefix: "" };
    case "host": {
      const app = (host.split(/[.:]/, 1)[0] ?? "").toLowerCase();
      return isAppName(app) ? { app, path, prefix: "" } : null;
    }
    case "path": {
      const segments = path.split("/", from.segments + 1).slice(1);
      const app = segments.join("/");
      if (segments.length < from.segments || !isAppName(app)) return null;
      return { app, path: path.slice(app.length + 1) || "/", prefix: `/${app}` };
    }
  }
}

function isPriority(text: string): text is Priority {
  return text === "low" || text === "normal" || text === "high";
}

function parseSeconds(header: string | null): number | null | "malformed" {
  if (header === null) return null;
  return SECONDS.test(header.trim()) ? Number(header) * 1000 : "malformed";
}

function parseQueueLength(query: string): number | null | "malformed" {
  if (!query.includes("fal_max_queue_length")) return null;
  const text = new URLSearchParams(query).get("fal_max_queue_length");
  if (text === null) return null;
  return /^\d{1,9}$/.test(text) ? Number(text) : "malformed";
}
