// Sends inputs to the router: pipelined over one connection while the router keeps it, or each over its own.
import { once } from "node:events";
import { connect, type Socket } from "node:net";
import type { Input } from "./input.ts";
import { outcomeOf } from "./outcome.ts";
import { ResponseReader } from "./responses.ts";

/** Requests on the way at once on one connection. */
const PIPELINED = 8;
/** No input's answer takes long: the queue's timeout is below this. */
const PATIENCE_MS = 30_000;

export interface Result {
  readonly input: Input;
  /** Of each answer; `closed` where there is none. */
  readonly outcomes: readonly string[];
  /** It was sent before on a connection that ended first, and may have been read there. */
  readonly again: boolean;
}

export class Lane {
  readonly #port: number;
  #socket: Socket | null = null;
  #reader = new ResponseReader();
  /** Inputs that were on their way when a connection ended. */
  readonly #again = new Set<Input>();

  constructor(port: number) {
    this.#port = port;
  }

  /** Every input's result, in order. */
  async send(inputs: readonly Input[], tell: (result: Result) => void): Promise<void> {
    let at = 0;
    while (at < inputs.length) {
      const first = inputs[at];
      if (first === undefined) return;
      if (first.alone) {
        tell(await this.#sendAlone(first));
        at++;
      } else {
        const next = inputs.slice(at, at + PIPELINED);
        const end = next.findIndex(({ alone }) => alone);
        at += await this.#sendPipelined(end < 0 ? next : next.slice(0, end), tell);
      }
    }
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = null;
  }

  /**
   * How many got a result; the others are to be sent again, because the router ended the connection after an earlier answer. One that
   * ends it as the first on a new connection has itself to blame.
   */
  async #sendPipelined(inputs: readonly Input[], tell: (result: Result) => void): Promise<number> {
    const fresh = this.#socket === null;
    const socket = await this.#connected();
    socket.write(Buffer.concat(inputs.map(({ bytes }) => bytes)));
    for (const [index, input] of inputs.entries()) {
      const outcome = await this.#answer(socket, input);
      const closed = outcome === "closed";
      const earlier = closed && !(fresh && index === 0);
      if (!earlier) tell({ input, outcomes: [outcome], again: this.#again.has(input) });
      if (!closed && outcome !== "hung" && !outcome.startsWith("malformed")) continue;
      this.close();
      for (const unread of inputs.slice(index)) this.#again.add(unread);
      return earlier ? index : index + 1;
    }
    return inputs.length;
  }

  async #answer(socket: Socket, { head }: Input): Promise<string> {
    const deadlineMs = Date.now() + PATIENCE_MS;
    for (;;) {
      try {
        const response = this.#reader.next(head);
        if (response !== null) return outcomeOf(response, head);
      } catch (error) {
        return `malformed: ${String(error)}`;
      }
      if (socket.readableEnded || socket.destroyed) return "closed";
      if (!(await changed(socket, deadlineMs - Date.now()))) return "hung";
    }
  }

  async #connected(): Promise<Socket> {
    if (this.#socket !== null && !this.#socket.destroyed && !this.#socket.readableEnded) return this.#socket;
    this.close();
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true });
    const reader = new ResponseReader();
    socket.on("data", (bytes: Buffer) => reader.push(bytes));
    socket.on("error", () => {});
    await once(socket, "connect");
    this.#reader = reader;
    this.#socket = socket;
    return socket;
  }

  async #sendAlone(input: Input): Promise<Result> {
    const socket = connect({ port: this.#port, host: "127.0.0.1", noDelay: true, allowHalfOpen: true });
    const reader = new ResponseReader();
    const deadlineMs = Date.now() + PATIENCE_MS;
    socket.on("data", (bytes: Buffer) => reader.push(bytes));
    socket.on("error", () => {});
    socket.end(input.bytes);
    while (!socket.readableEnded && !socket.destroyed) {
      if (await changed(socket, deadlineMs - Date.now())) continue;
      socket.destroy();
      return { input, outcomes: ["hung"], again: false };
    }
    socket.destroy();
    return { input, outcomes: outcomesOf(reader, input), again: false };
  }
}

/** The router may be read from in the middle of an answer's end where it resets: what is not whole is not counted. */
function outcomesOf(reader: ResponseReader, { head }: Input): string[] {
  const outcomes: string[] = [];
  try {
    for (;;) {
      const response = reader.next(head);
      if (response === null) break;
      outcomes.push(outcomeOf(response, head));
    }
  } catch (error) {
    outcomes.push(`malformed: ${String(error)}`);
  }
  return outcomes.length === 0 ? ["closed"] : outcomes;
}

/** Waits for bytes or an end; false: neither in time. */
async function changed(socket: Socket, withinMs: number): Promise<boolean> {
  if (withinMs <= 0) return false;
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), withinMs);
  const yes = () => resolve(true);
  for (const event of ["data", "end", "close"]) socket.once(event, yes);
  const result = await promise;
  clearTimeout(timer);
  for (const event of ["data", "end", "close"]) socket.off(event, yes);
  return result;
}
