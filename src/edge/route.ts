// Client traffic, from the request to the response: read it, get a slot, send it, again elsewhere where that is allowed.
import { BOUNDS } from "../limits.ts";
import { problemResponse, type RouterError } from "../problem.ts";
import type { Settings } from "../settings/settings.ts";
import { admit, choose, type Admission } from "./admission.ts";
import { send, type Attempt } from "./attempt.ts";
import { takeBody, UploadTimeout, type ClientBody } from "./body.ts";
import { asksForWebSocket, readClientRequest, type ClientRequest } from "./client-request.ts";
import { fleetOf } from "./fleet-stub.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";
import { unknownAppFault } from "./known-apps.ts";
import { Stalled } from "./incoming-body.ts";
import { noteKept } from "./kept-connections.ts";
import { park, report, type Granted, type Outcome } from "./outcome.ts";
import { relay } from "./relay.ts";
import { sign } from "./signature.ts";
import type { HeldSlot } from "./slot.ts";
import { refreshSnapshot } from "./snapshots.ts";
import { Tries } from "./tries.ts";
import { relayWebSocket } from "./websocket-relay.ts";
import { isReplaceable, wordOnRetry } from "./verdict.ts";

interface Context {
  readonly request: Request;
  readonly env: Cloudflare.Env;
  readonly ctx: ExecutionContext;
  readonly settings: Settings;
  readonly requestId: string;
  readonly arrivedAtMs: number;
  readonly client: ClientRequest;
  readonly webSocket: boolean;
}

export async function route(
  request: Request,
  env: Cloudflare.Env,
  ctx: ExecutionContext,
  settings: Settings,
  requestId: string,
): Promise<Response> {
  const arrivedAtMs = Date.now();
  const read = readClientRequest(request, settings);
  if (!read.ok) return problemResponse(read.error, request, requestId);
  const client = read.value;
  const unknown = await unknownAppFault(request, env, client.app, arrivedAtMs, client.timeoutMs);
  if (unknown !== null) return problemResponse(unknown, request, requestId);
  const webSocket = asksForWebSocket(request.headers);
  const context = { request, env, ctx, settings, requestId, arrivedAtMs, client, webSocket };
  ctx.waitUntil(refreshSnapshot(env, settings, client.app, arrivedAtMs));
  return attemptAll(context);
}

/** Attempts until one answers for good, none is left, or nobody else can take the request. */
async function attemptAll(context: Context): Promise<Response> {
  const { settings, client, ctx, request } = context;
  const body = await bodyOf(context);
  if (body instanceof Response) return body;
  const tries = new Tries(settings.MAX_ATTEMPTS, request.method);
  const mayRepeat = client.mayRetry && !body.streamed;
  let failed: Outcome | null = null;
  try {
    for (;;) {
      const granted = await admissionFor(context, tries.failed);
      if (granted.kind !== "granted") return failed === null ? refused(context, granted) : await deliver(context, failed);
      const attempt = await sendTo(context, granted, body, mayRepeat);
      failed?.giveBack?.();
      failed = await report(attempt, { granted, body, settings, ctx });
      if (attempt.kind === "timed_out") return firstByteTimeout(context, failed);
      const word = failed.response && wordOnRetry(failed.response);
      const wanted = failed.response === null || (word ?? isReplaceable(failed.response));
      const { replica } = granted.to;
      const tried = { replica, afterMs: attempt.afterMs, unreached: failed.unreached, word };
      if (!wanted || !mayRepeat || !tries.mayGoOn(tried)) return await deliver(context, failed);
      failed = await park(failed);
    }
  } finally {
    failed?.giveBack?.();
    body[Symbol.dispose]();
  }
}

/** A slot, or for `OPTIONS`, which takes none, just a destination. The deadline is for the first dispatch. */
function admissionFor(context: Context, avoid: readonly string[]): Promise<Admission> {
  const { env, settings, client, requestId, arrivedAtMs, request } = context;
  const timeoutMs = avoid.length > 0 ? settings.QUEUE_TIMEOUT_MS : leftMs(context);
  const fleet = () => fleetOf(env, settings, client.app);
  const { QUEUE_LENGTH_MAX: queueLengthMax, SNAPSHOT_MAX_AGE_MS: snapshotMaxAgeMs } = settings;
  const admitting = { fleet, client, requestId, arrivedAtMs, avoid, timeoutMs, queueLengthMax, snapshotMaxAgeMs };
  return request.method === "OPTIONS" ? choose(admitting) : admit(admitting);
}

/** Time until the request must have been sent. */
function leftMs({ client, arrivedAtMs }: Context): number {
  return client.timeoutMs - (Date.now() - arrivedAtMs);
}

