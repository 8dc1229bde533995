// Last step of a client's request: the replica's answer goes to the client, byte for byte. The slot is held until the last byte and not a moment
// longer.
//
// `relayBody` depends on the runtime. A body must pass through a stream that the Worker made: a replica's body that is answered as it came gives the
// slot back at once. The promise that moves the body must not go to `waitUntil`: after a client's reset the slot would stay taken until the replica
// next sends. Bodies are fetched and answered with "manual" encoding, or the runtime would recode compressed ones. A default reader gets 4 KiB at a
// time, which costs ten times as much as a reader with a buffer of its own.
import { BOUNDS } from "../limits.ts";
import { failed, type Result } from "../router-error.ts";
import type { Alarm } from "./alarm.ts";
import { answerInit } from "./answer-init.ts";
import type { Exchange } from "./exchange.ts";
import type { HeldSlot } from "./grant.ts";
import { editResponseHeaders } from "./headers.ts";
import { IncomingBody, isShort, lengthOf, Stalled } from "./incoming-body.ts";
import { noteKept } from "./kept-connections.ts";
import { unanswered, type Answered } from "./send.ts";
import { relayWebSocket } from "./websocket-relay.ts";

/** The client's response; or the router's error, if a short body broke off before anything was sent. */
export async function relay(exchange: Exchange, { granted, response, streamed }: Answered): Promise<Result<Response>> {
  const { request, ctx, requestId, arrivedAtMs, settings, alarm, record } = exchange;
  const { to, slot } = granted;
  const release = () => slot?.release();
  const whole = () => {
    record.ended("complete");
    noteKept(to.origin, Date.now());
    const told = slot?.done() ?? null;
    if (told !== null) ctx.waitUntil(told);
  };
  const broken = (thrown?: unknown) => {
    record.ended(request.signal.aborted ? "client_gone" : "broken");
    if (slot === null) return;
    // A replica may answer 4xx and then end the connection, as Node.js does with headers that are too large. Neither that nor a client that has gone
    // is the replica's failure.
    const refused = response.status >= 400 && response.status < 500;
    if (streamed || refused || request.signal.aborted) ctx.waitUntil(slot.brokeOff());
    else
      ctx.waitUntil(
        slot.failed({ kind: "broken", detail: thrown instanceof Stalled ? "stalled" : "broke off" }).finally(release),
      );
  };
  const gone = () => {
    record.ended("client_gone");
    release();
  };
  const { replica, reason, waitedMs, sentAtMs } = to;
  const routeMs = Math.max(0, sentAtMs - arrivedAtMs - waitedMs);
  const served = { replica, reason, requestId, queueMs: waitedMs, routeMs };
  if (response.webSocket) {
    const headers = new Headers(response.headers);
    editResponseHeaders(headers, response.headers, served);
    return { ok: true, value: relayWebSocket({ upstream: response, headers, whole, release: gone, broken }, response.webSocket) };
  }
  const passing =
    slot?.proves === true ? (passed: Promise<void>) => ctx.waitUntil(proof(passed, slot, request.signal)) : undefined;
  const relayed = await relayBody({
    upstream: response,
    passes: slot?.passes === true,
    alarm,
    idleMs: settings.IDLE_TIMEOUT_MS,
    whole,
    broken,
    passing,
  });
  if (relayed !== null) {
    editResponseHeaders(relayed.headers, response.headers, served);
    return { ok: true, value: relayed };
  }
  release();
  return failed(unanswered(exchange, granted, "broke_off"));
}

interface BodyRelay {
  readonly upstream: Response;
  readonly passes: boolean;
  readonly alarm: Alarm;
  /** How long the replica may send nothing in the middle of its answer; 0: for ever. */
  readonly idleMs: number;
  /** Called exactly when the replica is done with the request and the answer came whole. */
  readonly whole: () => void;
  /** Called instead if the response broke off or stalled. The replica did that, or if `Request.signal` is aborted, the client. */
  readonly broken: (error: unknown) => void;
  /** Takes the promise that the body has passed. Given if `whole` or `broken` must be called although the request may be over with the last byte. */
  readonly passing?: ((passed: Promise<void>) => void) | undefined;
}

/** Null: a short body broke off before anything was sent. */
async function relayBody({ upstream, passes, alarm, idleMs, whole, broken, passing }: BodyRelay): Promise<Response | null> {
  const { body } = upstream;
  const init = answerInit(upstream);
  const length = lengthOf(upstream.headers);
  if (body === null || length === 0) {
    whole();
    return new Response(body && new ArrayBuffer(0), init);
  }
  if (passes && length !== null && length > BOUNDS.wholeResponseBytes) {
    whole();
    return new Response(body, init);
  }
  const incoming = new IncomingBody(body, idleMs);
  if (isShort(upstream) && length !== null) {
    try {
      // Most short bodies arrive with their headers. Null: this one does not, so its headers go out before it.
      const bytes = await incoming.readWhole(length, alarm, BOUNDS.wholeResponseMs);
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
  // A client that goes ends this request at once, unless something is still in `waitUntil`. Then the write fails here.
  const passed = incoming.pumpTo(writable, length, { whole, broken });
  passing?.(passed);
  return new Response(readable, init);
}

/**
 * Ends once the object knows whether the answer came whole, or the client has gone. For `waitUntil`. The promise of the body alone must not be there: it
 * would keep the request and its slot after a client's reset until the replica next sends.
 */
async function proof(passed: Promise<void>, slot: HeldSlot, client: AbortSignal): Promise<void> {
  const gone = Promise.withResolvers<void>();
  if (client.aborted) gone.resolve();
  client.addEventListener("abort", () => gone.resolve());
  await Promise.race([passed, gone.promise]);
  if (client.aborted) await slot.brokeOff();
}
