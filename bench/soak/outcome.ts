// What came of a request of a soak, in one word, and whether that may happen in a fleet that is well but for replicas that die.
import type { Came } from "../live/sending.ts";
import type { SoakSending } from "./traffic.ts";

export interface Outcome {
  readonly name: string;
  readonly expected: boolean;
}

const BROKEN_BY_DEATH: Outcome = { name: "broken off by a death", expected: true };

/** `aDeath`: a replica was dead while the request was there. */
export function outcomeOf(sending: SoakSending, came: Came, aDeath: boolean): Outcome {
  const { end, status, proof, errorType, headersMs } = came;
  if (end === "left") return { name: "left", expected: sending.leaving !== null };
  if (end === "answered" && status === 200) {
    if (typeof proof !== "string") return { name: "200", expected: true };
    // A WebSocket whose replica died is closed, with another code than the replica's.
    return sending.webSocket && aDeath ? BROKEN_BY_DEATH : { name: "wrong answer", expected: false };
  }
  if (end === "unanswered") return { name: "unanswered", expected: false };
  // What has begun to be answered, or can't be sent again, shares its replica's fate.
  if (end === "broken" && headersMs !== null && aDeath) return BROKEN_BY_DEATH;
  const unlucky = status === 502 && errorType === "runner_disconnected" && !sending.replayable && aDeath;
  if (unlucky) return { name: "502 by a death", expected: true };
  return { name: end === "broken" ? "broken" : `${status} ${errorType ?? ""}`.trim(), expected: false };
}
