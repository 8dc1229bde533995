// What goes over RPC between a Worker and a Fleet object: plain data, and tickets.
import type { HeartbeatTiming } from "../src/routing/ledger/liveness.ts";
import type { Arrival, Priority, Wanted } from "../src/routing/ledger/queue.ts";
import type { Refusal } from "../src/routing/refusals.ts";
import { awaitsAnswer, type Success } from "../src/routing/lifecycle.ts";
import type { Fleet } from "../src/routing/ledger/fleet.ts";
import type { Advice } from "../src/routing/prewarm.ts";
import type { Choice, Outcome, Reason } from "../src/routing/scheduler.ts";
import type { Adoption } from "../src/routing/ledger/slots.ts";
import type { Failure } from "../src/routing/health/outcome.ts";
import type { Ticket } from "./ticket.ts";

/** What a Worker asks for a request. */
export interface EnqueueRequest extends Wanted {
  /** Time since the request reached the router. */
  readonly waitedMs: number;
  /** How much longer it may wait. */
  readonly timeoutMs: number;
  readonly queueLengthMax: number | null;
  /** What serving costs, ms, as the client says; null: it does not say. */
  readonly declaredMs: number | null;
  readonly priority: Priority;
  /** The request's last slot, on a replica that failed it; null: there was none, or the object knows. The slot is given back. */
  readonly after: { readonly id: number; readonly failure: Failure; readonly hints: readonly string[] | null } | null;
  /** Earlier requests of this Worker that went well: for each its id, the time until its headers and until its end, ms from the grant on. */
  readonly successes: readonly number[];
}

/** What a Worker tells an object that has restarted of a request that still runs. */
export interface AdoptRequest extends Omit<Adoption, "startedAtMs"> {
  /** Time since it was granted. */
  readonly elapsedMs: number;
}

export interface GrantAnswer {
  readonly kind: "granted";
  /** The ticket's id, for `running`. */
  readonly id: number;
  readonly replica: string;
  readonly incarnation: number;
  readonly origin: string;
  readonly hint: string | null;
  readonly reason: Reason;
  /** Whether the object waits to hear that the answer came whole. */
  readonly proves: boolean;
  /** Whether the object must hear at once how the request is answered. */
  readonly awaitsAnswer: boolean;
  /** `hashNames` of what the replica is known to hold; null: it has not said. */
  readonly holds: number | null;
}

export type RefusalAnswer = { readonly kind: "refused"; readonly refusal: Refusal };
export type SettledAnswer = GrantAnswer | RefusalAnswer;

export type EnqueueAnswer =
  | { readonly result: GrantAnswer; readonly ticket: Ticket }
  | { readonly result: { readonly kind: "waiting"; readonly id: number }; readonly ticket: Ticket }
  | { readonly result: RefusalAnswer; readonly ticket: null };

export type HeartbeatAnswer =
  /** `replaced`: the replica that had this origin until now, and has left; null: none had it. `advice`: null: there is none. */
  | ({ readonly kind: "accepted"; readonly replaced: string | null; readonly advice: Advice | null } & HeartbeatTiming)
  | { readonly kind: "origin_taken"; readonly replica: string; readonly incarnation: number }
  | { readonly kind: "stale"; readonly incarnation: number; readonly sequence: number | null }
  | { readonly kind: "fleet_full"; readonly detail: string }
  | { readonly kind: "rate_limited"; readonly limit: number };

/** The request as the scheduler needs it: by the object's clock. */
export function arrivalOf(request: EnqueueRequest, now: number): Arrival {
  const { waitedMs, timeoutMs, successes: _, after: __, ...rest } = request;
  return { ...rest, arrivedAtMs: now - waitedMs, deadlineMs: now + timeoutMs };
}

/** What a Worker tells with its next request. */
export function* successesOf(news: readonly number[]): Generator<Success> {
  for (let at = 0; at + 2 < news.length; at += 3) {
    const [id = 0, answeredAfterMs = 0, heldMs = 0] = news.slice(at, at + 3);
    yield { id, answeredAfterMs, heldMs };
  }
}

/** The running request as the scheduler needs it: by the object's clock. */
export function adoptionOf({ elapsedMs, ...rest }: AdoptRequest, now: number): Adoption {
  return { ...rest, startedAtMs: now - elapsedMs };
}

/** A grant as the Worker needs it. */
export function answerOf(fleet: Fleet, outcome: Extract<Outcome, { kind: "granted" }>): GrantAnswer {
  const { grant, reason } = outcome;
  const { id, hint, proves } = grant;
  const { id: replica, incarnation, origin, advertised, advertisedHash } = grant.replica;
  const holds = advertised === null ? null : advertisedHash;
  return {
    kind: "granted",
    id,
    replica,
    incarnation,
    origin,
    hint,
    reason,
    proves,
    awaitsAnswer: awaitsAnswer(fleet, grant),
    holds,
  };
}

/** A choice for a request that takes no slot. */
export function answerOfChoice({ replica, hint, reason }: Choice): GrantAnswer {
  const { id, incarnation, origin } = replica;
  return {
    kind: "granted",
    id: 0,
    replica: id,
    incarnation,
    origin,
    hint,
    reason,
    proves: false,
    awaitsAnswer: false,
    holds: null,
  };
}
