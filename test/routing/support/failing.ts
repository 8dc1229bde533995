// Requests that a replica fails or serves, whatever a decision would have been, and how long that ejects it for.
import { failGrant } from "../../../src/routing/health/ejection.ts";
import type { AnswerKind, Failure } from "../../../src/routing/health/outcome.ts";
import type { Fleet } from "../../../src/routing/ledger/fleet.ts";
import type { Grant } from "../../../src/routing/ledger/replica.ts";
import { answered, ended, finish } from "../../../src/routing/lifecycle.ts";
import { known, occupy, schedulerOf } from "./fleets.ts";

export const UNREACHABLE = { kind: "unreachable" } as const;
export const DISCONNECTED = { kind: "disconnected" } as const;
export const UNAVAILABLE = { kind: "unavailable", retryAfterMs: null } as const;
export const TIMED_OUT = { kind: "timed_out" } as const;
export const BROKEN = { kind: "broken" } as const;
export const ERROR = { kind: "error" } as const;

/** Its response headers came. */
export function answerGrant(fleet: Fleet, { id }: Grant, now: number, kind: AnswerKind = "success"): void {
  answered(schedulerOf(fleet), id, { kind, hints: null }, now);
}

/** Its answer came whole, or broke off by whose doing ever. */
export function endAnswer(fleet: Fleet, { id }: Grant, whole: boolean, now = 0): void {
  ended(schedulerOf(fleet), id, whole, now);
}

/** It is over. */
export function finishGrant(fleet: Fleet, { id }: Grant, now: number): void {
  finish(schedulerOf(fleet), id, now);
}

/** A request on the replica fails, and is over; one that is broken off was answered before. Says whether that ejected the replica. */
export function fails(fleet: Fleet, id: string, now = 0, failure: Failure = UNREACHABLE): boolean {
  const [grant] = occupy(fleet, id, 1, now);
  if (grant === undefined) throw new Error("no grant");
  if (failure.kind === "broken") answerGrant(fleet, grant, now);
  const ejected = failGrant(fleet, grant, failure, now);
  finishGrant(fleet, grant, now);
  return ejected;
}

/** Two requests in a row are answered 503. Says whether the second ejected the replica, which it does unless it is on probation. */
export function refuses(fleet: Fleet, id: string, now: number, retryAfterMs: number | null = null): boolean {
  fails(fleet, id, now - 1, { kind: "unavailable", retryAfterMs });
  return fails(fleet, id, now, { kind: "unavailable", retryAfterMs });
}

/** A request on the replica is answered, whole. */
export function serves(fleet: Fleet, id: string, now = 0, kind: AnswerKind = "success"): void {
  for (const grant of occupy(fleet, id, 1, now)) {
    answerGrant(fleet, grant, now, kind);
    endAnswer(fleet, grant, true, now);
    finishGrant(fleet, grant, now);
  }
}

/** How long the replica is ejected for from now on. */
export function ejectedFor(fleet: Fleet, id: string, now: number): number {
  return known(fleet, id).ejectedUntilMs - now;
}