/** What the client sends along, or the error where it does not. A body that is kept is read before the request waits: it holds no slot meanwhile. */
async function bodyOf(context: Context): Promise<ClientBody | Response> {
  const { request, requestId, settings } = context;
  const uploadMs = Math.min(BOUNDS.bodyReadMs, settings.FIRST_BYTE_TIMEOUT_MS);
  const deadlineMs = leftMs(context);
  try {
    return await takeBody(request, settings.RETRY_BODY_MAX_BYTES, Math.max(0, Math.min(uploadMs, deadlineMs)));
  } catch (error) {
    const detail = "The request's body broke off.";
    if (!(error instanceof UploadTimeout)) return problemResponse({ type: "bad_request", detail }, request, requestId);
    if (deadlineMs < uploadMs) return refused(context, { kind: "refused", refusal: { kind: "timed_out" } });
    const late = `The request's body did not arrive within ${uploadMs / 1000} s.`;
    return problemResponse({ type: "upload_timeout", detail: late }, request, requestId);
  }
}

async function sendTo(context: Context, { to, slot }: Granted, body: ClientBody, mayRepeat: boolean): Promise<Attempt> {
  const { request, settings, client } = context;
  const headers = requestHeaders(request, context, to.evict);
  await sign(headers, settings, { method: request.method, target: client.target, replica: to.replica });
  const onLost = (end: () => void) => slot?.onLost(end);
  const { origin } = to;
  const { FIRST_BYTE_TIMEOUT_MS: firstByteTimeoutMs } = settings;
  return send({ origin, target: client.target, request, headers, body, firstByteTimeoutMs, onLost }, mayRepeat);
}

/** The replica's answer for the client; where there is none, the router's. */
async function deliver(context: Context, { granted, response, body, cause }: Outcome): Promise<Response> {
  const { request, ctx, requestId, arrivedAtMs, settings } = context;
  const { slot } = granted;
  const release = () => slot?.release();
  const whole = () => {
    noteKept(granted.to.origin, Date.now());
    const told = slot?.done() ?? null;
    if (told !== null) ctx.waitUntil(told);
  };
  const broken = (thrown?: unknown) => {
    if (slot === null) return;
    // A replica that answers 4xx and ends the connection, as Node.js does with headers that are too large, is not broken; nor is one
    // whose client has gone.
    const refused = response !== null && response.status >= 400 && response.status < 500;
    if (body.streamed || refused || request.signal.aborted) ctx.waitUntil(slot.brokeOff());
    else
      ctx.waitUntil(
        slot.failed({ kind: "broken", detail: thrown instanceof Stalled ? "stalled" : "broke off" }).finally(release),
      );
  };
  const { replica, reason, waitedMs, sentAtMs } = granted.to;
  if (response !== null) {
    const routeMs = Math.max(0, sentAtMs - arrivedAtMs - waitedMs);
    const headers = responseHeaders(response.headers, { replica, reason, requestId, queueMs: waitedMs, routeMs });
    if (response.webSocket) return relayWebSocket({ upstream: response, headers, whole, release, broken }, response.webSocket);
    const passing =
      slot?.proves === true ? (passed: Promise<void>) => ctx.waitUntil(proof(passed, slot, request.signal)) : undefined;
    const relayed = await relay({ upstream: response, headers, idleMs: settings.IDLE_TIMEOUT_MS, whole, broken, passing });
    if (relayed !== null) return relayed;
  }
  release();
  const why = cause ?? "broke_off";
  console.warn(JSON.stringify({ message: "a request was not answered", requestId, app: context.client.app, replica, why }));
  return problemResponse({ type: "runner_disconnected", replica, cause: why }, request, requestId);
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

function firstByteTimeout({ request, requestId }: Context, { granted }: Outcome): Response {
  granted.slot?.release();
  const detail = "The replica did not begin to answer in time.";
  return problemResponse({ type: "request_timeout", timeout: "router", detail }, request, requestId);
}

function refused({ request, requestId, client }: Context, admission: Exclude<Admission, Granted>): Response {
  return problemResponse(errorOf(admission, client), request, requestId);
}

function errorOf(admission: Exclude<Admission, Granted>, client: ClientRequest): RouterError {
  if (admission.kind === "unknown") return { type: "runner_scheduling_failure", retryAfterMs: 1000 };
  const { refusal } = admission;
  switch (refusal.kind) {
    case "queue_full":
      return { type: "queue_full", detail: `The queue is full: ${refusal.detail}.`, retryAfterMs: refusal.retryAfterMs };
    case "no_replicas":
      return { type: "no_replicas", retryAfterMs: refusal.retryAfterMs };
    case "no_other_replica":
    case "no_retry_left":
      return { type: "runner_disconnected" };
    case "timed_out":
      return {
        type: "request_timeout",
        timeout: client.timeoutType,
        detail: "No replica became free before the request's deadline.",
      };
  }
}
