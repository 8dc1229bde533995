// How a live replica serves: turns in order of arrival, loads of hints, answers in one piece or several, WebSockets, and its trouble.
import { createHash } from "node:crypto";
import { once } from "node:events";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
// Turns: so many at once, the rest in order of arrival.
import pLimit from "p-limit";
import type { WebSocketServer } from "ws";
import { answerBody, ASKED_HEADER, CLOSE_CODE, CLOSE_WORD, digestOf, FOUND_HEADER, UPLOAD_HEADER, type Asked } from "./proof.ts";
import type { Run, Trouble } from "./records.ts";

export interface ReplicaOptions {
  readonly app: string;
  /** Its id. */
  readonly replica: string;
  readonly concurrency: number;
  /** Hints it holds at once. The least recently used makes room. */
  readonly hintSlots: number;
  readonly loadMs: number;
  /** Hears of each request, as it begins. The record changes until its end. */
  readonly onRun?: (run: Run) => void;
}

/** A request that is there. */
interface Present {
  readonly asked: Asked;
  readonly run: Run;
  readonly trouble: Trouble | null;
  /** Aborted when the request is over, however it ends. */
  readonly over: AbortController;
  readonly socket: Socket;
}

/** Pieces of a paced or chunked answer. The service time is spread over them. */
const PIECES = 5;

export class Service {
  readonly options: ReplicaOptions;
  /** What befalls requests that arrive now; null: they are served. */
  trouble: Trouble | null = null;
  incarnation: number;
  readonly #present = new Set<Present>();
  readonly #turns: ReturnType<typeof pLimit>;
  /** Connections that have had a request. */
  readonly #kept = new WeakSet<Socket>();
  /** What it holds, the least recently used first. Loads in progress are not among it. */
  hints: string[] = [];
  /** Resolved when it is thawed; null: it is not frozen. */
  #frozen: { readonly promise: Promise<void>; readonly resolve: () => void } | null = null;

  constructor(options: ReplicaOptions, incarnation: number) {
    this.options = options;
    this.incarnation = incarnation;
    this.#turns = pLimit(options.concurrency);
  }

