// Bytes on a connection as they are: a client that writes what no HTTP library would, and a replica that answers so.
import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

const PATIENCE_MS = 10_000;

/** Writes the text (Latin-1), closes its half, and gives all bytes that come back until the other side ends. */
export function exchange(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true, noDelay: true });
    let got = "";
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`not within ${PATIENCE_MS} ms: the end of the connection; it said ${JSON.stringify(got)}`));
    }, PATIENCE_MS);
    socket.setEncoding("latin1").on("data", (more: string) => (got += more));
    socket.on("error", () => {});
    socket.on("end", () => socket.end());
    socket.on("close", () => {
      clearTimeout(timer);
      resolve(got);
    });
    socket.end(text, "latin1");
  });
}

/** Answers each request head with the bytes that `answer` has at that time (Latin-1), and ends the connection after them. */
export class RawReplica implements AsyncDisposable {
  answer = "";
  /** Heads and bodies as they came, one text a connection. */
  readonly received: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => this.#serve(socket));
  }

  static async start(): Promise<RawReplica> {
    const replica = new RawReplica();
    await new Promise<void>((resolve) => replica.#server.listen(0, "127.0.0.1", resolve));
    return replica;
  }

  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on("close", () => this.#sockets.delete(socket));
    socket.on("error", () => {});
    let got = "";
    let answered = false;
    socket.setEncoding("latin1").on("data", (more: string) => {
      got += more;
      if (answered || !got.includes("\r\n\r\n")) return;
      answered = true;
      this.received.push(got);
      socket.end(this.answer, "latin1");
    });
  }
}
