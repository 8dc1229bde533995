// Whether the server takes requests, by what looks at it gave. Pure.
import type { FaultKind } from "./fault.ts";
import { LIMITS } from "./limits.ts";

export interface Judgement {
  /** `unseen`: it has not been up yet. */
  readonly state: "unseen" | "up" | "down";
  /** Looks in a row that gave nothing. */
  readonly failures: number;
  /** It was gone since it was last up, so it will come back as another process. */
  readonly wasGone: boolean;
}

export const UNSEEN: Judgement = { state: "unseen", failures: 0, wasGone: false };

/** `fault`: null: the look went well. A refused connection and a loading model are sure; a slow or odd answer may be chance, so two of those count. */
export function judged(before: Judgement, fault: FaultKind | null): Judgement {
  if (fault === null) return { state: "up", failures: 0, wasGone: false };
  const failures = before.failures + 1;
  const isSure = fault === "down" || fault === "loading";
  const isDown = isSure || failures >= LIMITS.looksToDown;
  const state = before.state === "up" && isDown ? "down" : before.state;
  return { state, failures, wasGone: state !== "unseen" && (before.wasGone || fault === "down") };
}
