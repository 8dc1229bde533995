// A real HTTP replica in the test's process, which records what it was sent and answers as the test says.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTcpServer, type AddressInfo, type Server as TcpServer, type Socket } from "node:net";

export interface Received {
  readonly method: string;
  /** The request target as it stood on the wire. */
  readonly target: string;
  readonly headers: IncomingMessage["headers"];
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => unknown;

/** Every one that listens, by its origin. */
const listening = new Map<string, TestReplica>();

/** The origin at which a replica of that name is reached, where one of another name may have this one: an origin belongs to one replica of an app. */
export async function ownOrigin(origin: string, app: string, name: string): Promise<string> {
  return (await listening.get(origin)?.originOf(app, name)) ?? origin;
}

export class TestReplica implements AsyncDisposable {
  readonly server: Server;
  readonly received: Received[] = [];
  /** Requests being served, and the most there ever were. */
  running = 0;
  most = 0;
  /** Requests that broke off before their response was complete. */
  aborted = 0;
  readonly #sockets = new Set<Socket>();
  /** Further ports, and the names that are reached there by app; the first of an app has the server's own. */
  readonly #doors: TcpServer[] = [];
  readonly #names = new Map<string, string[]>();

  private constructor(server: Server) {
    this.server = server;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
    });
  }

  /** Without `answer` it says 200 and its name as text. `raw` answers get the body unread. */
  static async start(
    answer: Answer = ok,
    options: { readonly raw?: boolean; readonly port?: number } = {},
  ): Promise<TestReplica> {
    const server = createServer({ highWaterMark: 16_384 });
    const replica = new TestReplica(server);
    server.on("request", (request: IncomingMessage, response: ServerResponse) => {
      void replica.#serve(request, response, answer, options.raw === true);
    });
    await new Promise<void>((resolve) => server.listen(options.port ?? 0, "127.0.0.1", resolve));
    listening.set(replica.origin, replica);
    return replica;
  }

  /** Each name of an app has an origin of its own, at which this server answers. */
  async originOf(app: string, name: string): Promise<string> {
    const names = this.#names.get(app) ?? [];
    this.#names.set(app, names);
    const known = names.indexOf(name);
    const place = known < 0 ? names.push(name) - 1 : known;
    if (place === 0) return this.origin;
    while (this.#doors.length < place) {
      const door = createTcpServer((socket) => this.server.emit("connection", socket));
      this.#doors.push(door);
      await new Promise<void>((resolve) => door.listen(0, "127.0.0.1", resolve));
    }
    const address = this.#doors[place - 1]?.address() as AddressInfo;
    return `http://127.0.0.1:${address.port}`;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  get origin(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get last(): Received {
    const last = this.received.at(-1);
    if (last === undefined) throw new Error("the replica has received nothing");
    return last;
  }

  /** Ends every connection at once, as a crash does. */
  async [Symbol.asyncDispose](): Promise<void> {
    for (const [origin, its] of listening) if (its === this) listening.delete(origin);
    for (const door of this.#doors) door.close();
    for (const socket of this.#sockets) socket.destroy();
    if (this.server.listening) await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }

  async #serve(request: IncomingMessage, response: ServerResponse, answer: Answer, raw: boolean): Promise<void> {
    this.running++;
    this.most = Math.max(this.most, this.running);
    request.on("error", () => {});
    response.on("error", () => {});
    response.on("close", () => {
      this.running--;
      if (!response.writableFinished) this.aborted++;
    });
    const chunks: Buffer[] = [];
    if (!raw) {
      try {
        for await (const chunk of request) chunks.push(chunk as Buffer);
      } catch {
        return;
      }
    }
    this.received.push({
      method: request.method ?? "",
      target: request.url ?? "",
      headers: request.headers,
      rawHeaders: request.rawHeaders,
      body: Buffer.concat(chunks),
    });
    await answer(request, response);
  }
}

/** Answers, and says in band that it holds nothing: what was asked for is not warm there after. */
export const keepsNothing: Answer = (_request, response) => {
  response.setHeader("x-fal-runner-hints", "");
  response.end("ok");
};

function ok(_request: IncomingMessage, response: ServerResponse): void {
  response.setHeader("content-type", "text/plain");
  response.end("ok");
}
