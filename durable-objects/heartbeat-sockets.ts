// Heartbeats over WebSockets, with the runtime's hibernation: the sockets stay open while the object is out of memory, and a frame brings it back. What the
// object must know of a socket then is in the socket's attachment, which the runtime keeps in memory.
//
// A replica is held by its socket if its last report came through that socket and the socket is open. The attachment then says until when the replica lives.
// So an object in which nothing waits or runs needs no timer for such replicas.
import { BOUNDS } from "../src/limits.ts";
import type { StoredReplica } from "../src/routing/ledger/membership.ts";
import type { Replica } from "../src/routing/ledger/replica.ts";
import type { Heartbeat } from "../src/routing/ledger/report.ts";
import { LIMITS } from "../src/routing/limits.ts";
import type { Scheduler } from "../src/routing/scheduler.ts";
import type { Settings } from "../src/settings/settings.ts";
import { frameOf, INTERNAL_ERROR, invalid, readAppOf, readReport, replyTo } from "../src/wire/heartbeat-exchange.ts";
import type { HeartbeatAnswer } from "./fleet-answers.ts";
import { PerSecond } from "./per-second.ts";

/** What survives hibernation. The token was checked before the socket was opened. */
interface Attachment {
  /** The app that the token was checked for. */
  readonly app: string;
  /** Where the socket was opened, for the check that no origin is the router itself. */
  readonly ownUrl: string;
  /** The socket is closed if no report was accepted until then. */
  readonly untilMs: number;
  /** The replica whose reports the socket carries; null: none was accepted yet. */
  readonly replica: string | null;
  /** The last report that was accepted; null: none was, or the replica has sent a later one by POST. */
  readonly last: { readonly incarnation: number; readonly sequence: number | null } | null;
}

interface Open {
  attachment: Attachment;
  readonly frames: PerSecond;
  /** The answers so far: frames are answered in their order. */
  answered: Promise<void>;
}

/** What the Fleet object does with a frame's report. */
export interface ReportTaker {
  /** Applies the report without waiting. */
  readonly apply: (beat: Heartbeat) => HeartbeatAnswer;
  /** Pending until the app is listed, as for a POST. */
  readonly listed: (app: string) => Promise<unknown>;
}

const CLOSE = {
  replaced: [1000, "the replica reports through another WebSocket"],
  binary: [1003, "a heartbeat is a text frame"],
  silent: [1008, "no report was accepted for one time to live"],
  tooMany: [1008, `more than ${BOUNDS.framesPerSecond} frames in a second`],
  tooLong: [1009, `a heartbeat has at most ${BOUNDS.heartbeatBodyBytes} bytes`],
} as const;

const BEAT_NOW = JSON.stringify({ type: "beat_now" });

const encoder = new TextEncoder();

export class HeartbeatSockets {
  readonly #ctx: DurableObjectState;
  readonly #settings: Settings;
  readonly #taker: ReportTaker;
  readonly #open = new Map<WebSocket, Open>();
  /** The sockets by the replicas that they hold. All of them are in the fleet. */
  readonly #holding = new Map<string, WebSocket>();

  constructor(ctx: DurableObjectState, settings: Settings, taker: ReportTaker) {
    this.#ctx = ctx;
    this.#settings = settings;
    this.#taker = taker;
    for (const socket of ctx.getWebSockets()) {
      if (socket.readyState !== WebSocket.OPEN) continue;
      const attachment = socket.deserializeAttachment() as Attachment;
      this.#add(socket, attachment);
      if (attachment.replica !== null && attachment.last !== null) this.#holding.set(attachment.replica, socket);
    }
  }

  /** Until when the replica lives, if its socket has outlived the object's memory; null: its socket does not know. */
  untilMs({ id, incarnation }: StoredReplica): number | null {
    const attachment = this.#attachmentOf(id);
    return attachment?.last?.incarnation === incarnation ? attachment.untilMs : null;
  }

