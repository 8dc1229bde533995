// Asks an app's Fleet object for a slot and waits for it, over restarts of the object, with the last snapshot to fall back on.
import type { EnqueueAnswer, GrantAnswer, SettledAnswer } from "../../durable-objects/fleet-answers.ts";
import type { Fleet } from "../../durable-objects/fleet.ts";
import type { Reason } from "../routing/scheduler.ts";
import { BOUNDS } from "../limits.ts";
import type { Refusal } from "../routing/refusals.ts";
import { bySnapshot, mayAskAgain, noteReach, waitHere } from "./by-snapshot.ts";
import type { ClientRequest } from "./client-request.ts";
import { isOverloaded } from "./fleet-stub.ts";
import { Slot, type HeldSlot } from "./slot.ts";
import { TOO_LATE, within } from "./within.ts";

export interface Destination {
  readonly replica: string;
  readonly origin: string;
  readonly reason: Reason;
  /** What the replica had better evict for the load; null: nothing. */
  readonly evict: string | null;
  /** Time in the waiting room. */
  readonly waitedMs: number;
  readonly sentAtMs: number;
}

export type Admission =
  | { readonly kind: "granted"; readonly to: Destination; readonly slot: HeldSlot | null }
  | { readonly kind: "refused"; readonly refusal: Refusal }
  /** Neither the object nor a snapshot can say where to. */
  | { readonly kind: "unknown" };

export interface Admitting {
  readonly fleet: () => DurableObjectStub<Fleet>;
  readonly client: ClientRequest;
  readonly requestId: string;
  readonly arrivedAtMs: number;
  /** Replicas that failed the request already. */
  readonly avoid: readonly string[];
  /** How long it may wait from now on. */
  readonly timeoutMs: number;
  /** How many may wait beside it in this isolate, where the object is out of reach. */
  readonly queueLengthMax: number;
  /** How old a snapshot may be that it is routed by. */
  readonly snapshotMaxAgeMs: number;
}

/**
 * A slot for the request. The object is asked again when it restarts, with the time already waited. While it is out of reach the last snapshot
 * serves, and where that has nobody with room the request waits here and looks again from time to time.
 */
export async function admit(admitting: Admitting): Promise<Admission> {
  const wait = { deadlineMs: Date.now() + admitting.timeoutMs, spentMs: 0 };
  let place: Disposable | null = null;
  try {
    for (let lookMs: number = BOUNDS.snapshotLookMs; ; lookMs = Math.min(2 * lookMs, BOUNDS.snapshotLookMostMs)) {
      const { spentMs } = wait;
      const lookedAtMs = Date.now();
      if (place === null || mayAskAgain(admitting.client.app, lookedAtMs)) {
        const asked = await askAgain(admitting, wait);
        if (asked !== null) return asked;
        if (place !== null) wait.spentMs = spentMs + Date.now() - lookedAtMs;
      }
      const found = bySnapshot(admitting, wait.spentMs, true);
      if (found.kind !== "full") return found;
      const leftMs = wait.deadlineMs - Date.now();
      if (leftMs <= 0) return TIMED_OUT;
      if (place === null) {
        const taken = waitHere(admitting);
        if ("kind" in taken) return { kind: "refused", refusal: taken };
        place = taken;
      }
      const pauseMs = Math.min(lookMs * (0.5 + Math.random()), leftMs);
      await scheduler.wait(pauseMs);
      wait.spentMs += pauseMs;
    }
  } finally {
    place?.[Symbol.dispose]();
  }
}

/** What the object says, or null where it does not answer several times in a row. Each time that it has taken the request in they count anew. */
async function askAgain(admitting: Admitting, wait: Wait): Promise<Admission | null> {
  for (let attempt = 0; attempt < BOUNDS.objectAttempts; attempt++) {
    if (attempt > 0) await scheduler.wait(BOUNDS.objectRetryMs * 2 ** (attempt - 1) * (0.5 + Math.random()));
    try {
      const admission = await ask(admitting, wait, () => (attempt = 0));
      if (admission !== null) return admission;
    } catch (error) {
      console.warn(JSON.stringify({ message: "the fleet did not answer", app: admitting.client.app, error: String(error) }));
      if (isOverloaded(error)) break;
    }
  }
  noteReach(admitting.client.app, false, Date.now());
  return null;
}

