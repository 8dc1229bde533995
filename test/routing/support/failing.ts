// Requests that a replica fails or serves, whatever a decision would have been, and how long that ejects it for.
import { failGrant, type Failure } from "../../../src/routing/ejection.ts";
import type { Fleet } from "../../../src/routing/fleet.ts";
import { answerGrant, endAnswer, finishGrant } from "../../../src/routing/slots.ts";
import { known, occupy } from "./fleets.ts";

export const UNREACHABLE = { kind: "unreachable" } as const;
export const TIMED_OUT = { kind: "timed_out" } as const;
export const BROKEN = { kind: "broken" } as const;

/** A request on the replica fails, and is over; one that is broken off was answered before. Says whether that ejected the replica. */
export function fails(fleet: Fleet, id: string, now = 0, failure: Failure = UNREACHABLE): boolean {
  const [grant] = occupy(fleet, id, 1, now);
  if (grant === undefined) throw new Error("no grant");
  if (failure.kind === "broken") answerGrant(fleet, grant, now);
  const ejected = failGrant(fleet, grant, failure, now);
  finishGrant(fleet, grant, now);
  return ejected;
}

/** A request on the replica is answered, whole. */
export function serves(fleet: Fleet, id: string, now = 0): void {
  for (const grant of occupy(fleet, id, 1, now)) {
    answerGrant(fleet, grant, now);
    endAnswer(fleet, grant, true);
    finishGrant(fleet, grant, now);
  }
}

/** How long the replica is ejected for from now on. */
export function ejectedFor(fleet: Fleet, id: string, now: number): number {
  return known(fleet, id).ejectedUntilMs - now;
}
