// A place on a replica by the word of the app's Fleet object: enqueues the request there and waits until it is granted, over restarts of the object.
import type { EnqueueAnswer, GrantAnswer, SettledAnswer } from "../../durable-objects/fleet-answers.ts";
import type { Fleet } from "../../durable-objects/fleet.ts";
import { BOUNDS } from "../limits.ts";
import type { Refusal } from "../routing/refusals.ts";
import { isOverloaded, objectOf } from "./fleet-stub.ts";
import { TIMED_OUT, type Admission, type Admitting, type Destination } from "./grant.ts";
import { noteReach } from "./object-reach.ts";
import { Slot } from "./slot.ts";
import { takeSuccesses } from "./successes.ts";
import { TOO_LATE } from "./alarm.ts";

/** The object's answer; null: it failed several times in a row. The count starts anew each time that the object has enqueued the request. */
export async function askObject(admitting: Admitting): Promise<Admission | null> {
  const { app } = admitting.exchange.client;
  for (let attempt = 0; attempt < BOUNDS.objectAttempts; attempt++) {
    if (attempt > 0) await scheduler.wait(BOUNDS.objectRetryMs * 2 ** (attempt - 1) * (0.5 + Math.random()));
    try {
      const admission = await askOnce(admitting, () => (attempt = 0));
      if (admission !== null) return admission;
    } catch (error) {
      console.warn(JSON.stringify({ message: "the fleet did not answer", app, error: String(error) }));
      if (isOverloaded(error)) break;
    }
  }
  noteReach(app, false, Date.now());
  return null;
}

/** Where the object sends a request that takes no slot; null: it does not answer. */
export async function chooseByObject({ exchange, avoid, deadlineMs }: Admitting): Promise<Admission | null> {
  const { app, hints } = exchange.client;
  try {
    const chosen = Promise.resolve(objectOf(exchange).choose({ hints: [...hints], avoid: [...avoid] }));
    const grant = await exchange.alarm.within(chosen, deadlineMs - Date.now() + BOUNDS.deadlineGraceMs);
    if (grant === TOO_LATE) return TIMED_OUT;
    if (grant !== null) return { kind: "granted", to: destination(grant, 0), slot: null };
    const refusal: Refusal = avoid.length > 0 ? { kind: "no_other_replica" } : { kind: "no_replicas", retryAfterMs: 1000 };
    return { kind: "refused", refusal };
  } catch (error) {
    console.warn(JSON.stringify({ message: "the fleet did not answer", app, error: String(error) }));
    return null;
  }
}

/**
 * One round with the object; null: it restarted between two calls and knows nothing of the request. `enqueued` is called once the object has the
 * request. An object that is well ends a request at its deadline. An object that stalls does not, so the wait ends shortly after the deadline.
 */
async function askOnce(admitting: Admitting, enqueued: () => void): Promise<Admission | null> {
  const { exchange, avoid, deadlineMs } = admitting;
  const { client, arrivedAtMs } = exchange;
  const now = Date.now();
  const timeoutMs = Math.max(0, deadlineMs - now);
  const fleet = objectOf(exchange);
  const enqueuing = Promise.resolve(
    fleet.enqueue({
      hints: [...client.hints],
      avoid: [...avoid],
      waitedMs: now - arrivedAtMs,
      timeoutMs,
      queueLengthMax: client.queueLengthMax,
      declaredMs: client.declaredMs,
      priority: client.priority,
      after: admitting.after,
      successes: [...takeSuccesses(client.app, now)],
    }) as Promise<EnqueueAnswer & Disposable>,
  );
  const answer = await exchange.alarm.within(enqueuing, timeoutMs + BOUNDS.deadlineGraceMs, (late) => late[Symbol.dispose]());
  if (answer === TOO_LATE) return TIMED_OUT;
  admitting.after = null;
  enqueued();
  // Now, and not once a slot is free: until this note, the others that wait in this isolate do not ask the object.
  noteReach(client.app, true, Date.now());
  const { result } = answer;
  if (result.kind === "refused") return result;
  if (result.kind === "granted") return granted(result, admitting, answer);
  const settled = await waitFor(fleet, result.id, answer, admitting);
  if (settled === null) return null;
  if (settled.kind === "granted") return granted(settled, admitting, answer);
  answer[Symbol.dispose]();
  return settled;
}

/** Calls the object and not the ticket: a call that pends on the ticket would keep the ticket after the client has gone. */
async function waitFor(
  fleet: DurableObjectStub<Fleet>,
  id: number,
  held: Disposable,
  admitting: Admitting,
): Promise<SettledAnswer | null> {
  const sinceMs = Date.now();
  const remainingMs = Math.max(0, admitting.deadlineMs - sinceMs) + BOUNDS.deadlineGraceMs;
  try {
    const settled = await admitting.exchange.alarm.within(Promise.resolve(fleet.granted(id)), remainingMs);
    if (settled === null) held[Symbol.dispose]();
    return settled === TOO_LATE ? TIMED_OUT : settled;
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  } finally {
    admitting.waitedMs += Date.now() - sinceMs;
  }
}

function granted(grant: GrantAnswer, { exchange, waitedMs }: Admitting, answer: EnqueueAnswer & Disposable): Admission {
  if (answer.ticket === null) throw new Error("a grant without a ticket");
  const slot = new Slot(exchange, grant, answer, answer.ticket);
  return { kind: "granted", to: destination(grant, waitedMs), slot };
}

function destination({ replica, origin, reason }: GrantAnswer, waitedMs: number): Destination {
  return { replica, origin, reason, waitedMs, sentAtMs: Date.now() };
}
