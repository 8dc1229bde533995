// How a live replica serves: turns in order of arrival, loads of hints, answers in one piece or several, and the trouble it was given.
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { answerBody, ASKED_HEADER, digestOf, FOUND_HEADER, PIECES, UPLOAD_HEADER, type Asked } from "./proof.ts";
import type { LiveReplica } from "./replica.ts";
import type { Run, RunEnd } from "./run.ts";
import { isAmong, nameOf, type Trouble } from "./trouble.ts";
import { Turns } from "./turns.ts";

/** A request that is there. */
export interface Present {
  readonly run: Run;
  readonly slotless: boolean;
  /** Aborted when it is over, however it ends. */
  readonly over: AbortController;
  /** Ends the connection as a crash does. */
  readonly reset: () => void;
}

export class Service {
  readonly #replica: LiveReplica;
  readonly #present = new Set<Present>();
  readonly #turns: Turns;
  /** Connections that have had a request. */
  readonly #kept = new WeakSet<Socket>();
  /** The least recently used first. */
  #held: string[] = [];
  #served = 0;
  #most = 0;

  constructor(replica: LiveReplica) {
    this.#replica = replica;
    this.#turns = new Turns(replica.options.concurrency);
  }

  /** Requests there now that take a slot. */
  get inFlight(): number {
    let count = 0;
    for (const { slotless } of this.#present) if (!slotless) count++;
    return count;
  }

  /** The most that were there at once, and how many were answered in full. */
  get most(): number {
    return this.#most;
  }
  get served(): number {
    return this.#served;
  }

  /** What it holds; loads in progress are not among it. */
  hints(): readonly string[] {
    return this.#held;
  }

  forgetHints(): void {
    this.#held = [];
  }

  hold(hint: string): void {
    const others = this.#held.filter((held) => held !== hint);
    this.#held = [...others, hint].slice(-this.#replica.options.hintSlots);
  }

  /** Everything that is there is over. */
  end(how: RunEnd): void {
    for (const present of [...this.#present]) this.leave(present, how);
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { trouble } = this.#replica;
    const asked = readAsked(request);
    const present = this.arrive(request, asked, trouble, () => request.socket.resetAndDestroy());
    const { run, over } = present;
    request.on("error", () => {});
    response.on("error", () => {});
    response.on("close", () => this.leave(present, "left"));
    const { socket } = request;
    if (this.closesAtOnce(trouble, socket)) return this.#reset(present);
    this.#kept.add(socket);
    try {
      const body = await buffer(request);
      run.upload = digestOf(body);
      await this.#replica.thawed(over.signal);
      if (trouble?.kind === "hang") return;
      if (trouble?.kind === "reset_before_headers") return this.#reset(present);
      await this.#answer(asked, present, response, trouble);
    } catch {
      // The other side left, or the replica died: the record says so already.
      if (!over.signal.aborted) this.#reset(present);
    }
  }

  /** It closed the connection after the last answer, without a word. */
  closesAtOnce(trouble: Trouble | null, socket: Socket): boolean {
    return trouble?.kind === "closes_kept" && this.#kept.has(socket);
  }

  arrive(request: IncomingMessage, asked: Asked, trouble: Trouble | null, reset: () => void): Present {
    const { options, incarnation } = this.#replica;
    const slotless = request.method === "OPTIONS";
    const run: Run = {
      key: asked.key,
      app: options.app,
      replica: options.replica,
      incarnation,
      requestId: String(request.headers["x-fal-request-id"] ?? ""),
      method: request.method ?? "",
      beganMs: performance.now(),
      present: this.inFlight + (slotless ? 0 : 1),
      concurrency: options.concurrency,
      trouble: trouble === null ? null : nameOf(trouble),
      ...{ servedMs: null, headersMs: null, lastSentMs: null, status: null, endedMs: null, end: null, upload: null },
    };
    this.#most = Math.max(this.#most, run.present);
    const present = { run, slotless, over: new AbortController(), reset };
    this.#present.add(present);
    options.onRun?.(run);
    return present;
  }

  /** The first end counts. */
  leave(present: Present, how: RunEnd): void {
    if (!this.#present.delete(present)) return;
    present.run.end = how;
    present.run.endedMs = performance.now();
    if (how === "complete") this.#served++;
    present.over.abort();
  }

  /** Waits for a turn and, where the hint is not there, for its load; then works for the time given. Keeps the turn until `over`. */
  async work(asked: Asked, { run, slotless, over }: Present, workMs: number): Promise<"warm" | "load"> {
    const { signal } = over;
    if (!slotless) await this.#turns.take(signal);
    run.servedMs = performance.now();
    const found = asked.hint === null || this.#held.includes(asked.hint) ? "warm" : "load";
    if (found === "load") await sleep(this.#replica.options.loadMs, undefined, { signal });
    if (asked.hint !== null) this.hold(asked.hint);
    await sleep(workMs, undefined, { signal });
    await this.#replica.thawed(signal);
    return found;
  }

  /** The trouble is that it can't load the request's hint: it has tried to when this returns. */
  async cantLoad(asked: Asked, { run, slotless, over }: Present, trouble: Trouble | null): Promise<boolean> {
    if (trouble?.kind !== "fails_hint" || asked.hint !== trouble.hint) return false;
    if (!slotless) await this.#turns.take(over.signal);
    run.servedMs = performance.now();
    await sleep(this.#replica.options.loadMs, undefined, { signal: over.signal });
    return true;
  }

  #reset(present: Present): void {
    this.leave(present, "reset");
    present.reset();
  }

  async #answer(asked: Asked, present: Present, response: ServerResponse, trouble: Trouble | null): Promise<void> {
    const { run, over } = present;
    const factor = trouble?.kind === "slow" ? trouble.factor : 1;
    const whole = asked.shape === "whole" || run.method === "OPTIONS";
    const share = (asked.serviceMs * factor) / (whole ? 1 : PIECES + 1);
    const begin = (status: number, headers: Record<string, string>) => {
      run.status = status;
      run.headersMs = run.lastSentMs = performance.now();
      response.writeHead(status, { "x-fal-runner-hints": this.#held.join(","), ...headers });
    };
    const refuse = (status: number) => {
      const text = Buffer.from(`${status} in trouble\n`);
      begin(status, { "content-length": String(text.length) });
      finish(text);
    };
    const finish = (body?: Buffer) => {
      this.leave(present, "complete");
      response.end(body);
    };
    const refusal = refusalOf(run, trouble);
    if (refusal !== null) return refuse(refusal);
    if (await this.cantLoad(asked, present, trouble)) return refuse(500);
    const found = await this.work(asked, present, share);
    if (trouble?.kind === "errs" && isAmong(trouble.share, run.key, run.replica)) return refuse(500);
    const body = answerBody(asked, { ...run });
    const length: Record<string, string> = asked.shape === "chunked" ? {} : { "content-length": String(body.length) };
    begin(200, { ...length, [FOUND_HEADER]: found, [UPLOAD_HEADER]: run.upload ?? "" });
    const breaks = trouble?.kind === "reset_mid_body";
    const stalls = trouble?.kind === "stall";
    if (whole && !breaks && !stalls) return finish(body);
    response.flushHeaders();
    const size = Math.ceil(body.length / PIECES);
    for (let piece = 0; piece < PIECES; piece++) {
      await sleep(share, undefined, { signal: over.signal });
      await this.#replica.thawed(over.signal);
      if (breaks && piece > 0) return this.#reset(present);
      // Nothing more is sent; the request is over when the other side closes.
      if (stalls && piece > 0) return;
      // With the last byte it is over for the other side, whenever this side comes to know of it.
      if (piece === PIECES - 1) return finish(body.subarray(piece * size));
      if (!response.write(body.subarray(piece * size, (piece + 1) * size))) await drained(response, over.signal);
      run.lastSentMs = performance.now();
    }
  }
}

/** The status that the trouble answers with at once; null: none. */
export function refusalOf({ present, concurrency }: Run, trouble: Trouble | null): number | null {
  if (trouble?.kind === "status") return trouble.status;
  return trouble?.kind === "full" && present > Math.floor(concurrency / 2) ? 503 : null;
}

export function readAsked(request: IncomingMessage): Asked {
  try {
    return JSON.parse(String(request.headers[ASKED_HEADER])) as Asked;
  } catch {
    return { key: "", app: "", hint: null, serviceMs: 0, bytes: 0, shape: "whole" };
  }
}

function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    response.once("drain", resolve);
    signal.addEventListener("abort", () => reject(new Error("over")), { once: true });
  });
}