/** The object does not answer in time, or nobody can be had by then. */
const TIMED_OUT = { kind: "refused", refusal: { kind: "timed_out" } } as const;

/** A destination for a request that takes no slot and never waits. */
export async function choose(admitting: Admitting): Promise<Admission> {
  try {
    const { hints } = admitting.client;
    const chosen = Promise.resolve(admitting.fleet().choose({ hints: [...hints], avoid: [...admitting.avoid] }));
    const grant = await within(chosen, admitting.timeoutMs + BOUNDS.deadlineGraceMs);
    if (grant === TOO_LATE) return TIMED_OUT;
    if (grant !== null) return { kind: "granted", to: destination(grant, 0), slot: null };
    const refusal: Refusal =
      admitting.avoid.length > 0 ? { kind: "no_other_replica" } : { kind: "no_replicas", retryAfterMs: 1000 };
    return { kind: "refused", refusal };
  } catch (error) {
    console.warn(JSON.stringify({ message: "the fleet did not answer", app: admitting.client.app, error: String(error) }));
    return bySnapshot(admitting, 0, false);
  }
}

interface Wait {
  readonly deadlineMs: number;
  /** Time spent in the waiting room so far, over restarts. */
  spentMs: number;
}

/**
 * One round with the object; null where it restarted between two calls and knows nothing of the request. `takenIn` is called once it has it. An
 * object that is well ends a request at its deadline; one that stalls does not, and is not waited for.
 */
async function ask(admitting: Admitting, wait: Wait, takenIn: () => void): Promise<Admission | null> {
  const { client, avoid, arrivedAtMs } = admitting;
  const now = Date.now();
  const timeoutMs = Math.max(0, wait.deadlineMs - now);
  const fleet = admitting.fleet();
  const enqueued = Promise.resolve(
    fleet.enqueue({
      hints: [...client.hints],
      avoid: [...avoid],
      waitedMs: now - arrivedAtMs,
      timeoutMs,
      queueLengthMax: client.queueLengthMax,
      claimedMs: client.claimedMs,
      priority: client.priority,
    }) as Promise<EnqueueAnswer & Disposable>,
  );
  const answer = await within(enqueued, timeoutMs + BOUNDS.deadlineGraceMs, (late) => late[Symbol.dispose]());
  if (answer === TOO_LATE) return TIMED_OUT;
  takenIn();
  // Now, and not once a slot is free: others that wait here would stay behind for as long.
  noteReach(client.app, true, Date.now());
  const { standing } = answer;
  if (standing.kind === "refused") return standing;
  if (standing.kind === "granted") return granted(standing, admitting, wait, answer);
  const settled = await waitFor(fleet, standing.id, answer, wait);
  if (settled === null) return null;
  if (settled.kind === "granted") return granted(settled, admitting, wait, answer);
  answer[Symbol.dispose]();
  return settled;
}

/** On the object's stub and not on the ticket: a call pending inside the ticket would keep it when the client has gone. */
async function waitFor(fleet: DurableObjectStub<Fleet>, id: number, held: Disposable, wait: Wait): Promise<SettledAnswer | null> {
  const sinceMs = Date.now();
  const leftMs = Math.max(0, wait.deadlineMs - sinceMs) + BOUNDS.deadlineGraceMs;
  try {
    const settled = await within(Promise.resolve(fleet.granted(id)), leftMs);
    if (settled === null) held[Symbol.dispose]();
    return settled === TOO_LATE ? TIMED_OUT : settled;
  } catch (error) {
    held[Symbol.dispose]();
    throw error;
  } finally {
    wait.spentMs += Date.now() - sinceMs;
  }
}

function granted(grant: GrantAnswer, { fleet }: Admitting, wait: Wait, answer: EnqueueAnswer & Disposable): Admission {
  if (answer.ticket === null) throw new Error("a grant without a ticket");
  return { kind: "granted", to: destination(grant, wait.spentMs), slot: new Slot(fleet, grant, answer, answer.ticket) };
}

function destination({ replica, origin, reason, evict }: GrantAnswer, waitedMs: number): Destination {
  return { replica, origin, reason, evict, waitedMs, sentAtMs: Date.now() };
}
