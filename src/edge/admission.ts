// Second step of a client's request: a place on a replica. The app's Fleet object gives it, or the last snapshot while the object is out of reach.
import { BOUNDS } from "../limits.ts";
import type { RouterError } from "../router-error.ts";
import { askObject, chooseByObject } from "./by-object.ts";
import { bySnapshot } from "./by-snapshot.ts";
import { sendDirect } from "./direct.ts";
import type { ClientRequest } from "./client-request.ts";
import { leftMs, tooLate, type Exchange } from "./exchange.ts";
import { TIMED_OUT, type Admission, type Admitting, type FailedSlot, type Refused } from "./grant.ts";
import { waitHere } from "./local-queue.ts";
import { mayAskAgain } from "./object-reach.ts";

/**
 * A slot on a replica, or a place on one that clearly has room. `OPTIONS`, and what NO_SLOT names, takes no slot and gets a destination alone. `avoid`:
 * replicas that failed the request. Only the first place must be had by the request's deadline.
 */
export async function admit(exchange: Exchange, avoid: readonly string[], after: FailedSlot | null = null): Promise<Admission> {
  const { isSlotless } = exchange.client;
  const direct = isSlotless || avoid.length > 0 ? null : sendDirect(exchange);
  if (direct !== null) return direct;
  const timeoutMs = avoid.length > 0 ? exchange.settings.QUEUE_TIMEOUT_MS : leftMs(exchange);
  const admitting = { exchange, avoid, deadlineMs: Date.now() + timeoutMs, waitedMs: 0, after };
  return isSlotless ? chooseFor(admitting) : slotFor(admitting);
}

/**
 * The object is asked again when it restarts, with the time already waited. While the object is out of reach, the snapshot serves. If every replica in
 * the snapshot is full, the request waits in this isolate and tries object and snapshot again from time to time.
 */
async function slotFor(admitting: Admitting): Promise<Admission> {
  const { app } = admitting.exchange.client;
  let place: Disposable | null = null;
  try {
    for (let pollMs: number = BOUNDS.snapshotPollMs; ; pollMs = Math.min(2 * pollMs, BOUNDS.snapshotPollMostMs)) {
      const { waitedMs } = admitting;
      const polledAtMs = Date.now();
      if (place === null || mayAskAgain(app, polledAtMs)) {
        const asked = await askObject(admitting);
        if (asked !== null) return asked;
        if (place !== null) admitting.waitedMs = waitedMs + Date.now() - polledAtMs;
      }
      const found = bySnapshot(admitting, true);
      if (found.kind !== "full") return found;
      const remainingMs = admitting.deadlineMs - Date.now();
      if (remainingMs <= 0) return TIMED_OUT;
      if (place === null) {
        const taken = waitHere(admitting.exchange);
        if ("kind" in taken) return { kind: "refused", refusal: taken };
        place = taken;
      }
      const pauseMs = Math.min(pollMs * (0.5 + Math.random()), remainingMs);
      await scheduler.wait(pauseMs);
      admitting.waitedMs += pauseMs;
    }
  } finally {
    place?.[Symbol.dispose]();
  }
}

/** A destination for a request that takes no slot and never waits. */
async function chooseFor(admitting: Admitting): Promise<Admission> {
  return (await chooseByObject(admitting)) ?? bySnapshot(admitting, false);
}

/** What the client is told of a request that got no place. */
export function errorOf(refused: Refused, client: ClientRequest): RouterError {
  if (refused.kind === "unknown") return { type: "runner_scheduling_failure", retryAfterMs: 1000 };
  const { refusal } = refused;
  switch (refusal.kind) {
    case "queue_full":
      return { type: "queue_full", detail: `The queue is full: ${refusal.detail}.`, retryAfterMs: refusal.retryAfterMs };
    case "no_replicas":
      return { type: "no_replicas", retryAfterMs: refusal.retryAfterMs };
    case "no_other_replica":
    case "no_retry_left":
      return { type: "runner_disconnected" };
    case "timed_out":
      return tooLate(client);
  }
}