  /**
   * Gives restored replicas what their sockets know. True: all of them are held, so the object had hibernated, which it does only if nothing waits or runs.
   * Then no request is there to be adopted. Else every open socket is asked for a report, and the rest is as after a crash.
   */
  revive(replicas: ReadonlyMap<string, Replica>): boolean {
    for (const id of [...this.#holding.keys()]) {
      const replica = replicas.get(id);
      const last = this.#attachmentOf(id)?.last;
      if (replica?.incarnation === last?.incarnation && replica !== undefined) replica.sequence = last?.sequence ?? null;
      else this.letGo(id);
    }
    const hibernated = this.#holding.size === replicas.size;
    if (hibernated) for (const replica of replicas.values()) replica.restored = false;
    else for (const socket of this.#open.keys()) send(socket, BEAT_NOW);
    return hibernated;
  }

  /**
   * Whether storage and sockets have all that memory has, but for estimates, hint failures and counters. Not so: requests that wait or run; replicas that report by POST,
   * are ejected or on probation, or have left lately; announced hints.
   */
  suffice({ fleet, queue, announced }: Scheduler): boolean {
    const others = [queue.waiting, announced, fleet.grants, fleet.reclaimed, fleet.orphaning, fleet.unhealthy, fleet.tombstones];
    return others.every(({ size }) => size === 0) && this.#holding.size === fleet.replicas.size;
  }

  /** A new socket, whose handshake the Worker has checked. 503: the app has too many. */
  open(url: string, timeToLiveMs: number, now: number): Response {
    if (this.#open.size >= LIMITS.replicasPerApp) this.closeSilent(now);
    if (this.#open.size >= LIMITS.replicasPerApp) return new Response(null, { status: 503 });
    const { 0: client, 1: socket } = new WebSocketPair();
    this.#ctx.acceptWebSocket(socket);
    const { origin, searchParams } = new URL(url);
    const app = searchParams.get("app") ?? "";
    const attachment = { app, ownUrl: origin, untilMs: now + timeToLiveMs, replica: null, last: null };
    socket.serializeAttachment(attachment);
    this.#add(socket, attachment);
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Answers one frame, or closes the socket. A frame that is refused changes nothing. */
  async receive(socket: WebSocket, frame: string | ArrayBuffer, now: number): Promise<void> {
    const open = this.#open.get(socket);
    if (open === undefined) return;
    if (open.frames.exceeded(now)) return this.#end(socket, CLOSE.tooMany);
    if (typeof frame !== "string") return this.#end(socket, CLOSE.binary);
    if (isTooLong(frame)) return this.#end(socket, CLOSE.tooLong);
    const result = this.#take(socket, open, frame, now);
    const listed = result.ok ? this.#taker.listed(open.attachment.app) : null;
    open.answered = open.answered.then(async () => {
      await listed;
      send(socket, frameOf(result));
    });
    await open.answered;
  }

  /** The other side has closed the socket, or it failed. Its replica lives on until its time to live is over. */
  closed(socket: WebSocket): void {
    this.#drop(socket);
    // The code is not sent back: one that came may be one that must not be sent.
    if (socket.readyState !== WebSocket.CLOSED) socket.close(1000);
  }

  /** The replica has reported by POST or has left: what its socket knows is not the latest any more. */
  letGo(replica: string): void {
    const socket = this.#holding.get(replica);
    const open = socket && this.#open.get(socket);
    if (socket === undefined || open === undefined) return;
    this.#holding.delete(replica);
    this.#attach(socket, open, { ...open.attachment, last: null });
  }

  /** Closes the sockets through which no report was accepted for one time to live. O(sockets). */
  closeSilent(now: number): void {
    for (const [socket, { attachment }] of this.#open) if (attachment.untilMs <= now) this.#end(socket, CLOSE.silent);
  }

  #take(socket: WebSocket, open: Open, frame: string, now: number): ReturnType<typeof replyTo> {
    try {
      return this.#reply(socket, open, frame, now);
    } catch (error) {
      console.error(
        JSON.stringify({ message: "a heartbeat failed in the object", app: open.attachment.app, error: String(error) }),
      );
      return INTERNAL_ERROR;
    }
  }

  #reply(socket: WebSocket, open: Open, frame: string, now: number): ReturnType<typeof replyTo> {
    const { app, ownUrl, replica } = open.attachment;
    const read = readAppOf(frame, "frame");
    if (!read.ok) return read;
    if (read.value.app !== app) return invalid("app", `must be ${app}, for which the WebSocket was opened`);
    const beat = readReport(read.value.json, ownUrl, this.#settings);
    if (!beat.ok) return beat;
    if (replica !== null && beat.value.replica !== replica) {
      return invalid("replica", `must be ${replica}, whose reports came before through this WebSocket`);
    }
    const answer = this.#taker.apply(beat.value);
    if (answer.kind === "accepted") this.#hold(socket, open, beat.value, now + answer.timeToLiveMs);
    return replyTo(read.value.json, answer);
  }

  #hold(socket: WebSocket, open: Open, { replica, incarnation, sequence, status }: Heartbeat, untilMs: number): void {
    const before = this.#holding.get(replica);
    const last = status === "stopped" ? null : { incarnation, sequence };
    this.#attach(socket, open, { ...open.attachment, replica, last, untilMs });
    if (last === null) this.#holding.delete(replica);
    else this.#holding.set(replica, socket);
    if (before !== undefined && before !== socket) this.#end(before, CLOSE.replaced);
  }

  #attachmentOf(replica: string): Attachment | null {
    const socket = this.#holding.get(replica);
    return (socket && this.#open.get(socket)?.attachment) ?? null;
  }

  #attach(socket: WebSocket, open: Open, attachment: Attachment): void {
    open.attachment = attachment;
    socket.serializeAttachment(attachment);
  }

  #add(socket: WebSocket, attachment: Attachment): void {
    this.#open.set(socket, { attachment, frames: new PerSecond(BOUNDS.framesPerSecond), answered: Promise.resolve() });
  }

  #drop(socket: WebSocket): void {
    const replica = this.#open.get(socket)?.attachment.replica;
    this.#open.delete(socket);
    if (typeof replica === "string" && this.#holding.get(replica) === socket) this.#holding.delete(replica);
  }

  #end(socket: WebSocket, [code, reason]: readonly [number, string]): void {
    this.#drop(socket);
    if (socket.readyState === WebSocket.OPEN) socket.close(code, reason);
  }
}

/** A character is at most three bytes. */
function isTooLong(text: string): boolean {
  const most = BOUNDS.heartbeatBodyBytes;
  return text.length > most || (3 * text.length > most && encoder.encode(text).byteLength > most);
}

/** A socket that has closed meanwhile takes nothing. */
function send(socket: WebSocket, text: string): void {
  if (socket.readyState === WebSocket.OPEN) socket.send(text);
}
