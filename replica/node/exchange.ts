// One heartbeat to the router and what it says, over HTTP. It never throws: a router that is away, slow or not a router is a result like any other.
import type { HeartbeatJson, HeartbeatReply } from "../../src/wire/heartbeat.ts";
import { LIMITS } from "./limits.ts";

export type Exchanged =
  | { readonly ok: true; readonly reply: HeartbeatReply }
  | { readonly ok: false; readonly problem: string; readonly retryAfterMs: number };

export interface Door {
  readonly router: string;
  readonly token: string;
}

/** POSTs the heartbeat. `signal` ends the wait, with a result. */
export async function post({ router, token }: Door, report: HeartbeatJson, signal: AbortSignal): Promise<Exchanged> {
  try {
    const response = await fetch(new URL("/-/heartbeat", router), {
      method: "POST",
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: JSON.stringify(report),
      redirect: "manual",
      signal,
    });
    return readAnswer(await textOf(response), response.status, response.headers.get("retry-after"));
  } catch (error) {
    return failed(signal.aborted ? "the router did not answer in time" : causeOf(error));
  }
}

/** What an answer says, of a POST or in a frame. `status`: of the response; null: it is in the frame. */
export function readAnswer(text: string, status: number | null, retryAfter: string | null = null): Exchanged {
  const json = objectIn(text);
  const its = status ?? (typeof json?.["status"] === "number" ? json["status"] : 200);
  if (its === 200 && typeof json?.["next_heartbeat_ms"] === "number")
    return { ok: true, reply: json as unknown as HeartbeatReply };
  const afterMs = typeof json?.["retry_after_ms"] === "number" ? json["retry_after_ms"] : Number(retryAfter ?? 0) * 1000;
  const { error_type: type, detail, field } = json ?? {};
  if (typeof type !== "string") return failed(`${its}, and not as a router answers: ${shortened(text)}`, afterMs);
  const option = typeof field === "string" ? ` (option ${shortened(optionOf(field))})` : "";
  const hint = type === "stale_heartbeat" ? "; does another process use this replica's id, or was it removed at the router?" : "";
  return failed(`${its} ${type}: ${shortened(String(detail))}${option}${hint}`, afterMs);
}

export function failed(problem: string, retryAfterMs = 0): Exchanged & { readonly ok: false } {
  return { ok: false, problem, retryAfterMs: Number.isFinite(retryAfterMs) ? retryAfterMs : 0 };
}

/** `fetch` hides the reason, such as ECONNREFUSED, in the cause. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  if (cause instanceof AggregateError && cause.errors.length > 0) return causeOf(cause.errors[0]);
  const code = cause instanceof Error ? (cause as { readonly code?: string }).code : undefined;
  const message = cause instanceof Error ? cause.message : String(cause);
  return shortened(message === "" ? (code ?? "no reason is known") : message);
}

/** A field of the heartbeat by its name as an option: `hint_slots` is `hintSlots`. */
function optionOf(field: string): string {
  return (field.split(".")[0] ?? field).replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** Of the answer no more is read than a router's can have. */
async function textOf(response: Response): Promise<string> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for (;;) {
    const read = await reader?.read();
    if (read === undefined || read.done) return text + decoder.decode();
    bytes += read.value.byteLength;
    if (bytes > LIMITS.answerBytes) {
      await reader?.cancel();
      return text;
    }
    text += decoder.decode(read.value, { stream: true });
  }
}

function objectIn(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** On one line, without control characters: a text from elsewhere must not steer a terminal. */
function shortened(text: string): string {
  // oxlint-disable-next-line no-control-regex
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g, " ").trim();
  return line.length > LIMITS.shownText ? `${line.slice(0, LIMITS.shownText)}…` : line;
}
