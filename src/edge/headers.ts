// The headers that the router removes and adds, both ways. Every other header passes as it came.
import type { Reason } from "../routing/scheduler.ts";
import { VIA_NAME } from "./client-request.ts";
import type { Exchange } from "./exchange.ts";

/**
 * Headers for one connection only. RFC 9110 7.6.1 names the first six. By 11.7 the two Proxy- fields are for the next hop alone. Trailer announces
 * fields that the runtime does not relay.
 */
const HOP_BY_HOP = new Set([
  "connection",
  "proxy-connection",
  "keep-alive",
  "te",
  "transfer-encoding",
  "upgrade",
  "proxy-authenticate",
  "proxy-authorization",
  "trailer",
]);

/**
 * Headers that only the router may send to a replica. A client's own are dropped, with underscores too: a replica behind CGI or WSGI can't tell
 * `x_fal_endpoint` from the router's own.
 */
const RESERVED = /^(x[-_]fal[-_]|x[-_]warmpath[-_]|x[-_]forwarded[-_]|forwarded$)/;

/** The headers that a replica gets, but for the signature. */
export function requestHeaders({ request, url, client, requestId }: Exchange): Headers {
  const headers = new Headers(request.headers);
  dropFrom(headers, request.headers, (name) => RESERVED.test(name));
  headers.set("x-fal-request-id", requestId);
  headers.set("x-fal-endpoint", client.path);
  headers.set("x-forwarded-host", request.headers.get("host") ?? url.host);
  headers.set("x-forwarded-proto", url.scheme);
  if (client.prefix !== "") headers.set("x-forwarded-prefix", client.prefix);
  const address = clientAddress(request);
  if (address !== null) headers.set("x-forwarded-for", address);
  headers.append("via", `1.1 ${VIA_NAME}`);
  if (client.webSocket) headers.set("upgrade", "websocket");
  return headers;
}

export interface Served {
  readonly replica: string;
  readonly reason: Reason;
  readonly requestId: string;
  /** Time in the queue, and the rest until the request was sent, milliseconds. */
  readonly queueMs: number;
  readonly routeMs: number;
}

/** Makes the headers that a client gets of a copy of the replica's: without those for the router, and with why the replica was chosen. */
export function editResponseHeaders(headers: Headers, upstream: Headers, served: Served): void {
  // If there are chunks, a length beside them does not count.
  if (upstream.has("transfer-encoding")) headers.delete("content-length");
  dropFrom(headers, upstream, (name) => name === "x-fal-needs-retry" || name.startsWith("x-warmpath-"));
  headers.set("x-fal-served-from", served.replica);
  headers.set("x-warmpath-reason", served.reason);
  headers.set("x-fal-request-id", served.requestId);
  headers.append("server-timing", `queue;dur=${served.queueMs}, route;dur=${served.routeMs}`);
}

/** Drops from a copy of the headers those for one connection, which `Connection` may name too, and others that must go. */
function dropFrom(copy: Headers, headers: Headers, goes: (name: string) => boolean): void {
  for (const name of headers.keys()) if (HOP_BY_HOP.has(name) || goes(name)) copy.delete(name);
  for (const token of headers.get("connection")?.split(",") ?? []) {
    const name = token.trim();
    if (/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name)) copy.delete(name);
  }
}

/** The client's address, if Cloudflare names it. A request without `cf.colo` did not come through Cloudflare, so anyone could have written the header. */
export function clientAddress(request: Request): string | null {
  const address = request.headers.get("cf-connecting-ip");
  return address === null || request.cf?.colo === undefined ? null : address;
}
