// A replica for the tests of runtimes and of the process's end: on Node, Bun or Deno, by the variables ROUTER, TOKEN, APP, TRANSPORT, HANDLER. Prints its
// origin. A request to /slow is answered when the file that SLOW_UNTIL names is there.
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { endWithProcess, fetchHandler, joinFleet, nodeHandler, type FleetMember } from "../../replica/node/index.ts";

declare const Bun: { serve(options: object): { readonly port: number; stop(): unknown } };
declare const Deno: {
  serve(options: object, handler: unknown): { readonly addr: { readonly port: number }; shutdown(): unknown };
};

const { ROUTER = "", TOKEN = "", APP = "", TRANSPORT = "post", HANDLER = "node", SLOW_UNTIL = "", KEY = "" } = process.env;
const holds: string[] = [];

const answerTo = async (target: string) => {
  while (target.startsWith("/slow") && !existsSync(SLOW_UNTIL)) await new Promise((resolve) => setTimeout(resolve, 10));
  if (target.startsWith("/load")) holds.push("loaded");
  return `served ${target}`;
};

let member: FleetMember | null = null;
const handle = async (request: Request) => new Response(await answerTo(new URL(request.url).pathname));
const theirs = (request: Request) =>
  member === null ? new Response(null, { status: 503 }) : fetchHandler(member, handle)(request);

let close: () => unknown = () => {};
const port = await listen();
member = joinFleet({
  ...{ app: APP, replica: "peer", router: ROUTER, token: TOKEN, origin: `http://127.0.0.1:${port}` },
  ...{ hints: () => holds, hintSlots: 2, concurrency: 2, transport: TRANSPORT as "post", ...(KEY !== "" && { signingKey: KEY }) },
});
endWithProcess(member, { onDrained: () => close() });
await member.joined;
console.log(`joined http://127.0.0.1:${port}`);

async function listen(): Promise<number> {
  if (HANDLER === "bun") {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: theirs });
    close = () => server.stop();
    return server.port;
  }
  if (HANDLER === "deno") {
    const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen: () => {} }, theirs);
    close = () => server.shutdown();
    return server.addr.port;
  }
  const server: Server = createServer((request, response) => {
    const serve = async () => void response.end(await answerTo(request.url ?? ""));
    if (member !== null) void nodeHandler(member, serve)(request, response);
  });
  server.listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  close = () => {
    server.close();
    server.closeIdleConnections();
  };
  return (server.address() as AddressInfo).port;
}
