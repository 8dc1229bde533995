// A replica's body as it is read: whole where all of it is there at once, else piece by piece, with a look at how long nothing comes.
import { BOUNDS } from "../limits.ts";
import { TOO_LATE, within } from "./within.ts";

/** The replica has sent nothing for as long as it may. */
export class Stalled extends Error {
  /** The runtime takes an error that says so for a connection that broke off, as it does with its own, and does not log it as the Worker's fault. */
  readonly retryable = true;

  constructor() {
    super("the replica stopped in the middle of its answer");
  }
}

export class IncomingBody {
  readonly #body: ReadableStream<Uint8Array>;
  readonly #idleMs: number;
  #reader: ReadableStreamBYOBReader | null = null;
  /** Bytes that were read and not passed on yet, and a read that was begun and has given nothing yet. */
  readonly #pieces: Uint8Array[] = [];
  #pending: Promise<ReadableStreamReadResult<Uint8Array>> | null = null;

  /** `idleMs` 0: a stall is not looked for. */
  constructor(body: ReadableStream<Uint8Array>, idleMs: number) {
    this.#body = body;
    this.#idleMs = idleMs;
  }

  /** The whole body of that length, which is above 0; null where that takes longer: then `pumpTo` passes it on. Throws where it breaks off. */
  async readWhole(length: number, withinMs: number): Promise<Uint8Array | null> {
    const deadlineMs = Date.now() + withinMs;
    const reader = (this.#reader = this.#body.getReader({ mode: "byob" }));
    for (let read = 0; read < length;) {
      this.#pending = reader.read(new Uint8Array(length - read));
      const result = await within(this.#pending, Math.max(0, deadlineMs - Date.now()));
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
   * Passes the body on until its end. Says how that came while the other side is still open, because with its last byte the request may be over: `whole`,
   * or `broken` where the body broke off, stalled or was shorter than `length`, or the other side went; then the other side breaks off too. A client
   * that reads slowly is waited for: only the replica's silence counts. Never rejects.
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
      let buffer = new ArrayBuffer(BOUNDS.readBytesLeast);
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

/** How the body ended. */
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

/** Whether the body is read whole before it is passed on, where it comes soon: then a client that goes leaves nothing of it behind. */
export function isShort({ headers, body }: Response): boolean {
  return body === null || (lengthOf(headers) ?? Infinity) <= BOUNDS.wholeResponseBytes;
}

/** Null: not known. Where a response has chunks, as RFC 9112 6.3 has it, they count and a length beside them does not. */
export function lengthOf(headers: Headers): number | null {
  if (headers.has("transfer-encoding")) return null;
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
