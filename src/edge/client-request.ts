// What a client's request says to the router: the app, what the replica is to be sent, hints, patience. Pure but for the Request.
import { isAppName } from "../wire/heartbeat.ts";
import { parseRequestHints } from "../wire/hints.ts";
import { BOUNDS } from "../limits.ts";
import type { Priority } from "../routing/ledger/queue.ts";
import type { RouterError } from "../problem.ts";
import type { AppFrom, Settings } from "../settings/settings.ts";

export interface ClientRequest {
  readonly app: string;
  /** Path and query as sent to the replica. */
  readonly target: string;
  /** Path alone. */
  readonly path: string;
  /** What was cut from the client's path; empty: nothing. */
  readonly prefix: string;
  readonly hints: readonly string[];
  /** Time the request may wait before it is first sent to a replica, and whose limit that is. */
  readonly timeoutMs: number;
  readonly timeoutType: "user" | "router";
  readonly queueLengthMax: number | null;
  /** What the client says serving costs; null: nothing. */
  readonly claimedMs: number | null;
  readonly priority: Priority;
  readonly mayRetry: boolean;
}

export type ClientRequestResult =
  | { readonly ok: true; readonly value: ClientRequest }
  | { readonly ok: false; readonly error: RouterError };

/** Names this router in `Via`; a request that carries it has been here before. */
export const VIA_NAME = "warmpath";

const VIA_SELF = new RegExp(`(^|,)\\s*(?:[\\w.-]+/)?[\\w.-]+\\s+${VIA_NAME}\\s*(?:\\(|,|$)`, "i");

/**
 * Calls of fal's queue about a request that was submitted: its result, state or end. fal's clients send them below owner and app, so with
 * path:2 alone; with any other APP_FROM such a path is the replica's own.
 */
const FAL_QUEUE_CALL = /^\/requests\/[^/]+(\/(status(\/stream)?|response|cancel))?\/?$/;

/** Reads a request that is not for the control plane, or says what is wrong with it. */
export function readClientRequest(request: Request, settings: Settings): ClientRequestResult {
  const { headers } = request;
  if (VIA_SELF.test(headers.get("via") ?? "")) return failed({ type: "loop_detected" });
  if (!hasPlainHost(request)) return failed({ type: "bad_request", detail: "Host: must be a host, or a host and a port" });
  const handshakeFault = asksForWebSocket(headers) ? webSocketFault(request) : null;
  if (handshakeFault !== null) return failed({ type: "bad_request", detail: handshakeFault });
  // The runtime forwards such a request without its body, and says nothing.
  if ((request.method === "GET" || request.method === "HEAD") && headers.has("transfer-encoding")) {
    return failed({ type: "bad_request", detail: `Transfer-Encoding: a ${request.method} can't have a body in chunks` });
  }
  const url = splitUrl(request.url);
  const place = placeOf(url, settings.APP_FROM);
  if (place === null) return failed({ type: "app_not_found", detail: "The URL does not name an app." });
  const queueCall = settings.APP_FROM.kind === "path" && settings.APP_FROM.segments === 2 && FAL_QUEUE_CALL.test(place.path);
  if (queueCall) return failed({ type: "queue_not_available" });
  const hints = parseRequestHints(settings.HINT_HEADERS.flatMap((name) => headers.get(name) ?? []));
  if (!hints.ok) return failed({ type: "bad_request", detail: `${settings.HINT_HEADERS.join(", ")}: ${hints.detail}` });
  const asked = parseSeconds(headers.get("x-fal-request-timeout"));
  if (asked === "malformed") {
    return failed({ type: "bad_request", detail: "x-fal-request-timeout: must be seconds, a decimal number above 0" });
  }
  const claimedMs = parseSeconds(headers.get("x-warmpath-cost"));
  if (claimedMs === "malformed" || (claimedMs ?? 0) > BOUNDS.claimedCostMs) {
    const detail = `x-warmpath-cost: must be seconds, a decimal number above 0 and at most ${BOUNDS.claimedCostMs / 1000}`;
    return failed({ type: "bad_request", detail });
  }
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
      hints: hints.hints,
      timeoutMs: patient ? settings.QUEUE_TIMEOUT_MS : asked,
      timeoutType: patient ? "router" : "user",
      queueLengthMax,
      claimedMs,
      priority,
      mayRetry: !/^(1|true|yes)$/i.test(headers.get("x-fal-no-retry") ?? ""),
    },
  };
}

