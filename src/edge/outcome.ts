// What an attempt gave. The replica's fleet is told.
import { parseInBandHints } from "../wire/hints.ts";
import { BOUNDS } from "../limits.ts";
import type { Failure } from "../routing/health/outcome.ts";
import type { Settings } from "../settings/settings.ts";
import { brokeAtOnce, type Attempt } from "./attempt.ts";
import type { ClientBody } from "./body.ts";
import { diagnose, type Cause } from "./diagnosis.ts";
import type { Granted } from "./grant.ts";
import { isShort } from "./incoming-body.ts";
import { verdictOf } from "./verdict.ts";

export interface Outcome {
  /** Null: the replica gave no answer. */
  readonly response: Response | null;
  /** Why there is no answer; null: there is one, or the time for it was up. */
  readonly cause: Cause | null;
  /** The request may never have got to the replica, which is gone. */
  readonly unreached: boolean;
}

interface Reporting {
  readonly granted: Granted;
  readonly body: ClientBody;
  readonly settings: Settings;
  readonly ctx: ExecutionContext;
}

const NO_ANSWER: Outcome = { response: null, cause: null, unreached: false };

/** Tells the fleet what its replica did. */
export async function reportOutcome(attempt: Attempt, reporting: Reporting): Promise<Outcome> {
  const { granted, body } = reporting;
  switch (attempt.kind) {
    case "answered":
      return { response: await reportAnswer(attempt.response, reporting), cause: null, unreached: false };
    case "timed_out":
      // The replica may be waiting for a client that is still sending.
      if (!body.streamed) await granted.slot?.failed({ kind: "timed_out", detail: "no answer in time" });
      return NO_ANSWER;
    case "lost":
      await granted.slot?.failed({ kind: "timed_out", detail: "silent for its time to live" });
      return { ...NO_ANSWER, cause: "expired" };
    case "unreachable":
      if (attempt.response !== null)
        return { response: await reportAnswer(attempt.response, reporting), cause: null, unreached: true };
      return reportBreak(attempt, reporting);
  }
}

async function reportAnswer(response: Response, { granted, body, ctx }: Reporting): Promise<Response> {
  const { slot } = granted;
  if (slot === null) return response;
  const inBand = response.headers.get("x-fal-runner-hints");
  const hints = inBand === null ? null : parseInBandHints(inBand);
  const verdict = verdictOf(response);
  if ("answer" in verdict) {
    const told = slot.answered(verdict.answer, hints, !isShort(response));
    if (told !== null) ctx.waitUntil(told);
  } else if (!body.streamed || !MAY_BE_CLIENTS_DOING.has(verdict.failure.kind)) {
    await slot.failed(verdict.failure, verdict.failure.kind === "unreachable" ? null : hints);
  }
  return response;
}

/** Failures that a client can cause while it is still sending its body. */
const MAY_BE_CLIENTS_DOING: ReadonlySet<Failure["kind"]> = new Set(["timed_out", "broken"]);

/** No response headers came. The replica is asked whether it is there, which shows whether it failed and whether it is gone. */
async function reportBreak(attempt: Attempt & { kind: "unreachable" }, reporting: Reporting): Promise<Outcome> {
  const { granted, body, settings } = reporting;
  const { slot, to } = granted;
  const { reachable, cause } = await diagnose(to, attempt.error, settings);
  const bodyBytes = body.streamed ? Infinity : (body.bytes?.byteLength ?? 0);
  // The client may have caused it by a long body, or an idle connection was closed as the request came.
  const excused = reachable && (bodyBytes > BOUNDS.bodySentBytes || (brokeAtOnce(attempt) && attempt.kept));
  if (!excused) await slot?.failed({ kind: reachable ? "disconnected" : "unreachable", detail: cause });
  return { response: null, cause, unreached: !reachable && brokeAtOnce(attempt) };
}
