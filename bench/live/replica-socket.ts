// A live replica's WebSockets: it says who it is, sends back what it gets, and closes when it is told to.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { WebSocketServer } from "ws";
import { CLOSE_CODE, CLOSE_WORD } from "./proof.ts";
import type { Service } from "./service.ts";

export function acceptSocket(service: Service, server: WebSocketServer, request: IncomingMessage, head: Buffer): void {
  const present = service.arrive(request);
  const { socket, asked, trouble, run } = present;
  socket.on("close", () => service.leave(present, "left"));
  // Nobody reads it yet, and without that its end is not seen either.
  const ended = () => socket.destroy();
  socket.on("end", ended).resume();
  if (trouble?.kind === "hang") return;
  if (service.refusesSocket(present)) return service.reset(present);
  serve(socket).catch(() => socket.destroy());

  async function serve(socket: Socket): Promise<void> {
    await service.thawed(present);
    const found = await service.attend(present, asked.serviceMs);
    await service.thawed(present);
    if (typeof found === "number") {
      service.begins(present, found);
      service.leave(present, "complete");
      return void socket.end(`HTTP/1.1 ${found} Trouble\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    }
    service.begins(present, 101);
    socket.off("end", ended);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      const hear = (data: Buffer, binary: boolean) => {
        run.lastSentMs = performance.now();
        if (data.toString() !== CLOSE_WORD) return webSocket.send(data, { binary });
        service.leave(present, "complete");
        webSocket.close(CLOSE_CODE, "as told");
      };
      webSocket.on("error", () => {});
      webSocket.on("message", (data: Buffer, binary) => {
        const heard = service.thawed(present).then(() => hear(data, binary));
        heard.catch(() => {});
      });
      const { key, app, replica, incarnation } = run;
      webSocket.send(JSON.stringify({ key, app, replica, incarnation }));
    });
  }
}
