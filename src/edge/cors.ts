// Lets a page of another origin read the router's own answers: its errors, and the list of models (CORS). Replicas say themselves whether a page may read their answers, and answer
// preflights.

/** Headers of an error that a page may read beside the body. */
const EXPOSED = "retry-after, x-fal-error-type, x-fal-request-id, x-fal-request-timeout-type";

/** The response. An error of the router gets the headers by which a page of an admitted origin may read it. */
export function withCors(response: Response, request: Request, origins: readonly string[]): Response {
  const { headers } = response;
  return !headers.has("x-fal-error-type") || headers.has("x-fal-served-from")
    ? response
    : admitOrigin(response, request, origins);
}

/** The router's own response, with the headers by which a page of an admitted origin may read it. */
export function admitOrigin(response: Response, request: Request, origins: readonly string[]): Response {
  const { headers } = response;
  const origin = request.headers.get("origin");
  const all = origins.includes("*");
  if (origin === null || (!all && !origins.includes(origin))) return response;
  headers.set("access-control-allow-origin", all ? "*" : origin);
  headers.set("access-control-expose-headers", EXPOSED);
  if (!all) headers.append("vary", "origin");
  return response;
}
