// What operators see of one client's request, wherever they look: a line of the log (request-log.ts), attributes of a span (request-trace.ts), a point in
// Analytics Engine (analytics.ts). Of query and body they see the hint alone, because the rest may hold secrets.
import { hintElsewhere } from "./edge/request-hints.ts";
import type { Settings } from "./settings/settings.ts";

/** Characters that are shown of the hint header. */
const HINT_SHOWN = 200;
/** The status of a request whose client went before an answer: nobody got it. nginx's log uses the same. */
const CLIENT_GONE = 499;

/** What was asked, where it went and why, how long it waited, and how it was answered. */
export interface RequestFacts {
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
  readonly hint: string | null;
  readonly status: number;
  readonly replica: string | null;
  readonly reason: string | null;
  readonly error: string | null;
  /** Of the queue, and of the rest until it was sent; null: the request went nowhere. */
  readonly queueMs: number | null;
  readonly routeMs: number | null;
}

/** Of the request and the answer alone. `response` null: the client went before there was one. */
export function factsOf(
  request: Request,
  requestId: string,
  path: string,
  response: Response | null,
  settings: Settings,
): RequestFacts {
  const { status = CLIENT_GONE, headers = new Headers() } = response ?? {};
  const hint =
    settings.HINT_HEADERS.map((name) => request.headers.get(name)).find((its) => its !== null) ?? hintElsewhere(request);
  return {
    requestId,
    method: request.method,
    path,
    hint: hint?.slice(0, HINT_SHOWN) ?? null,
    status,
    replica: headers.get("x-fal-served-from"),
    reason: headers.get("x-warmpath-reason"),
    error: headers.get("x-fal-error-type"),
    queueMs: durationOf(headers, "queue"),
    routeMs: durationOf(headers, "route"),
  };
}

/** From the router's own entry of `server-timing`, which is the last; null: the router has sent the request nowhere. */
function durationOf(headers: Headers, name: string): number | null {
  if (!headers.has("x-fal-served-from")) return null;
  const found = [...(headers.get("server-timing") ?? "").matchAll(new RegExp(`(?:^|,)\\s*${name};dur=(\\d+)`, "g"))].at(-1);
  return found?.[1] === undefined ? null : Number(found[1]);
}

/**
 * How the request ended. `complete`: the answer went out whole, as far as the router watches it. `broken`: it broke off by the replica's doing. `client_gone`: the
 * client went before the end. `refused`: the router answered itself.
 */
export type RequestEnd = "complete" | "broken" | "client_gone" | "refused";

/** What is noted of a request on its way, and its end. The first end counts. */
export class RequestRecord {
  readonly startedAtMs = Date.now();
  /** Empty until the app is known to exist. */
  app = "";
  /** How often it was sent to a replica. */
  attempts = 0;
  /** From its arrival to the headers of the answer; null: there are none yet. */
  answeredAfterMs: number | null = null;
  #end: { readonly how: RequestEnd; readonly afterMs: number } | null = null;
  #tell: ((how: RequestEnd, totalMs: number) => void) | null = null;

  /** The answer has headers, and is on its way to the client. */
  answered(): void {
    this.answeredAfterMs = Date.now() - this.startedAtMs;
    this.#settle();
  }

  ended(how: RequestEnd): void {
    this.#end ??= { how, afterMs: Date.now() - this.startedAtMs };
    this.#settle();
  }

  /** Tells once the request has both its answer and its end, or its client is gone. */
  whenOver(tell: (how: RequestEnd, totalMs: number) => void): void {
    this.#tell = tell;
  }

  #settle(): void {
    if (this.#end === null || (this.answeredAfterMs === null && this.#end.how !== "client_gone")) return;
    this.#tell?.(this.#end.how, this.#end.afterMs);
    this.#tell = null;
  }
}
