// Numbers and texts as compact bytes, with a checksum: what an object sends to an isolate. All text stands together before the numbers, so that one call
// decodes it. A text is written as what differs from the one before it: ids, origins and hints of one fleet look alike.

/** Bytes that are not what was written: cut short, altered or of another format. */
export class BadBytes extends Error {}

const CHECKSUM_BYTES = 4;
const CAPACITY_AT_FIRST = 256;

/** What the next text of one kind is compared with. */
export interface Before {
  text: string;
}

export class Writer {
  #bytes = new Uint8Array(CAPACITY_AT_FIRST);
  #length = 0;
  readonly #texts: string[] = [];

  /** An integer from 0 to 2^53 - 1: seven bits a byte, the lowest first. */
  number(value: number): void {
    if (this.#length + 8 > this.#bytes.length) this.#widen();
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  text(text: string, before: Before): void {
    const last = before.text;
    const most = Math.min(text.length, last.length);
    let start = 0;
    while (start < most && text.charCodeAt(start) === last.charCodeAt(start)) start++;
    let end = 0;
    while (end < most - start && text.charCodeAt(text.length - 1 - end) === last.charCodeAt(last.length - 1 - end)) end++;
    this.number(start);
    this.number(end);
    this.number(text.length - start - end);
    this.#texts.push(text.slice(start, text.length - end));
    before.text = text;
  }

  /** The text, the numbers, the checksum. */
  finish(): Uint8Array<ArrayBuffer> {
    const text = new TextEncoder().encode(this.#texts.join(""));
    const head = new Writer();
    head.number(text.length);
    const textAt = head.#length;
    const numbersAt = textAt + text.length;
    const bytes = new Uint8Array(numbersAt + this.#length + CHECKSUM_BYTES);
    bytes.set(head.#bytes.subarray(0, textAt));
    bytes.set(text, textAt);
    bytes.set(this.#bytes.subarray(0, this.#length), numbersAt);
    const end = bytes.length - CHECKSUM_BYTES;
    new DataView(bytes.buffer).setUint32(end, checksum(bytes, end));
    return bytes;
  }

  #widen(): void {
    const before = this.#bytes;
    this.#bytes = new Uint8Array(2 * before.length);
    this.#bytes.set(before);
  }
}

/** Throws `BadBytes` where the bytes are not a writer's. */
export class Reader {
  readonly #bytes: Uint8Array;
  readonly #end: number;
  readonly #text: string;
  #at = 0;
  #textAt = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#end = bytes.length - CHECKSUM_BYTES;
    if (this.#end < 1) throw new BadBytes("too few bytes");
    const written = new DataView(bytes.buffer, bytes.byteOffset).getUint32(this.#end);
    if (written !== checksum(bytes, this.#end)) throw new BadBytes("the checksum differs");
    const length = this.number();
    if (length > this.#end - this.#at) throw new BadBytes("the text is cut short");
    this.#text = new TextDecoder().decode(bytes.subarray(this.#at, this.#at + length));
    this.#at += length;
  }

  number(): number {
    let value = 0;
    let scale = 1;
    for (let most = 8; most > 0; most--) {
      if (this.#at >= this.#end) break;
      const byte = this.#bytes[this.#at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 0x80;
    }
    throw new BadBytes("a number is cut short");
  }

  /** How many entries follow. Each takes a byte at least. */
  count(): number {
    const count = this.number();
    if (count > this.#end - this.#at) throw new BadBytes("a list is cut short");
    return count;
  }

  text(before: Before): string {
    const last = before.text;
    const [start, end, length] = [this.number(), this.number(), this.number()];
    if (start + end > last.length || length > this.#text.length - this.#textAt) throw new BadBytes("a text is cut short");
    const middle = this.#text.slice(this.#textAt, this.#textAt + length);
    this.#textAt += length;
    return (before.text = last.slice(0, start) + middle + last.slice(last.length - end));
  }

  finish(): void {
    if (this.#at !== this.#end || this.#textAt !== this.#text.length) throw new BadBytes("more than was expected");
  }
}

/** FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/. */
function checksum(bytes: Uint8Array, end: number): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < end; at++) hash = Math.imul(hash ^ (bytes[at] ?? 0), 0x01000193);
  return hash >>> 0;
}
