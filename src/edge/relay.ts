// Last step of a client's request: the replica's answer on its way to the client, byte for byte, with the slot held until its last byte and not a
// moment longer.
//
// Each line of `relayBody` cost an experiment. The response must pass through a stream that the Worker made: an upstream body answered as it
// is gives the slot back at once. What moves it must not be put into `waitUntil`: after a client's reset the slot would stay taken until
// the replica next sends. Bodies are fetched and answered with "manual" encoding, or compressed ones would be recoded. A reader of the
// default kind gets 4 KiB at a time, which costs ten times as much as one that brings its own buffer.
import { BOUNDS } from "../limits.ts";
import { failed, type Result } from "../router-error.ts";
import type { Exchange } from "./exchange.ts";
import type { HeldSlot } from "./grant.ts";
import { responseHeaders } from "./headers.ts";
import { IncomingBody, isShort, lengthOf, Stalled } from "./incoming-body.ts";
import { noteKept } from "./kept-connections.ts";
import { unanswered, type Answered } from "./send.ts";
import { relayWebSocket } from "./websocket-relay.ts";

/** The client's response; or the router's error, where a short body broke off before anything was sent. */
export async function relay(exchange: Exchange, { granted, response, streamed }: Answered): Promise<Result<Response>> {
  const { request, ctx, requestId, arrivedAtMs, settings } = exchange;
  const { to, slot } = granted;
  const release = () => slot?.release();
  const whole = () => {
    noteKept(to.origin, Date.now());
    const told = slot?.done() ?? null;
    if (told !== null) ctx.waitUntil(told);
  };
  const broken = (thrown?: unknown) => {
    if (slot === null) return;
    // A replica that answers 4xx and ends the connection, as Node.js does with headers that are too large, is not broken. Nor is a replica whose
    // client has gone.
    const refused = response.status >= 400 && response.status < 500;
    if (streamed || refused || request.signal.aborted) ctx.waitUntil(slot.brokeOff());
    else
      ctx.waitUntil(
        slot.failed({ kind: "broken", detail: thrown instanceof Stalled ? "stalled" : "broke off" }).finally(release),
      );
  };
  const { replica, reason, waitedMs, sentAtMs } = to;
  const routeMs = Math.max(0, sentAtMs - arrivedAtMs - waitedMs);
  const headers = responseHeaders(response.headers, { replica, reason, requestId, queueMs: waitedMs, routeMs });
  if (response.webSocket) {
    return { ok: true, value: relayWebSocket({ upstream: response, headers, whole, release, broken }, response.webSocket) };
  }
  const passing =
    slot?.proves === true ? (passed: Promise<void>) => ctx.waitUntil(proof(passed, slot, request.signal)) : undefined;
  const relayed = await relayBody({ upstream: response, headers, idleMs: settings.IDLE_TIMEOUT_MS, whole, broken, passing });
  if (relayed !== null) return { ok: true, value: relayed };
  release();
  return failed(unanswered(exchange, granted, "broke_off"));
}

interface BodyRelay {
  readonly upstream: Response;
  readonly headers: Headers;
  /** How long the replica may send nothing in the middle of its answer; 0: for ever. */
  readonly idleMs: number;
  /** Called exactly when the replica is done with the request, and the answer is whole. */
  readonly whole: () => void;
  /** Called instead where the response broke off or stalled: the replica's end of it, or with `Request.signal` aborted, the client's. */
  readonly broken: (error: unknown) => void;
  /** Takes the promise that the response has passed, where `whole` or `broken` must be called even if all is over with its last byte. */
  readonly passing?: ((passed: Promise<void>) => void) | undefined;
}

/** Null where a short body broke off before anything was sent. */
async function relayBody({ upstream, headers, idleMs, whole, broken, passing }: BodyRelay): Promise<Response | null> {
  const { status, statusText, body } = upstream;
  const init = { status, statusText, headers, encodeBody: "manual" } as const;
  const length = lengthOf(upstream.headers);
  if (body === null || length === 0) {
    whole();
    return new Response(body && new ArrayBuffer(0), init);
  }
  const incoming = new IncomingBody(body, idleMs);
  if (isShort(upstream) && length !== null) {
    try {
      // Most are there with their headers. The others' headers go out without them.
      const bytes = await incoming.readWhole(length, BOUNDS.wholeResponseMs);
      if (bytes !== null) {
        whole();
        return new Response(bytes, init);
      }
    } catch (error) {
      broken(error);
      return null;
    }
  }
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(length);
  // A client that goes ends this request and everything in it, unless something is still in `waitUntil`: then it fails here too.
  const passed = incoming.pumpTo(writable, length, { whole, broken });
  passing?.(passed);
  return new Response(readable, init);
}

/**
 * Until the object knows whether the answer came whole. For `waitUntil`, which else is no place for an answer on its way: it would keep the
 * request, and the slot, after its client's reset until the replica next sends.
 */
async function proof(passed: Promise<void>, slot: HeldSlot, client: AbortSignal): Promise<void> {
  const gone = Promise.withResolvers<void>();
  if (client.aborted) gone.resolve();
  client.addEventListener("abort", () => gone.resolve());
  await Promise.race([passed, gone.promise]);
  if (client.aborted) await slot.brokeOff();
}
