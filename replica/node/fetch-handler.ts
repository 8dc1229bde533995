// The replica's requests where a server's handler takes a Request and gives a Response: Bun, Deno, Hono and most frameworks. Counts them, says on each
// answer what the replica holds, and refuses what did not come through the router if there is a key.
import type { FleetMember } from "./member.ts";
import { isFromRouter } from "./signature.ts";

export type FetchHandler<Rest extends readonly unknown[]> = (request: Request, ...rest: Rest) => Response | Promise<Response>;

/** `handler` as it should be served. A request counts until its answer's last byte, or until its client is gone. */
export function fetchHandler<Rest extends readonly unknown[]>(
  member: FleetMember,
  handler: FetchHandler<Rest>,
): (request: Request, ...rest: Rest) => Promise<Response> {
  return async (request, ...rest) => {
    if (!(await isAdmitted(member, request))) return notFromRouter();
    const over = member.begin();
    try {
      const response = await handler(request, ...rest);
      // A WebSocket's handshake is not the handler's answer to change.
      if (response.status === 101) {
        over();
        return response;
      }
      return answered(response, member.hintsHeader, over);
    } catch (error) {
      over();
      throw error;
    }
  };
}

export function notFromRouter(): Response {
  return Response.json({ detail: NOT_FROM_ROUTER }, { status: 401 });
}

export const NOT_FROM_ROUTER = "The request did not come through the router: x-warmpath-signature is missing, wrong or old.";

async function isAdmitted({ options: { signingKey, replica } }: FleetMember, request: Request): Promise<boolean> {
  if (signingKey === undefined) return true;
  // `URL.search` would lose a question mark with nothing after it.
  const target = request.url.slice(new URL(request.url).origin.length);
  return isFromRouter(signingKey, {
    method: request.method,
    target,
    replica,
    header: request.headers.get("x-warmpath-signature"),
  });
}

function answered(response: Response, hints: string | null, over: () => void): Response {
  const { body } = response;
  if (body === null) over();
  const counted = new Response(body === null ? null : countedBody(body, over), response);
  if (hints !== null) counted.headers.set("x-fal-runner-hints", hints);
  return counted;
}

/** The slot is free before the last byte: the router sends the next request the moment it has that. */
function countedBody(body: ReadableStream<Uint8Array>, over: () => void): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { done, value } = await reader.read();
          if (!done) return controller.enqueue(value);
          over();
          controller.close();
        } catch (error) {
          over();
          controller.error(error);
        }
      },
      async cancel(reason) {
        over();
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}
