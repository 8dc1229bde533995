// Clients that do what ordinary HTTP clients hide: read chunk by chunk, reset the connection.
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";

/** Opens a connection and writes a request as text; nothing is read unless the caller does. Reset it with `resetAndDestroy()`. */
export async function rawRequest(port: number, target: string, headers: Readonly<Record<string, string>> = {}): Promise<Socket> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => {});
  await new Promise((resolve) => socket.once("connect", resolve));
  const lines = Object.entries({ host: "router.test", ...headers }).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`GET ${target} HTTP/1.1\r\n${lines.join("")}\r\n`);
  return socket;
}

/** The response as soon as its headers are there; its body is for the caller to read. */
export function openRequest(
  port: number,
  target: string,
  options: { readonly method?: string; readonly headers?: Readonly<Record<string, string>> } = {},
) {
  const outgoing = httpRequest({ host: "127.0.0.1", port, path: target, agent: false, ...options });
  const response = new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.once("response", resolve);
    outgoing.once("error", reject);
  });
  return { outgoing, response };
}
