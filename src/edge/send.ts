// Third step of a client's request: sends it to the replica it was admitted to, and to another one if it failed and may be sent again.
import { failed, type Result, type RouterError } from "../router-error.ts";
import { admit } from "./admission.ts";
import { makeAttempt, type Attempt } from "./attempt.ts";
import type { ClientBody } from "./body.ts";
import { bufferAnswer } from "./buffered-answer.ts";
import type { Cause } from "./diagnosis.ts";
import type { Exchange } from "./exchange.ts";
import type { Granted } from "./grant.ts";
import { requestHeaders } from "./headers.ts";
import { reportOutcome, type Outcome } from "./outcome.ts";
import { replicaNetwork } from "./replica-network.ts";
import { sign } from "./signature.ts";
import { Tries } from "./tries.ts";
import { isReplaceable, wordOnRetry } from "./verdict.ts";

/** A replica's answer for the client, up to its headers. */
export interface Answered {
  readonly granted: Granted;
  readonly response: Response;
  /** The client's body was streamed, so the client may have caused a break. No client may eject replicas by such a body. */
  readonly streamed: boolean;
}

/** Attempts until one answers for good, none is left, or no other replica can take the request. */
export async function send(exchange: Exchange, body: ClientBody, first: Granted): Promise<Result<Answered>> {
  const { request, env, settings, client, ctx, record } = exchange;
  const { streamed } = body;
  const mayRepeat = client.mayRetry && !streamed;
  const tries = new Tries(settings.MAX_ATTEMPTS, request.method);
  let granted = first;
  for (;;) {
    record.attempts++;
    const attempt = await attemptAt(exchange, granted, body, mayRepeat);
    const outcome = await reportOutcome(attempt, { granted, body, network: replicaNetwork(env), settings, ctx });
    if (attempt.kind === "timed_out") return timedOut(granted, outcome);
    const word = outcome.response && wordOnRetry(outcome.response);
    const isWanted = outcome.response === null || (word ?? isReplaceable(outcome.response));
    const tried = { replica: granted.to.replica, afterMs: attempt.afterMs, unreached: outcome.unreached, word };
    if (!isWanted || !mayRepeat || !tries.mayGoOn(tried)) {
      await tellFailure(granted, outcome);
      return resultOf(exchange, granted, outcome, streamed);
    }
    // The answer is kept in case no other replica gives one. The slot is given back: a request holds none while it waits for another replica.
    const buffered = await bufferAnswer(outcome.response);
    const after = (outcome.failure && granted.slot?.handOver(outcome.failure)) ?? null;
    granted.slot?.release();
    try {
      const admission = await admit(exchange, tries.failed, after);
      if (admission.kind !== "granted") {
        return resultOf(exchange, granted, { response: buffered.response, cause: outcome.cause }, streamed);
      }
      granted = admission;
    } finally {
      buffered.giveBack?.();
    }
  }
}

async function attemptAt(exchange: Exchange, { to, slot }: Granted, body: ClientBody, mayRepeat: boolean): Promise<Attempt> {
  const { request, env, settings, client, alarm } = exchange;
  const { target } = client;
  const headers = requestHeaders(exchange);
  await sign(headers, settings, { method: request.method, target, replica: to.replica });
  const onLost = (end: () => void) => slot?.onLost(end);
  const { FIRST_BYTE_TIMEOUT_MS: firstByteTimeoutMs } = settings;
  const way = { network: replicaNetwork(env), origin: to.origin, target };
  return makeAttempt({ ...way, request, headers, body, firstByteTimeoutMs, alarm, onLost }, mayRepeat);
}

function resultOf(
  exchange: Exchange,
  granted: Granted,
  { response, cause }: Pick<Outcome, "response" | "cause">,
  streamed: boolean,
): Result<Answered> {
  if (response !== null) return { ok: true, value: { granted, response, streamed } };
  granted.slot?.release();
  return failed(unanswered(exchange, granted, cause ?? "broke_off"));
}

/** The error of a request whose last replica gave no answer that can be passed on. */
export function unanswered({ requestId, client }: Exchange, { to }: Granted, cause: Cause | "broke_off"): RouterError {
  const { replica } = to;
  console.warn(JSON.stringify({ message: "a request was not answered", requestId, app: client.app, replica, why: cause }));
  return { type: "runner_disconnected", replica, cause };
}

async function tellFailure({ slot }: Granted, { failure }: Outcome): Promise<void> {
  if (failure !== null) await slot?.failed(failure.failure, failure.hints);
}

async function timedOut(granted: Granted, outcome: Outcome): Promise<Result<never>> {
  await tellFailure(granted, outcome);
  granted.slot?.release();
  return failed({ type: "request_timeout", timeout: "router", detail: "The replica did not begin to answer in time." });
}
