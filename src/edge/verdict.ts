// What an answer's status and headers say of its replica, and whether another replica may be asked.
import type { AnswerKind, Failure } from "../routing/health/outcome.ts";

/** Cloudflare's statuses for a replica, a DNS name or a tunnel that is out of reach. */
const OUT_OF_REACH = new Set([521, 522, 523, 525, 526, 530]);

export function isOutOfReach({ status }: Response): boolean {
  return OUT_OF_REACH.has(status);
}

/** The replica's failure that the answer shows, or the kind of an answer that shows none. */
export type Verdict = { readonly failure: Failure } | { readonly answer: AnswerKind };

/**
 * 520 and 524 are Cloudflare's: the answer was broken, or did not begin in time. 502 and 504 come from a proxy before the replica. 503 says that the
 * replica takes no requests now, for as long as its `Retry-After` says. A 5xx with `X-Fal-Needs-Retry` is about the request alone.
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

/** Whether another replica should be asked, by the replica's own word on a 5xx or 429; null: it does not say. */
export function wordOnRetry({ status, headers }: Response): boolean | null {
  const word = status >= 500 || status === 429 ? headers.get("x-fal-needs-retry") : null;
  return word === "1" || word === "0" ? word === "1" : null;
}

/** Whether another replica is asked if the replica does not say: its proxy or tunnel answered, or it said "not now". */
export function isReplaceable(response: Response): boolean {
  return response.status === 502 || response.status === 503 || isOutOfReach(response);
}
