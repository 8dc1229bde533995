// A live replica's WebSockets: it says who it is, sends back what it gets, and closes when it is told to.
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import type { WebSocketServer } from "ws";
import type { LiveReplica } from "./replica.ts";
import { readAsked, refusalOf } from "./service.ts";
import { isAmong } from "./trouble.ts";

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
  // Nobody reads it yet, and without that its end is not seen either.
  const ended = () => socket.destroy();
  socket.on("end", ended).resume();
  if (trouble?.kind === "hang") return;
  const resets = trouble?.kind === "reset_before_headers" || trouble?.kind === "reset_mid_body";
  if (resets || service.closesAtOnce(trouble, socket)) {
    service.leave(present, "reset");
    socket.resetAndDestroy();
    return;
  }
  serve().catch(() => socket.destroy());

  async function serve(): Promise<void> {
    await replica.thawed(present.over.signal);
    const refusal = refusalOf(present.run, trouble);
    if (refusal !== null) return refuse(refusal);
    if (await service.cantLoad(asked, present, trouble)) return refuse(500);
    await service.work(asked, present, asked.serviceMs);
    if (trouble?.kind === "errs" && isAmong(trouble.share, asked.key, options.replica)) return refuse(500);
    accept();
  }

  function refuse(status: number): void {
    present.run.status = status;
    present.run.headersMs = present.run.lastSentMs = performance.now();
    service.leave(present, "complete");
    socket.end(`HTTP/1.1 ${status} Trouble\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
  }

  function accept(): void {
    present.run.status = 101;
    present.run.headersMs = present.run.lastSentMs = performance.now();
    socket.off("end", ended);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      webSocket.on("error", () => {});
      const hear = (data: Buffer, binary: boolean) => {
        present.run.lastSentMs = performance.now();
        if (data.toString() !== CLOSE_WORD) return webSocket.send(data, { binary });
        service.leave(present, "complete");
        webSocket.close(CLOSE_CODE, "as told");
      };
      webSocket.on("message", (data: Buffer, binary) => {
        replica.thawed(present.over.signal).then(
          () => hear(data, binary),
          () => {},
        );
      });
      const signed = { key: asked.key, app: options.app, replica: options.replica, incarnation };
      webSocket.send(JSON.stringify(signed));
    });
  }
}