interface SplitUrl {
  readonly host: string;
  readonly path: string;
  /** With its `?`, also where nothing follows it. */
  readonly query: string;
}

/**
 * The URL as WHATWG parses it: dot segments are resolved, which the runtime leaves to us, and what is routed is what is sent. The parts
 * are cut out of it by position, because `//`, `%2F` and a bare `?` must reach the replica as they came. All parts of what is no URL are
 * empty: the runtime makes one of a Host header that is no host.
 */
export function splitUrl(text: string): SplitUrl {
  if (!URL.canParse(text)) return { host: "", path: "", query: "" };
  const { href } = new URL(text);
  const hash = href.indexOf("#");
  const url = hash < 0 ? href : href.slice(0, hash);
  const hostStart = url.indexOf("://") + 3;
  const slash = url.indexOf("/", hostStart);
  const question = url.indexOf("?", slash);
  const pathEnd = question >= 0 ? question : url.length;
  return { host: url.slice(hostStart, slash), path: url.slice(slash, pathEnd), query: url.slice(pathEnd) };
}

/**
 * Whether the Host header is a host and maybe a port. The runtime puts it before the target as it came: a `/`, `?` or `#` in it would
 * ask for another path than the request line does.
 */
export function hasPlainHost({ url, headers }: Request): boolean {
  return !/[\s/?#@\\]/.test(headers.get("host") ?? "") && URL.canParse(url);
}

/** Whether a request is to become a WebSocket: any other protocol, and a list of several, is not for this router and is ignored. */
export function asksForWebSocket(headers: Headers): boolean {
  // Not by toLowerCase, which makes a k of the Kelvin sign: the runtime would not agree.
  return /^websocket$/i.test(headers.get("upgrade") ?? "");
}

/**
 * What is wrong with a WebSocket's handshake (RFC 6455 4.2.1); null: nothing. The runtime looks at it only once the router answers 101, and
 * does not tell when it refuses: the replica's WebSocket would stay open, and its slot taken. Nor does it tell when a client goes that sent
 * a body along. `Connection` may be missing where another Worker is the client; that one must
 * send version and key itself, which the runtime adds only to requests over the network.
 */
function webSocketFault({ method, headers, body }: Request): string | null {
  if (method !== "GET") return "Upgrade: websocket goes with GET alone";
  if (!/(^|,)\s*upgrade\s*(,|$)/i.test(headers.get("connection") ?? "upgrade")) return "Connection: must name upgrade";
  if (headers.get("sec-websocket-version") !== "13") return "Sec-WebSocket-Version: must be 13";
  if (!/^[A-Za-z0-9+/]{22}==$/.test(headers.get("sec-websocket-key") ?? "")) {
    return "Sec-WebSocket-Key: must be one key of 16 bytes in base64";
  }
  if (body !== null && headers.get("content-length") !== "0") return "Upgrade: websocket goes without a body";
  return null;
}

/** Whether a path is the control plane's. */
export function isControlPath(path: string): boolean {
  return path === "/-" || path.startsWith("/-/");
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
  const seconds = /^\d{1,12}(\.\d{1,12})?$/.test(header.trim()) ? Number(header) : 0;
  return seconds > 0 ? seconds * 1000 : "malformed";
}

function parseQueueLength(query: string): number | null | "malformed" {
  if (!query.includes("fal_max_queue_length")) return null;
  const text = new URLSearchParams(query).get("fal_max_queue_length");
  if (text === null) return null;
  return /^\d{1,9}$/.test(text) ? Number(text) : "malformed";
}

function failed(error: RouterError): ClientRequestResult {
  return { ok: false, error };
}
