// One request to one replica, up to its response headers.
import type { Failure } from "../routing/ejection.ts";
import { LIMITS } from "../routing/limits.ts";
import type { Settings } from "../settings/settings.ts";
import type { Destination } from "./admission.ts";
import type { ClientBody } from "./body.ts";
import { VIA_NAME } from "./client-request.ts";
import { sign } from "./signature.ts";

export type Sent =
  | { readonly kind: "answered"; readonly response: Response }
  /** Refused, reset before headers, or a tunnel's answer that says so. The two kinds can't be told apart by the runtime. */
  | { readonly kind: "unreachable"; readonly response: Response | null }
  | { readonly kind: "timed_out" };

/** What Cloudflare answers in a replica's stead when it, its DNS name or its tunnel can't be reached. Loopback never shows these. */
const UNREACHABLE = new Set([521, 522, 523, 525, 526, 530]);

/** A replica's answers are computed, also where a path ends in .png; `cache: "no-store"` would add headers to the request. */
const NEVER_CACHE: RequestInitCfProperties = { cacheTtlByStatus: { "100-599": -1 } };

export interface Outgoing {
  readonly url: string;
  /** The client's request: its method, and its body where that is streamed. */
  readonly request: Request;
  readonly headers: Headers;
  readonly body: ClientBody;
  readonly firstByteTimeoutMs: number;
}

/**
 * Sends the request. Redirects, compressed bytes and caching headers are left alone. A request that the runtime can't make
 * is thrown as a TypeError, and is nothing that the replica did.
 */
export async function send({ url, request, headers, body, firstByteTimeoutMs }: Outgoing): Promise<Sent> {
  const abort = new AbortController();
  const init = { headers, redirect: "manual", encodeResponseBody: "manual", cf: NEVER_CACHE, signal: abort.signal } as const;
  const timer = setTimeout(() => abort.abort(), firstByteTimeoutMs);
  try {
    const response = body.streamed
      ? await fetch(new Request(url, request), init)
      : await fetch(url, { ...init, method: request.method, body: body.bytes });
    // Neither a 101 that is no WebSocket nor a status above 599 can be passed on.
    const { status, webSocket } = response;
    if (webSocket === null && (status < 200 || status > 599)) return { kind: "unreachable", response: null };
    return { kind: UNREACHABLE.has(response.status) ? "unreachable" : "answered", response };
  } catch (error) {
    if (error instanceof TypeError) throw error;
    return abort.signal.aborted ? { kind: "timed_out" } : { kind: "unreachable", response: null };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Whether a replica answers anything at all, asked with `OPTIONS /`. One that takes its time is taken to be there. For requests that sent a
 * body: where a client breaks that off, or a replica answers and closes without reading it, the runtime says the same as where the replica
 * is gone.
 */
export async function isReachable(
  { origin, replica }: Pick<Destination, "origin" | "replica">,
  settings: Settings,
): Promise<boolean> {
  const signal = AbortSignal.timeout(LIMITS.probeMs);
  const headers = new Headers({ via: `1.1 ${VIA_NAME}` });
  await sign(headers, settings, { method: "OPTIONS", target: "/", replica });
  try {
    const response = await fetch(`${origin}/`, { method: "OPTIONS", headers, redirect: "manual", signal });
    await response.body?.cancel();
    return !UNREACHABLE.has(response.status);
  } catch {
    return signal.aborted;
  }
}

/**
 * How an answer shows that its replica failed the request; null: it did not. A 503 says that the replica takes no requests now, and for how
 * long, where it says so in seconds; not where it has a word of its own on retries. 520 and 524 are Cloudflare's: the answer was broken, or
 * did not begin in time.
 */
export function failureOf({ status, headers }: Response): Failure | null {
  if (status === 520) return { kind: "broken" };
  if (status === 524) return { kind: "timed_out" };
  if (status !== 503 || headers.has("x-fal-needs-retry")) return null;
  const seconds = headers.get("retry-after") ?? "";
  return { kind: "unavailable", retryAfterMs: /^\d{1,9}$/.test(seconds) ? Number(seconds) * 1000 : null };
}

/**
 * Whether an answer may be replaced by another replica's: the replica's own word where it gives one on a 5xx or 429, else only
 * "unavailable" (503).
 */
export function asksForRetry(response: Response): boolean {
  const { status } = response;
  const word = status >= 500 || status === 429 ? response.headers.get("x-fal-needs-retry") : null;
  if (word === "1" || word === "0") return word === "1";
  return status === 503 || UNREACHABLE.has(status);
}
