// One line a client's request, with LOG=requests: what was asked, where it went and why, how long it waited, and how it was answered. Of query and body it
// has the hint alone, because the rest may hold secrets.
import { hintElsewhere } from "./edge/request-hints.ts";
import type { Settings } from "./settings/settings.ts";

const HINT_SHOWN = 200;

/** `random` from 0 to 1 decides whether the request is among those of which LOG_SAMPLE_PERCENT has a line. */
export function logRequest(
  request: Request,
  path: string,
  response: Response,
  settings: Settings,
  random: number,
  tookMs: number,
): void {
  if (settings.LOG !== "requests" || random * 100 >= settings.LOG_SAMPLE_PERCENT) return;
  const { status, headers } = response;
  const hint =
    settings.HINT_HEADERS.map((name) => request.headers.get(name)).find((its) => its !== null) ?? hintElsewhere(request);
  const line = {
    message: "request",
    requestId: headers.get("x-fal-request-id"),
    method: request.method,
    path,
    hint: hint?.slice(0, HINT_SHOWN) ?? null,
    status,
    replica: headers.get("x-fal-served-from"),
    reason: headers.get("x-warmpath-reason"),
    error: headers.get("x-fal-error-type"),
    queueMs: durationOf(headers, "queue"),
    routeMs: durationOf(headers, "route"),
    headersMs: tookMs,
  };
  console.log(JSON.stringify(line));
}

/** From the router's own entry of `server-timing`, which is the last; null: the router has sent the request nowhere. */
function durationOf(headers: Headers, name: string): number | null {
  if (!headers.has("x-fal-served-from")) return null;
  const found = [...(headers.get("server-timing") ?? "").matchAll(new RegExp(`(?:^|,)\\s*${name};dur=(\\d+)`, "g"))].at(-1);
  return found?.[1] === undefined ? null : Number(found[1]);
}
