// A streamed body of which the beginning has been read, to see the hint in it. The replica gets every byte as it came, with the body's own framing.
import { BOUNDS } from "../limits.ts";
import { JsonMember, type JsonPath } from "../wire/json-member.ts";
import { lengthOf } from "./incoming-body.ts";

/** The client's body broke off in the middle. */
class BrokenUpload extends Error {
  /** With this property the runtime takes the error for a connection that broke off and does not log it as the Worker's fault. */
  readonly retryable = true;

  constructor() {
    super("the client's body broke off");
  }
}

export class PeekedBody {
  /** The text at the place that was looked for; null: it does not stand in the beginning. */
  readonly text: string | null;
  readonly #beginning: Uint8Array;
  /** What has not been read; null: nothing. */
  readonly #rest: ReadableStream<Uint8Array> | null;
  readonly #length: number | null;

  private constructor(
    text: string | null,
    beginning: Uint8Array,
    rest: ReadableStream<Uint8Array> | null,
    length: number | null,
  ) {
    this.text = text;
    this.#beginning = beginning;
    this.#rest = rest;
    this.#length = length;
  }

  /** Reads until the text is there or can't come any more, at most `hintBodyBytes`. Throws if the body breaks off. */
  static async read({ headers }: Request, body: ReadableStream<Uint8Array>, path: JsonPath): Promise<PeekedBody> {
    const reader = body.getReader({ mode: "byob" });
    const member = new JsonMember(path);
    const buffer = new Uint8Array(BOUNDS.hintBodyBytes);
    let [length, isWhole] = [0, false];
    while (!isWhole && !member.find(buffer.subarray(0, length)) && length < buffer.byteLength) {
      // At first little and then twice as much each time: the text is mostly near the beginning, and all that is read is kept.
      const most = Math.min(Math.max(BOUNDS.readBytesLeast, length), buffer.byteLength - length);
      const { done, value } = await reader.read(new Uint8Array(most));
      isWhole = done;
      if (value === undefined) continue;
      buffer.set(value, length);
      length += value.byteLength;
    }
    reader.releaseLock();
    return new PeekedBody(member.text, buffer.slice(0, length), isWhole ? null : body, lengthOf(headers));
  }

  get bytesKept(): number {
    return this.#beginning.byteLength;
  }

  /**
   * The body from its first byte on. To be called once. If the client's breaks off, the request to the replica is aborted. The stream does not end then,
   * because the runtime would end a body in chunks as if it were whole, however its stream ends.
   */
  stream(replica: AbortController): ReadableStream<Uint8Array> {
    const { readable, writable } = this.#length === null ? new IdentityTransformStream() : new FixedLengthStream(this.#length);
    // A replica that reads no further is seen by its answer.
    void this.#pumpTo(writable, replica).catch(() => {});
    return readable;
  }

  async #pumpTo(writable: WritableStream<Uint8Array>, replica: AbortController): Promise<void> {
    const writer = writable.getWriter();
    if (this.#beginning.byteLength > 0) await writer.write(this.#beginning);
    const reader = this.#rest?.getReader({ mode: "byob" });
    let buffer = new ArrayBuffer(BOUNDS.readBytesMost);
    while (reader !== undefined) {
      const read = await reader.read(new Uint8Array(buffer)).catch(() => replica.abort(new BrokenUpload()));
      if (read === undefined) return;
      if (read.done) break;
      await writer.write(read.value);
      buffer = read.value.buffer as ArrayBuffer;
    }
    await writer.close();
  }
}
