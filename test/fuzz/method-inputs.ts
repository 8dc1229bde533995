// Requests with every method that there is, and with some that are none.
import { request } from "./client-input.ts";
import type { Draw } from "./draw.ts";
import { BAD_REQUEST, HTTP_LAYER, SERVED, type Input } from "./input.ts";

/** Methods that both the HTTP layer and the test replica know; the first refuses all others. */
export const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "PURGE", "OPTIONS", "TRACE", "COPY", "LOCK", "MKCOL", "MOVE", "PROPFIND", "PROPPATCH", "SEARCH", "UNLOCK", "ACL", "REPORT", "MKACTIVITY", "CHECKOUT", "MERGE", "NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "QUERY"]; // prettier-ignore

export function methodInput(draw: Draw, number: number): Input {
  const body = draw.chance(0.4) ? draw.bytes(draw.int(0, 200)) : null;
  const chunks = draw.chance(0.3) ? [draw.int(1, 50)] : null;
  const parts = { target: "/run", body, chunks };
  if (draw.chance(0.5)) {
    const method = draw.pick(METHODS);
    const lost = body !== null && chunks !== null && (method === "GET" || method === "HEAD");
    const odd = lost
      ? { fault: "a body in chunks", lines: [], allowed: BAD_REQUEST }
      : { fault: "none: a known method", lines: [], allowed: SERVED };
    return request("method", odd, number, { ...parts, method });
  }
  const known = draw.pick(METHODS);
  const method = draw.pick([
    () => known.toLowerCase(),
    () => known.slice(0, -1),
    () => `${known}X`,
    () => draw.text(draw.int(1, 40), "ABCDEFGHIJKLMNOPQRSTUVWXYZ!#$%&'*+-.^_`|~0123456789"),
    () => String.fromCharCode(...draw.bytes(draw.int(1, 20))),
    () => "A".repeat(draw.int(100, 20_000)),
    () => "",
    () => `${known}\t`,
  ])();
  const odd = { fault: "unknown", lines: [], allowed: METHODS.includes(method) ? SERVED : [...HTTP_LAYER, "404 app_not_found"] };
  return { ...request("method", odd, number, { ...parts, body: null, method }), alone: true };
}
