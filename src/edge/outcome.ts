// What an attempt gave: its replica's fleet is told, and of an answer that another replica's may replace what is needed is kept.
import { parseInBandHints } from "../routing/hints.ts";
import { LIMITS } from "../routing/limits.ts";
import type { Settings } from "../settings/settings.ts";
import type { Admission } from "./admission.ts";
import { failureOf, isReachable, type Sent } from "./attempt.ts";
import type { ClientBody } from "./body.ts";
import { takeRoom } from "./kept-bytes.ts";

export type Granted = Extract<Admission, { kind: "granted" }>;

/** What an attempt gave, and the slot it holds. */
export interface Outcome {
  readonly granted: Granted;
  /** Null: the replica could not be reached. */
  readonly response: Response | null;
  /** Gives back the room that the answer takes while it is kept; null: it takes none. */
  readonly giveBack: (() => void) | null;
  /** What was sent along. No client may eject replicas by a body that breaks off, or that they will not read. */
  readonly body: ClientBody;
}

/** Tells the fleet what its replica did. */
export async function report(outcome: Outcome, kind: Sent["kind"], settings: Settings, ctx: ExecutionContext): Promise<void> {
  const { granted, response, body } = outcome;
  const { slot } = granted;
  if (slot === null) return;
  if (kind === "unreachable" || response === null) {
    const bodyBytes = body.streamed ? Infinity : (body.bytes?.byteLength ?? 0);
    const certain = response !== null || bodyBytes <= LIMITS.bodySentBytes;
    if (certain || !(await isReachable(granted.to, settings))) await slot.failed({ kind: "unreachable" });
    return;
  }
  const inBand = response.headers.get("x-fal-runner-hints");
  const hints = inBand === null ? null : parseInBandHints(inBand);
  const failure = failureOf(response);
  if (failure === null) ctx.waitUntil(slot.answered(hints));
  else if (failure.kind === "unavailable" || !body.streamed) await slot.failed(failure, hints);
}

/**
 * Keeps the answer for the case that no other replica gives one, and gives the slot back: a request never holds one while it waits for
 * another. An answer that is long, or that does not arrive, is not kept.
 */
export async function park({ granted, response, body }: Outcome): Promise<Outcome> {
  const giveBack = response === null ? null : takeRoom(LIMITS.wholeResponseBytes);
  const kept = giveBack === null || response === null ? null : await keep(response);
  if (kept === null) void response?.body?.cancel().catch(() => {});
  granted.slot?.release();
  return { granted, response: kept, giveBack, body };
}

async function keep({ body, status, statusText, headers }: Response): Promise<Response | null> {
  const init = { status, statusText, headers: new Headers(headers), encodeBody: "manual" } as const;
  if (body === null) return new Response(null, init);
  const bytes = await readWhole(body, LIMITS.wholeResponseBytes, LIMITS.keptAnswerMs);
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
