// Lets a page of another origin read the router's own errors (CORS). What replicas answer is theirs: whether a page may read that, and its
// preflight, they say themselves.

/** What beside the body a page needs of an error; without this it sees none of them. */
const EXPOSED = "retry-after, x-fal-error-type, x-fal-request-id, x-fal-request-timeout-type";

/** The response, where it is the router's own error with the headers by which a page of an admitted origin may read it. */
export function withCors(response: Response, request: Request, origins: readonly string[]): Response {
  const { headers } = response;
  if (!headers.has("x-fal-error-type") || headers.has("x-fal-served-from")) return response;
  const origin = request.headers.get("origin");
  const all = origins.includes("*");
  if (origin === null || (!all && !origins.includes(origin))) return response;
  headers.set("access-control-allow-origin", all ? "*" : origin);
  headers.set("access-control-expose-headers", EXPOSED);
  if (!all) headers.append("vary", "origin");
  return response;
}
