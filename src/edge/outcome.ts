// What an attempt gave: its replica's fleet is told, and of an answer that another replica's may replace what is needed is kept.
import { parseInBandHints } from "../wire/hints.ts";
import { BOUNDS } from "../limits.ts";
import type { Failure } from "../routing/health/outcome.ts";
import type { Settings } from "../settings/settings.ts";
import type { Admission } from "./admission.ts";
import { brokeAtOnce, type Attempt } from "./attempt.ts";
import type { ClientBody } from "./body.ts";
import { diagnose, type Cause } from "./diagnosis.ts";
import { takeRoom } from "./kept-bytes.ts";
import { isShort } from "./relay.ts";
import { verdictOf } from "./verdict.ts";

export type Granted = Extract<Admission, { kind: "granted" }>;

/** What an attempt gave, and the slot it holds. */
export interface Outcome {
  readonly granted: Granted;
  /** Null: there is none. */
  readonly response: Response | null;
  /** Why there is none; null: there is one, or its time was up. */
  readonly cause: Cause | null;
  /** Gives back the room that the answer takes while it is kept; null: it takes none. */
  readonly giveBack: (() => void) | null;
  /** What was sent along. No client may eject replicas by a body that breaks off, or that they will not read. */
  readonly body: ClientBody;
  /** It may never have got to the replica, which is gone. */
  readonly unreached: boolean;
}

export interface Reporting {
  readonly granted: Granted;
  readonly body: ClientBody;
  readonly settings: Settings;
  readonly ctx: ExecutionContext;
}

/** Tells the fleet what its replica did. */
export async function report(attempt: Attempt, reporting: Reporting): Promise<Outcome> {
  const { granted, body } = reporting;
  const outcome = { granted, response: null, cause: null, giveBack: null, body, unreached: false };
  switch (attempt.kind) {
    case "answered":
      return { ...outcome, response: await reportAnswer(attempt.response, reporting) };
    case "timed_out":
      // A client that is still sending may be what the replica waits for.
      if (!body.streamed) await granted.slot?.failed({ kind: "timed_out", detail: "no answer in time" });
      return outcome;
    case "lost":
      await granted.slot?.failed({ kind: "timed_out", detail: "silent for its time to live" });
      return { ...outcome, cause: "expired" };
    case "unreachable":
      if (attempt.response !== null)
        return { ...outcome, response: await reportAnswer(attempt.response, reporting), unreached: true };
      return { ...outcome, ...(await reportBreak(attempt, reporting)) };
  }
}

async function reportAnswer(response: Response, { granted, body, ctx }: Reporting): Promise<Response> {
  const { slot } = granted;
  if (slot === null) return response;
  const inBand = response.headers.get("x-fal-runner-hints");
  const hints = inBand === null ? null : parseInBandHints(inBand);
  const verdict = verdictOf(response);
  if ("answer" in verdict) ctx.waitUntil(slot.answered(verdict.answer, hints, !isShort(response)));
  else if (!body.streamed || !MAY_BE_CLIENTS_DOING.has(verdict.failure.kind)) {
    await slot.failed(verdict.failure, verdict.failure.kind === "unreachable" ? null : hints);
  }
  return response;
}

/** What a client that is still sending its body can cause. */
const MAY_BE_CLIENTS_DOING: ReadonlySet<Failure["kind"]> = new Set(["timed_out", "broken"]);

/** No response headers. Whether that was the replica's doing, and whether it is gone, shows when it is asked again. */
async function reportBreak(attempt: Attempt & { kind: "unreachable" }, { granted, body, settings }: Reporting) {
  const { slot, to } = granted;
  const { reachable, cause } = await diagnose(to, attempt.error, settings);
  const bodyBytes = body.streamed ? Infinity : (body.bytes?.byteLength ?? 0);
  // Its client's doing, or that of an idle connection which was closed as the request came.
  const excused = reachable && (bodyBytes > BOUNDS.bodySentBytes || (brokeAtOnce(attempt) && attempt.kept));
  if (!excused) await slot?.failed({ kind: reachable ? "disconnected" : "unreachable", detail: cause });
  return { cause, unreached: !reachable && brokeAtOnce(attempt) };
}

/**
 * Keeps the answer for the case that no other replica gives one, and gives the slot back: a request never holds one while it waits for
 * another. An answer that is long, or that does not arrive, is not kept.
 */
export async function park(outcome: Outcome): Promise<Outcome> {
  const { granted, response } = outcome;
  const giveBack = response === null ? null : takeRoom(BOUNDS.wholeResponseBytes);
  const kept = giveBack === null || response === null ? null : await keep(response);
  if (kept === null) void response?.body?.cancel().catch(() => {});
  granted.slot?.release();
  return { ...outcome, response: kept, giveBack };
}

async function keep({ body, status, statusText, headers }: Response): Promise<Response | null> {
  const init = { status, statusText, headers: new Headers(headers), encodeBody: "manual" } as const;
  if (body === null) return new Response(null, init);
  const bytes = await readWhole(body, BOUNDS.wholeResponseBytes, BOUNDS.keptAnswerMs);
  if (bytes === null) return null;
  init.headers.delete("transfer-encoding");
  init.headers.set("content-length", String(bytes.byteLength));
  return new Response(bytes, init);
}

/** Null where there is more, or it takes longer, or breaks off; then the rest is cancelled. */
async function readWhole(body: ReadableStream<Uint8Array>, most: number, withinMs: number): Promise<ArrayBuffer | null> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), withinMs);
  const chunks: Uint8Array[] = [];
  try {
    for (let length = 0; length <= most;) {
      const read = await Promise.race([reader.read(), late.promise]);
      if (read === null) break;
      if (read.done) return await new Blob(chunks).arrayBuffer();
      chunks.push(read.value);
      length += read.value.byteLength;
    }
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
  cancel();
  return null;
}
