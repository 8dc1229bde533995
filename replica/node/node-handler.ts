// The replica's requests on node:http, also of Express, Fastify's raw handlers and Bun's or Deno's node:http. As fetch-handler.ts, for that kind of handler.
import type { IncomingMessage, ServerResponse } from "node:http";
import { NOT_FROM_ROUTER } from "./fetch-handler.ts";
import type { FleetMember } from "./member.ts";
import { isFromRouter } from "./signature.ts";

export type NodeHandler = (request: IncomingMessage, response: ServerResponse) => unknown;

/** `handler` as it should be given to `createServer`. What it throws or rejects with goes on as it would without this. */
export function nodeHandler(member: FleetMember, handler: NodeHandler): NodeHandler {
  const serve: NodeHandler = (request, response) => {
    const over = member.begin();
    response.once("close", over);
    sayHints(member, response);
    freeBeforeEnd(response, over);
    return handler(request, response);
  };
  const { signingKey, replica } = member.options;
  if (signingKey === undefined) return serve;
  return async (request, response) => {
    const { method = "", url: target = "" } = request;
    const header = request.headers["x-warmpath-signature"];
    const signed = { method, target, replica, header: typeof header === "string" ? header : null };
    if (await isFromRouter(signingKey, signed)) return serve(request, response);
    response.writeHead(401, { "content-type": "application/json" });
    return response.end(JSON.stringify({ detail: NOT_FROM_ROUTER }));
  };
}

/** The list is that of the moment when the headers go out, not of the moment when the request came: the request may have loaded something. */
function sayHints(member: FleetMember, response: ServerResponse): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = ((...args: unknown[]) => {
    const hints = member.hintsHeader;
    if (hints !== null && !response.headersSent) response.setHeader("x-fal-runner-hints", hints);
    return writeHead(...args);
  }) as ServerResponse["writeHead"];
}

/** The slot is free before the last byte: the router sends the next request the moment it has that. */
function freeBeforeEnd(response: ServerResponse, over: () => void): void {
  const end = response.end.bind(response) as (...args: unknown[]) => ServerResponse;
  response.end = ((...args: unknown[]) => {
    over();
    return end(...args);
  }) as ServerResponse["end"];
}
