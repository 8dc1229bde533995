// A stand-in for a provider that rents machines by an API. Each machine runs a replica that joins the router under its own id, and goes with it.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { TestReplica, type Answer } from "./replica.ts";
import type { TestRouter } from "./router.ts";

export const RENT_KEY = "rent-key";

export class Rental implements AsyncDisposable {
  /** What was asked of the provider, but for lists. */
  readonly calls: string[] = [];
  readonly #machines = new Map<string, { readonly app: string; readonly replica: TestReplica }>();
  readonly #server: Server;
  readonly #router: TestRouter;
  readonly #answer: Answer;
  #last = 0;
  /** Whether it fails every call. */
  isDown = false;

  private constructor(router: TestRouter, answer: Answer) {
    this.#router = router;
    this.#answer = answer;
    this.#server = createServer((request, response) => void this.#serve(request, response));
  }

  static async start(router: TestRouter, answer: Answer): Promise<Rental> {
    const rental = new Rental(router, answer);
    await new Promise<void>((resolve) => rental.#server.listen(0, "127.0.0.1", resolve));
    return rental;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get machines(): readonly string[] {
    return [...this.#machines.keys()];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
    for (const { replica } of this.#machines.values()) await replica[Symbol.asyncDispose]();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const url = new URL(request.url ?? "/", "http://rental");
    const answer = (status: number, body: object) => response.writeHead(status).end(JSON.stringify(body));
    if (request.headers.authorization !== `Bearer ${RENT_KEY}`) return void answer(401, {});
    if (this.isDown) return void answer(500, { error: "down" });
    if (request.method === "GET") {
      const its = [...this.#machines].filter(([, { app }]) => app === url.searchParams.get("label"));
      return void answer(200, { instances: its.map(([id]) => ({ id })) });
    }
    this.calls.push(`${request.method} ${url.pathname}`);
    if (request.method === "DELETE") return void answer(200, { deleted: await this.#end(url.pathname.split("/")[2] ?? "") });
    const { label } = JSON.parse(Buffer.concat(chunks).toString()) as { label: string };
    return void answer(200, { id: await this.#begin(label) });
  }

  async #begin(app: string): Promise<string> {
    const id = `machine-${++this.#last}`;
    const replica = await TestReplica.start(this.#answer);
    this.#machines.set(id, { app, replica });
    await this.#router.join({ app, replica: id, origin: replica.origin });
    return id;
  }

  /** At once, whatever runs there. */
  async #end(id: string): Promise<boolean> {
    const machine = this.#machines.get(id);
    if (machine === undefined) return false;
    this.#machines.delete(id);
    await this.#router.beat({ app: machine.app, replica: id, origin: machine.replica.origin, status: "stopped" });
    await machine.replica[Symbol.asyncDispose]();
    return true;
  }
}
