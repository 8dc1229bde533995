// A replica that records what it was sent, accepts every WebSocket, and admits headers as large as the router does, so that it never ends a
// connection itself.
import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer } from "ws";
import { BODY, MARK } from "./input.ts";

const HEADER_MAX_BYTES = 1 << 20;

export interface Arrival {
  readonly mark: string;
  readonly target: string;
}

export class RecordingReplica implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new WebSocketServer({ noServer: true });
  #arrivals: Arrival[] = [];

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<RecordingReplica> {
    const server = createServer({ maxHeaderSize: HEADER_MAX_BYTES, keepAliveTimeout: 60_000 });
    server.maxHeadersCount = 0;
    const replica = new RecordingReplica(server);
    server.on("request", (request, response) => {
      const { url = "", headers } = request;
      replica.#arrivals.push({ mark: String(headers[MARK] ?? ""), target: url });
      if (headers[BODY] === undefined) return void response.end("ok");
      const hash = createHash("sha256");
      request.on("data", (bytes: Buffer) => hash.update(bytes));
      request.on("error", () => {});
      request.on("end", () => response.writeHead(hash.digest("hex") === headers[BODY] ? 200 : 500).end());
    });
    server.on("upgrade", (request, socket, head) => {
      replica.#arrivals.push({ mark: String(request.headers[MARK] ?? ""), target: request.url ?? "" });
      replica.#sockets.handleUpgrade(request, socket, head, (webSocket) => webSocket.on("error", () => {}));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return replica;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** What came since it was last asked. */
  take(): readonly Arrival[] {
    const arrivals = this.#arrivals;
    this.#arrivals = [];
    return arrivals;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    for (const webSocket of this.#sockets.clients) webSocket.terminate();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
