// A replica's WebSocket for heartbeats, over TCP.
import { WebSocket, type RawData } from "ws";
import { TOKEN, type TestRouter } from "./router.ts";
import { until } from "./until.ts";

export type Message = Record<string, unknown>;

export class HeartbeatSocket {
  readonly messages: Message[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  readonly #socket: WebSocket;
  #read = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.on("message", (data: RawData) => this.messages.push(JSON.parse((data as Buffer).toString()) as Message));
    socket.on("close", (code, reason) => (this.closed = { code, reason: reason.toString() }));
    socket.on("error", () => {});
  }

  static async open(router: TestRouter, app: string, token = TOKEN): Promise<HeartbeatSocket> {
    const socket = new WebSocket(`ws://127.0.0.1:${router.port}/-/heartbeat?app=${encodeURIComponent(app)}`, {
      headers: { authorization: `Bearer ${token}` },
    });
    const client = new HeartbeatSocket(socket);
    await new Promise<void>((resolve, reject) => {
      socket.once("open", resolve);
      socket.once("error", reject);
    });
    return client;
  }

  send(frame: string | Buffer | object): void {
    this.#socket.send(typeof frame === "string" || Buffer.isBuffer(frame) ? frame : JSON.stringify(frame));
  }

  /** The next message that nobody has read yet. */
  async next(): Promise<Message> {
    await until("a message comes", () => this.messages.length > this.#read);
    return this.messages[this.#read++] ?? {};
  }

  /** Sends a frame and gives the next message. */
  ask(frame: string | object): Promise<Message> {
    this.send(frame);
    return this.next();
  }

  async close(): Promise<void> {
    this.#socket.close(1000, "done");
    await until("the WebSocket is closed", () => this.closed !== null);
  }

  /** As when the machine is gone: no Close is sent. */
  reset(): void {
    this.#socket.terminate();
  }
}