  /** Requests there now that take a slot. */
  get inFlight(): number {
    return [...this.#present].filter(({ run }) => takesSlot(run)).length;
  }

  hold(hint: string): void {
    this.hints = [...this.hints.filter((held) => held !== hint), hint].slice(-this.options.hintSlots);
  }

  /** Like SIGSTOP: nothing goes on, connections are accepted and stay open. The caller holds its reports back. */
  freeze(): void {
    this.trouble = { kind: "freeze" };
    this.#frozen ??= Promise.withResolvers();
  }

  /** Like SIGCONT: everything goes on. */
  thaw(): void {
    this.trouble = null;
    this.#frozen?.resolve();
    this.#frozen = null;
  }

  /** Everything that is there is over: the process dies. */
  end(): void {
    for (const present of [...this.#present]) this.#leave(present, "died");
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const present = this.#arrive(request);
    request.on("error", () => {});
    response.on("error", () => {});
    response.on("close", () => this.#leave(present, "left"));
    try {
      if (this.#closesAtOnce(present)) return this.#reset(present);
      present.run.upload = digestOf(await buffer(request));
      await this.#thawed(present);
      if (present.trouble?.kind === "reset_before_headers") return this.#reset(present);
      if (present.trouble?.kind !== "hang") await this.#answer(present, response);
    } catch {
      // The other side left, or the replica died: the record says so already.
      if (!present.over.signal.aborted) this.#reset(present);
    }
  }

  /** A WebSocket: says who serves it, sends back what it gets, and closes when it is told to. */
  async serveSocket(server: WebSocketServer, request: IncomingMessage, head: Buffer): Promise<void> {
    const present = this.#arrive(request);
    const { socket, asked, trouble, run } = present;
    socket.on("close", () => this.#leave(present, "left"));
    // The end of a socket that is not read is not seen.
    const ended = () => socket.destroy();
    socket.on("end", ended).resume();
    if (trouble?.kind === "hang") return;
    if (trouble?.kind === "reset_before_headers" || trouble?.kind === "reset_mid_body" || this.#closesAtOnce(present)) {
      return this.#reset(present);
    }
    await this.#thawed(present);
    const found = await this.#attend(present, asked.serviceMs);
    await this.#thawed(present);
    if (typeof found === "number") {
      begins(run, found);
      this.#leave(present, "complete");
      return void socket.end(`HTTP/1.1 ${found} Trouble\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    }
    begins(run, 101);
    socket.off("end", ended);
    server.handleUpgrade(request, socket, head, (webSocket) => {
      const hear = (data: Buffer, binary: boolean) => {
        run.lastSentMs = performance.now();
        if (data.toString() !== CLOSE_WORD) return webSocket.send(data, { binary });
        this.#leave(present, "complete");
        webSocket.close(CLOSE_CODE, "as told");
      };
      webSocket.on("error", () => {});
      webSocket.on("message", (data: Buffer, binary) => {
        const heard = this.#thawed(present).then(() => hear(data, binary));
        heard.catch(() => {});
      });
      const { key, app, replica, incarnation } = run;
      webSocket.send(JSON.stringify({ key, app, replica, incarnation }));
    });
  }

  #arrive({ headers, method = "", socket }: IncomingMessage): Present {
    const { trouble, incarnation, options } = this;
    const { app, replica, concurrency } = options;
    const asked = readAsked(headers[ASKED_HEADER]);
    const befalls = trouble?.kind === "status" ? `status_${trouble.status}` : (trouble?.kind ?? null);
    const run: Run = {
      ...{ key: asked.key, app, replica, incarnation, method, beganMs: performance.now(), concurrency, trouble: befalls },
      present: this.inFlight + (takesSlot({ method }) ? 1 : 0),
      ...{ headersMs: null, lastSentMs: null, status: null, endedMs: null, end: null, upload: null },
    };
    const present = { asked, run, trouble, over: new AbortController(), socket };
    this.#present.add(present);
    options.onRun?.(run);
    return present;
  }

  /** The first end counts. */
  #leave(present: Present, how: NonNullable<Run["end"]>): void {
    if (!this.#present.delete(present)) return;
    present.run.end = how;
    present.run.endedMs = performance.now();
    present.over.abort();
  }

  /** Ends the connection as a crash does. */
  #reset(present: Present): void {
    this.#leave(present, "reset");
    present.socket.resetAndDestroy();
  }

  /** The replica closed the connection after the last answer, without a word. */
  #closesAtOnce({ trouble, socket }: Present): boolean {
    const isKept = this.#kept.has(socket);
    this.#kept.add(socket);
    return trouble?.kind === "closes_kept" && isKept;
  }

  /** Waits while the replica is frozen. Throws if the request is over by then. */
  async #thawed({ over }: Present): Promise<void> {
    if (this.#frozen !== null) await this.#frozen.promise;
    over.signal.throwIfAborted();
  }

  /**
   * Waits for a turn, which the request keeps until it is over, loads the hint if it is not there, and works. Gives what was found, or the status
   * that the request's trouble answers with.
   */
  async #attend({ asked, run, trouble, over }: Present, workMs: number): Promise<"warm" | "load" | number> {
    const { signal } = over;
    const { loadMs, hintSlots, concurrency, replica } = this.options;
    const { hint, key } = asked;
    if (trouble?.kind === "status") return trouble.status;
    if (trouble?.kind === "full" && run.present > Math.floor(concurrency / 2)) return 503;
    if (takesSlot(run)) await this.#turn(signal);
    const fails = trouble?.kind === "fails_hint" && hint === trouble.hint;
    const found = fails || (hint !== null && !this.hints.includes(hint)) ? "load" : "warm";
    if (found === "load" && !fails && this.hints.length >= hintSlots) this.hints = this.hints.slice(1);
    if (found === "load") await sleep(loadMs, undefined, { signal });
    if (fails) return 500;
    if (hint !== null) this.hold(hint);
    await sleep(workMs, undefined, { signal });
    return trouble?.kind === "errs" && isAmong(trouble.share, key, replica) ? 500 : found;
  }

  #turn(until: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    until.addEventListener("abort", () => reject(until.reason as Error));
    void this.#turns(async () => {
      resolve();
      if (!until.aborted) await once(until, "abort");
    });
    return promise;
  }

  async #answer(present: Present, response: ServerResponse): Promise<void> {
    const { asked, run, trouble, over } = present;
    const factor = trouble?.kind === "slow" ? trouble.factor : 1;
    const whole = asked.shape === "whole" || run.method === "OPTIONS";
    const share = (asked.serviceMs * factor) / (whole ? 1 : PIECES + 1);
    const found = await this.#attend(present, share);
    await this.#thawed(present);
    const status = typeof found === "number" ? found : 200;
    const body = status === 200 ? answerBody(asked, run) : Buffer.from(`${status} in trouble\n`);
    begins(run, status);
    response.writeHead(status, {
      ...{ "x-fal-runner-hints": this.hints.join(","), [FOUND_HEADER]: found, [UPLOAD_HEADER]: run.upload ?? "" },
      ...(status === 200 && asked.shape === "chunked" ? {} : { "content-length": body.length }),
    });
    // With the last byte the request is over for the other side, even if this side hears of it later.
    const finish = (last: Buffer) => {
      this.#leave(present, "complete");
      response.end(last);
    };
    const breaks = trouble?.kind === "reset_mid_body";
    const stalls = trouble?.kind === "stall";
    if (status !== 200 || (whole && !breaks && !stalls)) return finish(body);
    response.flushHeaders();
    const size = Math.ceil(body.length / PIECES);
    for (let piece = 0; piece < PIECES; piece++) {
      await sleep(share, undefined, { signal: over.signal });
      await this.#thawed(present);
      if (breaks && piece > 0) return this.#reset(present);
      // Nothing more is sent. The request is over when the other side closes.
      if (stalls && piece > 0) return;
      if (piece === PIECES - 1) return finish(body.subarray(piece * size));
      const isTaken = response.write(body.subarray(piece * size, (piece + 1) * size));
      if (!isTaken) await once(response, "drain", { signal: over.signal });
      run.lastSentMs = performance.now();
    }
  }
}

function begins(run: Run, status: number): void {
  run.status = status;
  run.headersMs = run.lastSentMs = performance.now();
}

function takesSlot({ method }: Pick<Run, "method">): boolean {
  return method !== "OPTIONS";
}

/** Whether a request is among a share of all: the same each time for its key and the replica. */
function isAmong(share: number, key: string, replica: string): boolean {
  const drawn = createHash("sha256").update(`${replica} ${key}`).digest().readUInt32BE();
  return drawn < share * 2 ** 32;
}

function readAsked(header: string | string[] | undefined): Asked {
  try {
    return JSON.parse(String(header)) as Asked;
  } catch {
    return { key: "", app: "", hint: null, serviceMs: 0, bytes: 0, shape: "whole" };
  }
}
