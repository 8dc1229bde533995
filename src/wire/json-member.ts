// One text in a JSON body, by its place: of a whole body as JSON.parse reads it, and of a body that is still coming from as little of it as shows it.

/** The names and indexes that lead to a value: `/input/0` is `["input", "0"]`. Never empty. */
export type JsonPath = readonly string[];

/** A path as text: a JSON pointer (RFC 6901), or the name of a member of the outermost object. Null: an escape of the pointer is none. */
export function parseJsonPath(text: string): JsonPath | null {
  if (!text.startsWith("/")) return [text];
  if (/~(?![01])/.test(text)) return null;
  return text
    .slice(1)
    .split("/")
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/** A byte order mark at the beginning is left out. */
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: false });
const INDEX = /^(0|[1-9]\d*)$/;

/** The text at that place; null: the bytes are no JSON in UTF-8, or have no text there. Of members of one name the last counts. O(bytes). */
export function textAt(bytes: Uint8Array, path: JsonPath): string | null {
  let value: unknown = parsed(bytes);
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return null;
    if (Array.isArray(value) && !INDEX.test(step)) return null;
    value = (value as Record<string, unknown>)[step];
  }
  return typeof value === "string" ? value : null;
}

/** Null: they are no JSON in UTF-8, or null. */
function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(UTF8.decode(bytes));
  } catch {
    return null;
  }
}

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OBJECT_BEGIN, OBJECT_END, ARRAY_BEGIN, ARRAY_END] = [0x7b, 0x7d, 0x5b, 0x5d];
const BYTE_ORDER_MARK = [0xef, 0xbb, 0xbf];
const isSpace = (byte: number) => byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
/** Bytes of numbers, `true`, `false` and `null`. */
const isScalar = (byte: number) =>
  (byte >= 0x30 && byte <= 0x39) ||
  (byte >= 0x61 && byte <= 0x7a) ||
  byte === 0x2d ||
  byte === 0x2b ||
  byte === 0x2e ||
  byte === 0x45;

/** What may come next: besides a value or a name, `first` admits the end of the array or object that has just begun. */
type Expected = "start" | "value" | "first value" | "scalar" | "name" | "first name" | "colon" | "end of value";

/** In `#open`: an object. Any other number is the index of an array's element. */
const OBJECT = -1;

/**
 * Looks for the text at a place in a body that comes piece by piece. Of members of one name the first with a text there counts, so that nobody waits for
 * the rest. Checks no more of what it passes over than it must: strings are not looked into. O(bytes) over all calls, and far less in strings.
 */
export class JsonMember {
  readonly #path: JsonPath;
  /** Tokens, spaces and characters of numbers that may yet be passed. */
  #left: number;
  #text: string | null = null;
  #isDecided = false;
  /** Bytes that have been passed, and those of the token after them that are known not to end it. */
  #at = 0;
  #searched = 0;
  #expected: Expected = "start";
  /** Objects and arrays that have begun and not ended, the outermost first; and how many of them, from the outermost on, lead to the place. */
  readonly #open: number[] = [];
  #leading = 0;
  /** Whether the next value lies on the way to the place. */
  #leads = true;

  /** `most`: how many tokens, spaces and characters of numbers are passed at most. A string is one token, however long. */
  constructor(path: JsonPath, most = Infinity) {
    this.#path = path;
    this.#left = most;
  }

  /** The text; null: it was not found, or not yet. */
  get text(): string | null {
    return this.#text;
  }

