// What keeps others away from the dashboard: its cookie, the headers of its pages, and from where a page or an action may be asked for. Replicas answer
// on the same origin, so a page of theirs must be able to do nothing here either: browsers say in Sec-Fetch-* headers who asks, which no script can forge.
import { parse, serialize } from "hono/utils/cookie";
import { BOUNDS } from "../limits.ts";
import type { Settings } from "../settings/settings.ts";
import { urlOf } from "../wire/request-url.ts";
import { verify, type Session } from "./session.ts";

const COOKIE = "warmpath_session";

/** The session that the request's cookie shows; null: none, or nobody may sign in because no ADMIN_TOKEN is set. */
export async function sessionOf(request: Request, { ADMIN_TOKEN }: Settings, now: number): Promise<Session | null> {
  const text = parse(request.headers.get("cookie") ?? "", COOKIE)[COOKIE];
  return text === undefined || ADMIN_TOKEN === null ? null : verify(ADMIN_TOKEN, "session", text, now);
}

/** The cookie never reaches a replica: browsers send it below /-/ alone. Empty text takes it away. */
export function cookieOf(request: Request, { ALLOW_PRIVATE_ORIGINS }: Settings, text: string): string {
  // In development the router is reached by plain http, where not all browsers keep a Secure cookie.
  const secure = urlOf(request)?.scheme === "https" || ALLOW_PRIVATE_ORIGINS !== true;
  const maxAge = text === "" ? 0 : Math.floor(BOUNDS.sessionMs / 1000);
  return serialize(COOKIE, text, { path: "/-/", httpOnly: true, sameSite: "Strict", secure, maxAge });
}

/** Whether the dashboard is there for this request: at DASHBOARD_HOST, if that is set. */
export function isServedAt(request: Request, { DASHBOARD_HOST }: Settings): boolean {
  return DASHBOARD_HOST === null || urlOf(request)?.host === DASHBOARD_HOST;
}

/** Whether the browser is on its way to this page by itself: no script, frame or worker asks for it. */
export function isNavigation({ headers }: Request): boolean {
  const [mode, destination] = [headers.get("sec-fetch-mode"), headers.get("sec-fetch-dest")];
  return (mode === null || mode === "navigate") && (destination === null || destination === "document");
}

/** Whether a page of this origin asks. Browsers without Sec-Fetch-Site name the page's origin. */
export function isOwnPage(request: Request): boolean {
  const { headers } = request;
  const site = headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin";
  const url = urlOf(request);
  return url !== null && headers.get("origin") === `${url.scheme}://${url.host}`;
}

/** Of the origin's scripts only those below /-/assets/ may run: a replica could serve one at any other path. */
export function pageHeaders(request: Request, requestId: string): Headers {
  const url = urlOf(request);
  const assets = `${url?.scheme}://${url?.host}/-/assets/`;
  const policy = [
    "default-src 'none'",
    `script-src ${assets}`,
    `style-src ${assets}`,
    "img-src data:",
    "connect-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ];
  return new Headers({
    "content-type": "text/html; charset=utf-8",
    "content-security-policy": policy.join("; "),
    "cross-origin-opener-policy": "noopener-allow-popups",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "cache-control": "no-store",
    "x-fal-request-id": requestId,
  });
}
