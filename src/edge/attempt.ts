// One request to one replica, up to its response headers.
import { BOUNDS } from "../limits.ts";
import type { ClientBody } from "./body.ts";
import { isKeptSince, takeKept } from "./kept-connections.ts";
import { isOutOfReach } from "./verdict.ts";

type Sent =
  | { readonly kind: "answered"; readonly response: Response }
  /** Refused, reset before headers, or a tunnel's answer that says so. */
  | { readonly kind: "unreachable"; readonly response: Response | null; readonly error: unknown }
  | { readonly kind: "timed_out" }
  /** The replica was silent for its time to live, and its answer had not begun. */
  | { readonly kind: "lost" };

/** What came of sending a request, and how long after that. `kept`: it may have gone by a connection that was there before. */
export type Attempt = Sent & { readonly afterMs: number; readonly kept: boolean };

/** A replica's answers are computed, also where a path ends in .png; `cache: "no-store"` would add headers to the request. */
const NEVER_CACHE: RequestInitCfProperties = { cacheTtlByStatus: { "100-599": -1 } };

export interface Outgoing {
  readonly origin: string;
  /** Path and query. */
  readonly target: string;
  /** The client's request: its method, and its body where that is streamed. */
  readonly request: Request;
  readonly headers: Headers;
  readonly body: ClientBody;
  readonly firstByteTimeoutMs: number;
  /** Takes a function that ends the attempt: nothing more is to be expected of the replica. */
  readonly onLost: (end: () => void) => void;
}

/**
 * Sends the request. Where it may be sent again and the connection broke off within a moment, it is sent to the same replica once more, and more
 * often while it may have met connections that the runtime had kept: the replica may have closed an idle one just as the request came, which shows
 * nothing of it, and the runtime does not try again by itself. A request that the runtime can't make is thrown as a TypeError, and is nothing that
 * the replica did.
 */
export async function makeAttempt(outgoing: Outgoing, mayRepeat: boolean): Promise<Attempt> {
  for (let repeats = 0; ; repeats++) {
    const attempt = await sendOnce(outgoing);
    const isRepeated = mayRepeat && (repeats === 0 || attempt.kept) && repeats < BOUNDS.keptConnections;
    if (!brokeAtOnce(attempt) || !isRepeated) return attempt;
  }
}

/** Whether the connection broke off so soon that it may have been closed before. */
export function brokeAtOnce(attempt: Attempt): boolean {
  return attempt.kind === "unreachable" && attempt.response === null && attempt.afterMs < BOUNDS.briefAttemptMs;
}

async function sendOnce(outgoing: Outgoing): Promise<Attempt> {
  const sentAtMs = Date.now();
  const kept = takeKept(outgoing.origin, sentAtMs);
  const sent = await fetchOnce(outgoing);
  const attempt = { ...sent, kept, afterMs: Date.now() - sentAtMs };
  if (kept || !brokeAtOnce(attempt)) return attempt;
  await scheduler.wait(BOUNDS.keptNewsMs);
  return { ...attempt, kept: isKeptSince(outgoing.origin, sentAtMs) };
}

/** Redirects, compressed bytes and caching headers are left alone. */
async function fetchOnce({ origin, target, request, headers, body, firstByteTimeoutMs, onLost }: Outgoing): Promise<Sent> {
  const url = origin + target;
  const abort = new AbortController();
  let ended: Sent | null = null;
  const end = (how: Sent) => {
    ended ??= how;
    abort.abort();
  };
  const init = { headers, redirect: "manual", encodeResponseBody: "manual", cf: NEVER_CACHE, signal: abort.signal } as const;
  const timer = setTimeout(() => end({ kind: "timed_out" }), firstByteTimeoutMs);
  onLost(() => end({ kind: "lost" }));
  try {
    const response = body.streamed
      ? await fetch(new Request(url, request), init)
      : await fetch(url, { ...init, method: request.method, body: body.bytes });
    // Neither a 101 that is no WebSocket nor a status above 599 can be passed on.
    const { status, webSocket } = response;
    if (webSocket === null && (status < 200 || status > 599))
      return { kind: "unreachable", response: null, error: `status ${status}` };
    return isOutOfReach(response) ? { kind: "unreachable", response, error: null } : { kind: "answered", response };
  } catch (error) {
    if (error instanceof TypeError) throw error;
    return ended ?? { kind: "unreachable", response: null, error };
  } finally {
    clearTimeout(timer);
    onLost(() => {});
  }
}
