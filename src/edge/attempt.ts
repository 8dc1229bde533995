// One request to one replica, up to its response headers.
import { BOUNDS } from "../limits.ts";
import type { Alarm } from "./alarm.ts";
import type { ClientBody } from "./body.ts";
import { isKeptSince, takeKept } from "./kept-connections.ts";
import type { ReplicaNetwork } from "./replica-network.ts";
import { isOutOfReach } from "./verdict.ts";

type Sent =
  | { readonly kind: "answered"; readonly response: Response }
  /** The connection was refused or reset before headers, or a tunnel answered that the replica is out of reach. */
  | { readonly kind: "unreachable"; readonly response: Response | null; readonly error: unknown }
  | { readonly kind: "timed_out" }
  /** The replica's time to live ran out before its answer began. */
  | { readonly kind: "lost" };

/** How a request that was sent ended, and after how long. `kept`: the request may have gone by a connection that the runtime had kept. */
export type Attempt = Sent & { readonly afterMs: number; readonly kept: boolean };

/** A replica's answers are computed, even if a path ends in .png. `cache: "no-store"` would add headers to the request. */
const NEVER_CACHE: RequestInitCfProperties = { cacheTtlByStatus: { "100-599": -1 } };

export interface Outgoing {
  /** Null: the runtime's own. */
  readonly network: ReplicaNetwork | null;
  readonly origin: string;
  /** Path and query. */
  readonly target: string;
  /** The client's request: its method is sent, and its body if that is streamed. */
  readonly request: Request;
  readonly headers: Headers;
  readonly body: ClientBody;
  readonly firstByteTimeoutMs: number;
  readonly alarm: Alarm;
  /** Takes the function that ends the attempt once the replica is gone. */
  readonly onLost: (end: () => void) => void;
}

/**
 * Sends the request. If the connection broke off within a moment and the request may be sent again, the same replica gets it once more, and more often
 * while it may have met connections that the runtime had kept. The replica may have closed an idle connection just as the request came: that is no
 * failure, and the runtime does not retry by itself. A request that the runtime can't make is thrown as a TypeError and says nothing of the replica.
 */
export async function makeAttempt(outgoing: Outgoing, mayRepeat: boolean): Promise<Attempt> {
  for (let repeats = 0; ; repeats++) {
    const attempt = await sendOnce(outgoing);
    const isRepeated = mayRepeat && (repeats === 0 || attempt.kept) && repeats < BOUNDS.keptConnections;
    if (!brokeAtOnce(attempt) || !isRepeated) return attempt;
  }
}

/** Whether the connection broke off so soon that the replica may have closed it before the request came. */
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

/** Redirects are not followed, compressed bytes and caching headers stay as they are. */
async function fetchOnce(outgoing: Outgoing): Promise<Sent> {
  const { network, origin, target, request, headers, body, firstByteTimeoutMs, alarm, onLost } = outgoing;
  const url = origin + target;
  const abort = new AbortController();
  let ended: Sent | null = null;
  const end = (how: Sent) => {
    ended ??= how;
    abort.abort();
  };
  const init = { headers, redirect: "manual", encodeResponseBody: "manual", cf: NEVER_CACHE, signal: abort.signal } as const;
  const callOff = alarm.after(firstByteTimeoutMs, () => end({ kind: "timed_out" }));
  onLost(() => end({ kind: "lost" }));
  try {
    const its = network ?? globalThis;
    const response = body.streamed
      ? await its.fetch(streamed(url, request, body, abort), init)
      : await its.fetch(url, { ...init, method: request.method, body: body.bytes });
    // The runtime can pass on neither a 101 that is no WebSocket nor a status above 599.
    const { status, webSocket } = response;
    if (webSocket === null && (status < 200 || status > 599))
      return { kind: "unreachable", response: null, error: `status ${status}` };
    return isOutOfReach(response) ? { kind: "unreachable", response, error: null } : { kind: "answered", response };
  } catch (error) {
    if (error instanceof TypeError) throw error;
    return ended ?? { kind: "unreachable", response: null, error };
  } finally {
    callOff();
    onLost(() => {});
  }
}

/** The client's request with its body as a stream. If the client's body breaks off, the request ends: the runtime aborts it, or `abort` does. */
function streamed(url: string, request: Request, { peeked }: ClientBody, abort: AbortController): Request {
  return peeked === null ? new Request(url, request) : new Request(url, { method: request.method, body: peeked.stream(abort) });
}
