// Stands in for nginx where it is not installed: each request goes to the next replica, whatever it holds.
import { createServer, request as httpRequest, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** Begins to listen on a port of its own. */
export function startRoundRobin(origins: readonly string[]): Server {
  let turn = 0;
  const pass = (incoming: IncomingMessage, response: ServerResponse) => {
    const origin = origins[turn++ % origins.length];
    if (origin === undefined) return void response.writeHead(503).end();
    const outgoing = httpRequest(new URL(incoming.url ?? "/", origin), { method: incoming.method, headers: incoming.headers });
    outgoing.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on("error", () => (response.headersSent ? response.destroy() : response.writeHead(502).end()));
    response.on("close", () => outgoing.destroy());
    incoming.pipe(outgoing);
  };
  return createServer(pass).listen(0, "127.0.0.1");
}
