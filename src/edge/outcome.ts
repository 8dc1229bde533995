// What an attempt gave. The replica's fleet is told.
import { parseInBandHints, withoutAliases } from "../wire/hints.ts";
import { BOUNDS } from "../limits.ts";
import type { Failure } from "../routing/health/outcome.ts";
import type { Settings } from "../settings/settings.ts";
import { brokeAtOnce, type Attempt } from "./attempt.ts";
import type { ClientBody } from "./body.ts";
import { diagnose, type Cause } from "./diagnosis.ts";
import type { Granted, ReplicaFailure } from "./grant.ts";
import { isShort } from "./incoming-body.ts";
import type { ReplicaNetwork } from "./replica-network.ts";
import { verdictOf } from "./verdict.ts";

export interface Outcome {
  /** Null: the replica gave no answer. */
  readonly response: Response | null;
  /** Why there is no answer; null: there is one, or the time for it was up. */
  readonly cause: Cause | null;
  /** The request may never have got to the replica, which is gone. */
  readonly unreached: boolean;
  /** How the replica failed, which its fleet is still to be told; null: it has not failed, or that does not count. */
  readonly failure: ReplicaFailure | null;
}

interface Reporting {
  readonly granted: Granted;
  readonly body: ClientBody;
  readonly network: ReplicaNetwork | null;
  readonly settings: Settings;
  readonly ctx: ExecutionContext;
}

const NO_ANSWER = { response: null, cause: null, unreached: false } as const;

/** What the attempt says of its replica. The fleet is told of an answer that is no failure. */
export async function reportOutcome(attempt: Attempt, reporting: Reporting): Promise<Outcome> {
  const { body } = reporting;
  switch (attempt.kind) {
    case "answered":
      return { ...ofAnswer(attempt.response, reporting), unreached: false };
    case "timed_out":
      // The replica may be waiting for a client that is still sending.
      return { ...NO_ANSWER, failure: body.streamed ? null : timedOut("no answer in time") };
    case "lost":
      return { ...NO_ANSWER, cause: "expired", failure: timedOut("silent for its time to live") };
    case "unreachable":
      if (attempt.response !== null) return { ...ofAnswer(attempt.response, reporting), unreached: true };
      return reportBreak(attempt, reporting);
  }
}

function timedOut(detail: string): ReplicaFailure {
  return { failure: { kind: "timed_out", detail }, hints: null };
}

function ofAnswer(response: Response, { granted, body, settings, ctx }: Reporting): Omit<Outcome, "unreached"> {
  const { slot } = granted;
  const answer = { response, cause: null };
  if (slot === null) return { ...answer, failure: null };
  const inBand = response.headers.get("x-fal-runner-hints");
  const hints = inBand === null ? null : withoutAliases(parseInBandHints(inBand), settings.HINT_ALIASES);
  const verdict = verdictOf(response);
  if ("answer" in verdict) {
    const told = slot.answered(verdict.answer, hints, !isShort(response));
    if (told !== null) ctx.waitUntil(told);
    return { ...answer, failure: null };
  }
  const { failure } = verdict;
  const counts = !body.streamed || !MAY_BE_CLIENTS_DOING.has(failure.kind);
  return { ...answer, failure: counts ? { failure, hints: failure.kind === "unreachable" ? null : hints } : null };
}

/** Failures that a client can cause while it is still sending its body. */
const MAY_BE_CLIENTS_DOING: ReadonlySet<Failure["kind"]> = new Set(["timed_out", "broken"]);

/** No response headers came. The replica is asked whether it is there, which shows whether it failed and whether it is gone. */
async function reportBreak(attempt: Attempt & { kind: "unreachable" }, reporting: Reporting): Promise<Outcome> {
  const { granted, body, network, settings } = reporting;
  const { to } = granted;
  const { reachable, cause } = await diagnose(to, attempt.error, network, settings);
  const bodyBytes = body.streamed ? Infinity : (body.bytes?.byteLength ?? 0);
  // The client may have caused it by a long body, or an idle connection was closed as the request came.
  const excused = reachable && (bodyBytes > BOUNDS.bodySentBytes || (brokeAtOnce(attempt) && attempt.kept));
  const failure: ReplicaFailure = { failure: { kind: reachable ? "disconnected" : "unreachable", detail: cause }, hints: null };
  return { response: null, cause, unreached: !reachable && brokeAtOnce(attempt), failure: excused ? null : failure };
}
