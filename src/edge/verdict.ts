// What an answer's status and headers say: of the replica that gave it, and of whether another replica may be asked.
import type { AnswerKind, Failure } from "../routing/health/outcome.ts";

/** What Cloudflare answers in a replica's stead when it, its DNS name or its tunnel can't be reached. Loopback never shows these. */
const OUT_OF_REACH = new Set([521, 522, 523, 525, 526, 530]);

export function isOutOfReach({ status }: Response): boolean {
  return OUT_OF_REACH.has(status);
}

/** How an answer shows that its replica failed the request, or of what kind it is where it does not. */
export type Verdict = { readonly failure: Failure } | { readonly answer: AnswerKind };

/**
 * 520 and 524 are Cloudflare's: the answer was broken, or did not begin in time. 502 and 504 are those of whatever stands before the replica, and
 * 503 says that it takes no requests now, and for how long, where it says so in seconds. A replica that has a word of its own on retries speaks
 * with any 5xx for the request alone.
 */
export function verdictOf(response: Response): Verdict {
  const { status, headers } = response;
  const detail = `status ${status}`;
  if (OUT_OF_REACH.has(status)) return { failure: { kind: "unreachable", detail } };
  if (status === 520) return { failure: { kind: "broken", detail } };
  if (status === 524) return { failure: { kind: "timed_out", detail } };
  const word = wordOnRetry(response);
  if (word === true)
    return {
      failure: { kind: "declined", retryAfterMs: retryAfterOf(headers), forHint: status !== 503 && status !== 429, detail },
    };
  if (status === 404 || status === 422) return { answer: "unsupported" };
  if (status < 400) return { answer: "success" };
  if (status < 500) return { answer: "rejected" };
  if (headers.has("x-fal-needs-retry")) return { answer: "excused" };
  switch (status) {
    case 502:
      return { failure: { kind: "disconnected", detail } };
    case 503:
      return { failure: { kind: "unavailable", retryAfterMs: retryAfterOf(headers), detail } };
    case 504:
      return { failure: { kind: "timed_out", detail } };
    default:
      return { failure: { kind: "error", detail } };
  }
}

function retryAfterOf(headers: Headers): number | null {
  const seconds = headers.get("retry-after") ?? "";
  return /^\d{1,9}$/.test(seconds) ? Number(seconds) * 1000 : null;
}

/** The replica's own word on whether its answer may be replaced by another's, on a 5xx or 429; null: it gives none. */
export function wordOnRetry({ status, headers }: Response): boolean | null {
  const word = status >= 500 || status === 429 ? headers.get("x-fal-needs-retry") : null;
  return word === "1" || word === "0" ? word === "1" : null;
}

/** Whether an answer may be replaced by another replica's where its own says nothing of that: it was none of the replica's, or "not now". */
export function isReplaceable(response: Response): boolean {
  return response.status === 502 || response.status === 503 || isOutOfReach(response);
}