  /** Goes on with the body, given from its first byte on each time. True: no further byte makes a difference. */
  find(bytes: Uint8Array): boolean {
    while (!this.#isDecided) {
      const byte = bytes[this.#at];
      if (byte === undefined) return false;
      if (this.#left-- === 0) return this.#decide(null);
      if (isSpace(byte) && this.#expected !== "scalar" && this.#expected !== "start") this.#at++;
      else if (!this.#take(byte, bytes)) return false;
    }
    return true;
  }

  /** Passes over the next token. False: it does not end in these bytes. */
  #take(byte: number, bytes: Uint8Array): boolean {
    switch (this.#expected) {
      case "start":
        return this.#start(byte, bytes);
      case "first value":
        if (byte === ARRAY_END) return this.#close();
        return this.#value(byte, bytes);
      case "value":
        return this.#value(byte, bytes);
      case "scalar":
        if (isScalar(byte)) return this.#pass("scalar");
        return this.#endValue();
      case "first name":
        if (byte === OBJECT_END) return this.#close();
        return this.#name(byte, bytes);
      case "name":
        return this.#name(byte, bytes);
      case "colon":
        return byte === COLON ? this.#pass("value") : this.#decide(null);
      case "end of value":
        return this.#afterValue(byte);
    }
  }

  #start(byte: number, bytes: Uint8Array): boolean {
    if (byte === BYTE_ORDER_MARK[0]) {
      if (bytes.length < BYTE_ORDER_MARK.length) return false;
      if (!BYTE_ORDER_MARK.every((its, index) => bytes[index] === its)) return this.#decide(null);
      this.#at = BYTE_ORDER_MARK.length;
    }
    this.#expected = "value";
    return true;
  }

  #value(byte: number, bytes: Uint8Array): boolean {
    switch (byte) {
      case OBJECT_BEGIN:
        return this.#begin(OBJECT, "first name");
      case ARRAY_BEGIN:
        return this.#begin(0, "first value");
      case QUOTE: {
        const end = this.#stringEnd(bytes);
        if (end === null) return false;
        if (this.#leads && this.#open.length === this.#path.length) return this.#decide(stringOf(bytes, this.#at, end));
        this.#at = end;
        return this.#endValue();
      }
      default:
        return isScalar(byte) ? this.#pass("scalar") : this.#decide(null);
    }
  }

  #name(byte: number, bytes: Uint8Array): boolean {
    if (byte !== QUOTE) return this.#decide(null);
    const end = this.#stringEnd(bytes);
    if (end === null) return false;
    if (this.#isLeading()) {
      const name = stringOf(bytes, this.#at, end);
      if (name === null) return this.#decide(null);
      this.#leads = name === this.#path[this.#open.length - 1];
    }
    this.#at = end - 1;
    return this.#pass("colon");
  }

  #begin(what: number, expected: Expected): boolean {
    if (this.#leads && this.#open.length < this.#path.length) this.#leading++;
    this.#open.push(what);
    this.#leadsElement();
    return this.#pass(expected);
  }

  #afterValue(byte: number): boolean {
    const top = this.#open.length - 1;
    const what = this.#open[top] ?? OBJECT;
    if (byte === (what === OBJECT ? OBJECT_END : ARRAY_END)) return this.#close();
    if (byte !== COMMA) return this.#decide(null);
    if (what === OBJECT) return this.#pass("name");
    this.#open[top] = what + 1;
    this.#leadsElement();
    return this.#pass("value");
  }

  /** Whether the element of an array that comes next leads to the place. Of an object that is seen by the name. */
  #leadsElement(): void {
    const top = this.#open.length - 1;
    this.#leads = this.#isLeading() && String(this.#open[top]) === this.#path[top];
  }

  #close(): boolean {
    this.#open.pop();
    this.#leading = Math.min(this.#leading, this.#open.length);
    this.#at++;
    return this.#endValue();
  }

  /** Whether the innermost object or array leads to the place. */
  #isLeading(): boolean {
    return this.#leading === this.#open.length;
  }

  #endValue(): boolean {
    this.#leads = false;
    if (this.#open.length === 0) return this.#decide(null);
    this.#expected = "end of value";
    return true;
  }

  #pass(expected: Expected): boolean {
    this.#at++;
    this.#expected = expected;
    return true;
  }

  #decide(text: string | null): boolean {
    this.#text = text;
    this.#isDecided = true;
    return true;
  }

  /** Where the string ends that begins at `#at`, its quote included; null: not in these bytes. */
  #stringEnd(bytes: Uint8Array): number | null {
    let from = Math.max(this.#at + 1, this.#searched);
    for (;;) {
      const quote = bytes.indexOf(QUOTE, from);
      if (quote < 0) {
        this.#searched = bytes.length;
        return null;
      }
      let first = quote;
      while (bytes[first - 1] === BACKSLASH) first--;
      from = quote + 1;
      if ((quote - first) % 2 === 0) return from;
    }
  }
}

/** Null: it is no string of JSON. */
function stringOf(bytes: Uint8Array, begin: number, end: number): string | null {
  return parsed(bytes.subarray(begin, end)) as string | null;
}
