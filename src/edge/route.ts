// Client traffic, from the request to the response: read it, get a slot, send it, again elsewhere where that is allowed.
import { LIMITS } from "../routing/limits.ts";
import { problemResponse, type RouterError } from "../problem.ts";
import type { Settings } from "../settings/settings.ts";
import { admit, choose, type Admission } from "./admission.ts";
import { asksForRetry, send, type Sent } from "./attempt.ts";
import { takeBody, UploadTimeout, type ClientBody } from "./body.ts";
import { asksForWebSocket, readClientRequest, type ClientRequest } from "./client-request.ts";
import { fleetOf } from "./fleet-stub.ts";
import { requestHeaders, responseHeaders } from "./headers.ts";
import { unknownAppFault } from "./known-apps.ts";
import { park, report, type Granted, type Outcome } from "./outcome.ts";
import { relay } from "./relay.ts";
import { sign } from "./signature.ts";
import type { HeldSlot } from "./slot.ts";
import { refreshSnapshot } from "./snapshots.ts";
import { relayWebSocket } from "./websocket-relay.ts";

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
  const unknown = await unknownAppFault(request, env, client.app, arrivedAtMs);
  if (unknown !== null) return problemResponse(unknown, request, requestId);
  const webSocket = asksForWebSocket(request.headers);
  const context = { request, env, ctx, settings, requestId, arrivedAtMs, client, webSocket };
  ctx.waitUntil(refreshSnapshot(env, settings, client.app, arrivedAtMs));
  return attemptAll(context);
}

/** Attempts until one answers for good, none is left, or nobody else can take the request. */
async function attemptAll(context: Context): Promise<Response> {
  const { settings, client, ctx } = context;
  const avoid: string[] = [];
  let body: ClientBody | null = null;
  let failed: Outcome | null = null;
  let counted = 0;
  try {
    for (;;) {
      const admission = await admissionFor(context, avoid);
      if (admission.kind !== "granted") return failed === null ? refused(context, admission) : deliver(context, failed);
      const taken: ClientBody | Response = body ?? (await bodyOf(context, admission));
      if (taken instanceof Response) return taken;
      body = taken;
      const sent = await sendTo(context, admission, body);
      if (sent.kind === "timed_out") return await firstByteTimeout(context, admission, body.streamed);
      failed?.giveBack?.();
      failed = { granted: admission, response: sent.response, giveBack: null, body };
      await report(failed, sent.kind, settings, ctx);
      if (sent.kind === "answered" || avoid.length >= LIMITS.unreachedAttempts) counted++;
      const wanted = sent.response === null || asksForRetry(sent.response);
      const allowed = client.mayRetry && !body.streamed && counted < settings.MAX_ATTEMPTS;
      if (!wanted || !allowed) return await deliver(context, failed);
      failed = await park(failed);
      avoid.push(admission.to.replica);
    }
  } finally {
    failed?.giveBack?.();
    body?.[Symbol.dispose]();
  }
}

/** A slot, or for `OPTIONS`, which takes none, just a destination. The deadline is for the first dispatch. */
function admissionFor(context: Context, avoid: readonly string[]): Promise<Admission> {
  const { env, settings, client, requestId, arrivedAtMs, request } = context;
  const timeoutMs = avoid.length > 0 ? settings.QUEUE_TIMEOUT_MS : client.timeoutMs - (Date.now() - arrivedAtMs);
  const fleet = () => fleetOf(env, settings, client.app);
  const queueLengthMax = settings.QUEUE_LENGTH_MAX;
  const admitting = { fleet, client, requestId, arrivedAtMs, avoid, timeoutMs, queueLengthMax };
  return request.method === "OPTIONS" ? choose(admitting) : admit(admitting);
}

/** What the client sends along, or the error where it does not. Gives the slot back where there is nothing to send. */
async function bodyOf(context: Context, { slot }: Granted): Promise<ClientBody | Response> {
  const { request, ctx, requestId, settings } = context;
  const take = () => takeBody(request, settings.RETRY_BODY_MAX_BYTES, uploadWithinMs(settings));
  if (request.body === null) return take();
  let slow = false;
  const timer = setTimeout(() => {
    slow = true;
    if (slot !== null) ctx.waitUntil(slot.uploading(true));
  }, LIMITS.slowUploadMs);
  try {
    const body = await take();
    if (slow && slot !== null) ctx.waitUntil(slot.uploading(false));
    return body;
  } catch (error) {
    slot?.release();
    if (error instanceof UploadTimeout) return uploadTimeout(context);
    return problemResponse({ type: "bad_request", detail: "The request's body broke off." }, request, requestId);
  } finally {
    clearTimeout(timer);
  }
}

async function sendTo(context: Context, { to }: Granted, body: ClientBody): Promise<Sent> {
  const { request, settings, client } = context;
  const headers = requestHeaders(request, context, to.evict);
  await sign(headers, settings, { method: request.method, target: client.target, replica: to.replica });
  return send({
    url: to.origin + client.target,
    request,
    headers,
    body,
    firstByteTimeoutMs: settings.FIRST_BYTE_TIMEOUT_MS,
  });
}

/** The replica's answer for the client; where there is none, the router's. */
async function deliver(context: Context, { granted, response, body }: Outcome): Promise<Response> {
  const { request, ctx, requestId, arrivedAtMs } = context;
  const { slot } = granted;
  const release = () => slot?.release();
  const whole = () => {
    const told = slot?.done() ?? null;
    if (told !== null) ctx.waitUntil(told);
  };
  const broken = () => {
    if (slot === null) return;
    // A replica that answers 4xx and ends the connection, as Node.js does with headers that are too large, is not broken; nor is one
    // whose client has gone.
    const refused = response !== null && response.status >= 400 && response.status < 500;
    if (body.streamed || refused || request.signal.aborted) ctx.waitUntil(slot.brokeOff());
    else ctx.waitUntil(slot.failed({ kind: "broken" }).finally(release));
  };
  if (response !== null) {
    const { replica, reason, waitedMs, sentAtMs } = granted.to;
    const routeMs = Math.max(0, sentAtMs - arrivedAtMs - waitedMs);
    const headers = responseHeaders(response.headers, { replica, reason, requestId, queueMs: waitedMs, routeMs });
    if (response.webSocket) return relayWebSocket({ upstream: response, headers, whole, release, broken }, response.webSocket);
    const passing =
      slot?.proves === true ? (passed: Promise<void>) => ctx.waitUntil(proof(passed, slot, request.signal)) : undefined;
    const relayed = await relay({ upstream: response, headers, whole, broken, passing });
    if (relayed !== null) return relayed;
  }
  release();
  return problemResponse({ type: "runner_disconnected" }, request, requestId);
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

function uploadWithinMs({ FIRST_BYTE_TIMEOUT_MS }: Settings): number {
  return Math.min(LIMITS.bodyReadMs, FIRST_BYTE_TIMEOUT_MS);
}

function uploadTimeout({ request, requestId, settings }: Context): Response {
  const detail = `The request's body did not arrive within ${uploadWithinMs(settings) / 1000} s.`;
  return problemResponse({ type: "upload_timeout", detail }, request, requestId);
}

async function firstByteTimeout({ request, requestId }: Context, { slot }: Granted, streamed: boolean): Promise<Response> {
  // A client that is still sending may be what the replica waits for.
  if (!streamed) await slot?.failed({ kind: "timed_out" });
  slot?.release();
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
