// Reads a replica's body: whole if it is there at once, else piece by piece with a check for stalls.
import { BOUNDS } from "../limits.ts";
import { TOO_LATE, type Alarm } from "./alarm.ts";

/** The replica has sent nothing for as long as it may. */
export class Stalled extends Error {
  /** With this property the runtime takes the error for a connection that broke off and does not log it as the Worker's fault. */
  readonly retryable = true;

  constructor() {
    super("the replica stopped in the middle of its answer");
  }
}

export class IncomingBody {
  readonly #body: ReadableStream<Uint8Array>;
  readonly #idleMs: number;
  #reader: ReadableStreamBYOBReader | null = null;
  /** Bytes that were read and not passed on yet, and the read that has given nothing yet. */
  readonly #pieces: Uint8Array[] = [];
  #pending: Promise<ReadableStreamReadResult<Uint8Array>> | null = null;

  /** `idleMs` 0: there is no check for stalls. */
  constructor(body: ReadableStream<Uint8Array>, idleMs: number) {
    this.#body = body;
    this.#idleMs = idleMs;
  }

  /** The whole body of that length, which is above 0. Null: it takes longer, and `pumpTo` must pass it on. Throws if it breaks off. */
  async readWhole(length: number, alarm: Alarm, withinMs: number): Promise<Uint8Array | null> {
    const deadlineMs = Date.now() + withinMs;
    const reader = (this.#reader = this.#body.getReader({ mode: "byob" }));
    for (let read = 0; read < length;) {
      this.#pending = reader.read(new Uint8Array(length - read));
      const result = await alarm.within(this.#pending, Math.max(0, deadlineMs - Date.now()));
      if (result === TOO_LATE) return null;
      this.#pending = null;
      if (result.done) throw new Error("the body ended early");
      this.#pieces.push(result.value);
      read += result.value.byteLength;
    }
    const [first] = this.#pieces;
    return first !== undefined && this.#pieces.length === 1 ? first : new Uint8Array(await new Blob(this.#pieces).arrayBuffer());
  }

  /**
   * Passes the body on until its end. Before it closes the other side, with which the request may be over, it calls `whole`. It calls `broken` and breaks
   * the other side off too if the body broke off, stalled or was shorter than `length`, or if the other side went. Only the replica's silence counts as a
   * stall, not a client that reads slowly. Never rejects.
   */
  async pumpTo(writable: WritableStream<Uint8Array>, length: number | null, { whole, broken }: Ends): Promise<void> {
    const reader = (this.#reader ??= this.#body.getReader({ mode: "byob" }));
    const writer = writable.getWriter();
    const watch = new IdleWatch(this.#idleMs, () => void reader.cancel(new Stalled()).catch(() => {}));
    let [passed, isWhole] = [0, false];
    const pass = async (piece: Uint8Array) => {
      await writer.write(piece);
      passed += piece.byteLength;
    };
    try {
      for (const piece of this.#pieces) await pass(piece);
      // A body of known length is there or comes fast. One of unknown length may trickle.
      let buffer = new ArrayBuffer(length === null ? BOUNDS.readBytesLeast : Math.min(length, BOUNDS.readBytesMost));
      for (;;) {
        watch.begin();
        const pending = this.#pending ?? reader.read(new Uint8Array(buffer));
        this.#pending = null;
        const { done, value } = await pending;
        watch.end();
        if (done) break;
        await pass(value);
        const full = value.byteLength === value.buffer.byteLength && value.byteLength < BOUNDS.readBytesMost;
        buffer = full ? new ArrayBuffer(4 * value.byteLength) : (value.buffer as ArrayBuffer);
      }
      if (watch.stalled) throw new Stalled();
      if (length !== null && passed < length) throw new Error("the body ended early");
      isWhole = true;
      whole();
      await writer.close();
    } catch (error) {
      // A read that was cancelled may throw the runtime's own error instead.
      const reason = watch.stalled ? new Stalled() : error;
      if (!isWhole) broken(reason);
      void writer.abort(reason).catch(() => {});
      void reader.cancel(reason).catch(() => {});
    } finally {
      watch.stop();
    }
  }
}

/** One of the two is called once. */
export interface Ends {
  readonly whole: () => void;
  readonly broken: (reason: unknown) => void;
}

/** Notices that a read takes too long. A timer checks at even intervals, because the runtime's clock stands still between events. */
class IdleWatch {
  stalled = false;
  #waiting = false;
  /** Checks in a row that found the same read. */
  #checks = 0;
  readonly #timer: ReturnType<typeof setInterval> | null;

  constructor(idleMs: number, onStall: () => void) {
    const check = () => {
      if (!this.#waiting || this.#checks++ < BOUNDS.idleChecks) return;
      this.stalled = true;
      this.stop();
      onStall();
    };
    this.#timer = idleMs === 0 ? null : setInterval(check, idleMs / BOUNDS.idleChecks);
  }

  begin(): void {
    this.#waiting = true;
    this.#checks = 0;
  }

  end(): void {
    this.#waiting = false;
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }
}

/** Whether the body is read whole before it is passed on, if it comes soon. */
export function isShort({ headers, body }: Response): boolean {
  return body === null || (lengthOf(headers) ?? Infinity) <= BOUNDS.wholeResponseBytes;
}

/** Null: not known. If a response has chunks, a length beside them does not count (RFC 9112 6.3). */
export function lengthOf(headers: Headers): number | null {
  if (headers.has("transfer-encoding")) return null;
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
