// A replica as a real HTTP server that can die and come back on the same port. service.ts says how it serves.
import { once } from "node:events";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { Service, type ReplicaOptions } from "./service.ts";

/** The port is kept while the replica is down, but some outgoing connection may have it for a moment. */
const LISTEN_ATTEMPTS = 50;
const LISTEN_AGAIN_MS = 100;

export class LiveReplica extends Service implements AsyncDisposable {
  readonly #sockets = new Set<Socket>();
  readonly #webSockets = new WebSocketServer({ noServer: true });
  #server: Server = this.#createServer();
  port = 0;

  /** The replica listens when this returns. */
  static async start(options: ReplicaOptions): Promise<LiveReplica> {
    const replica = new LiveReplica(options, Date.now());
    await replica.#listen();
    return replica;
  }

  /** A network that is cut: nothing listens any more, every connection is reset, and what ran is over. The memory stays. */
  async cut(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, "close");
    this.#server.close();
    this.end();
    for (const socket of this.#sockets) socket.resetAndDestroy();
    await closed;
  }

  /** The process dies: as `cut`, and its memory is gone. */
  async die(): Promise<void> {
    await this.cut();
    this.hints = [];
  }

  /** Listens again on the same port, as the process with this incarnation. */
  async revive(incarnation = this.incarnation): Promise<void> {
    this.incarnation = incarnation;
    if (this.#server.listening) return;
    this.#server = this.#createServer();
    await this.#listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.cut();
    this.#webSockets.close();
  }

  #createServer(): Server {
    // A replica does not end slow uploads and idle connections: a router that sends while it closes one would see a dead replica.
    const server = createServer({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0 });
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
    server.on("request", (request, response) => void this.serve(request, response));
    server.on("upgrade", (request: IncomingMessage, socket: Socket, head: Buffer) => {
      this.serveSocket(this.#webSockets, request, head).catch(() => socket.destroy());
    });
    return server;
  }

  async #listen(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      this.#server.listen(this.port, "127.0.0.1");
      try {
        await once(this.#server, "listening");
        this.port = (this.#server.address() as AddressInfo).port;
        return;
      } catch (error) {
        if (attempt === LISTEN_ATTEMPTS) throw error;
        await sleep(LISTEN_AGAIN_MS);
      }
    }
  }
}
