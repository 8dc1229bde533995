// Heartbeats over a WebSocket. One frame is under way at a time, so the next answer is its answer. A WebSocket that can't be had or breaks off is no failure:
// the caller POSTs meanwhile, and this opens another one after a pause.
import type { HeartbeatJson } from "../../src/wire/heartbeat.ts";
import { readAnswer, type Door, type Exchanged } from "./exchange.ts";
import { LIMITS } from "./limits.ts";
import { withResolvers } from "./waits.ts";

/** Runtimes of servers let a WebSocket have headers; browsers do not. */
type WebSocketWithHeaders = new (url: URL, options: { readonly headers: Readonly<Record<string, string>> }) => WebSocket;

/** What the frame's sender waits for; null: the WebSocket is no more. */
type Taker = (text: string | null) => void;

export interface SocketEvents {
  /** The router asks for a report at once. */
  readonly beatNow: () => void;
  /** It broke off while no answer was awaited, as all do when the router's object restarts. */
  readonly lost: () => void;
}

export class HeartbeatSocket {
  readonly #door: Door & { readonly app: string };
  readonly #on: SocketEvents;
  #socket: WebSocket | null = null;
  #take: Taker | null = null;
  #failures = 0;
  #reopenAtMs = 0;

  constructor(door: Door & { readonly app: string }, on: SocketEvents) {
    this.#door = door;
    this.#on = on;
  }

  /** Sends the report and gives the answer; null: there is no WebSocket now, so POST. `now`: in milliseconds; `random`: 0 to 1. */
  async exchange(report: HeartbeatJson, signal: AbortSignal, now: number, random: number): Promise<Exchanged | null> {
    if (this.#socket === null && now < this.#reopenAtMs) return null;
    const answer = await this.#ask(JSON.stringify(report), signal);
    if (answer !== null) {
      this.#failures = 0;
      return readAnswer(answer, null);
    }
    this.close();
    const pauseMs = Math.min(LIMITS.reopenMs * 2 ** Math.min(this.#failures++, 30), LIMITS.reopenMostMs);
    this.#reopenAtMs = now + pauseMs * (0.5 + random);
    return null;
  }

  close(): void {
    const socket = this.#socket;
    this.#socket = null;
    socket?.close(1000);
    this.#take?.(null);
  }

  async #ask(frame: string, signal: AbortSignal): Promise<string | null> {
    const abort = () => this.#take?.(null);
    signal.addEventListener("abort", abort);
    try {
      this.#socket ??= await this.#open();
      if (this.#socket === null || signal.aborted) return null;
      const { promise, resolve } = withResolvers<string | null>();
      this.#take = resolve;
      this.#socket.send(frame);
      return await promise;
    } catch {
      return null;
    } finally {
      this.#take = null;
      signal.removeEventListener("abort", abort);
    }
  }

  async #open(): Promise<WebSocket | null> {
    const { router, token, app } = this.#door;
    const url = new URL(`/-/heartbeat?app=${encodeURIComponent(app)}`, router);
    url.protocol = url.protocol === "http:" ? "ws:" : "wss:";
    const socket = new (WebSocket as unknown as WebSocketWithHeaders)(url, { headers: { authorization: `Bearer ${token}` } });
    const { promise, resolve } = withResolvers<string | null>();
    this.#take = resolve;
    socket.addEventListener("open", () => resolve("open"));
    for (const end of ["close", "error"] as const) socket.addEventListener(end, () => this.#ended(socket, resolve));
    socket.addEventListener("message", ({ data }) => {
      const text = String(data);
      if (isBeatNow(text)) this.#on.beatNow();
      else if (this.#socket === socket) this.#take?.(text);
    });
    const opened = await promise;
    this.#take = null;
    if (opened !== null) return socket;
    socket.close();
    return null;
  }

  #ended(socket: WebSocket, opened: Taker): void {
    opened(null);
    if (this.#socket !== socket) return;
    this.#socket = null;
    if (this.#take === null) this.#on.lost();
    else this.#take(null);
  }
}

function isBeatNow(text: string): boolean {
  return text.startsWith('{"type":"beat_now"');
}
