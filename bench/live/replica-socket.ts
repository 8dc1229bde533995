// A live replica's WebSockets: it says who it is, sends back what it gets, and closes when it is told to.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { WebSocketServer } from "ws";
import type { LiveReplica } from "./replica.ts";
import { readAsked } from "./service.ts";

/** The message that makes the replica close, and with which code. */
export const CLOSE_WORD = "close please";
export const CLOSE_CODE = 4000;

export function acceptSocket(
  replica: LiveReplica,
  server: WebSocketServer,
  request: IncomingMessage,
  socket: Socket,
  head: Buffer,
): void {
  const asked = readAsked(request);
  const { trouble, service, options, incarnation } = replica;
  const present = service.arrive(request, asked, trouble, () => socket.resetAndDestroy());
  socket.on("close", () => service.leave(present, "left"));
  if (trouble?.kind === "hang") {
    // Nobody reads it, and without that its end is not seen either.
    socket.on("end", () => socket.destroy()).resume();
    return;
  }
  if (trouble?.kind === "reset_before_headers" || trouble?.kind === "reset_mid_body") {
    service.leave(present, "reset");
    socket.resetAndDestroy();
    return;
  }
  if (trouble?.kind === "status") {
    present.run.status = trouble.status;
    present.run.headersMs = performance.now();
    service.leave(present, "complete");
    socket.end(`HTTP/1.1 ${trouble.status} Trouble\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    return;
  }
  service.work(asked, present, asked.serviceMs).then(accept, () => socket.destroy());

  function accept(): void {
    present.run.status = 101;
    present.run.headersMs = performance.now();
    server.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on("error", () => {});
      webSocket.on("message", (data: Buffer, binary) => {
        if (data.toString() !== CLOSE_WORD) return webSocket.send(data, { binary });
        service.leave(present, "complete");
        webSocket.close(CLOSE_CODE, "as told");
      });
      const signed = { key: asked.key, app: options.app, replica: options.replica, incarnation };
      webSocket.send(JSON.stringify(signed));
    });
  }
}
