// HTTP responses out of the bytes of a connection, as strict as a client should be: anything not framed as HTTP/1.1 says is an error.

export interface Response {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

const END_OF_HEAD = Buffer.from("\r\n\r\n");

export class ResponseReader {
  #bytes: Buffer = Buffer.alloc(0);

  /** Bytes that are no whole response yet. */
  get rest(): Buffer {
    return this.#bytes;
  }

  push(bytes: Buffer): void {
    this.#bytes = this.#bytes.length === 0 ? bytes : Buffer.concat([this.#bytes, bytes]);
  }

  /** The next whole response that is not an interim one; null: not there yet. `head`: it has no body. Throws where it is malformed. */
  next(head: boolean): Response | null {
    for (;;) {
      const end = this.#bytes.indexOf(END_OF_HEAD);
      if (end < 0) return null;
      const [first = "", ...lines] = this.#bytes.subarray(0, end).toString("latin1").split("\r\n");
      const match = /^HTTP\/1\.[01] (\d{3})( [\x20-\x7e]*)?$/.exec(first);
      if (match === null) throw new Error(`not a status line: ${JSON.stringify(first)}`);
      const status = Number(match[1]);
      const headers = headersOf(lines);
      const start = end + END_OF_HEAD.length;
      const bodyless = head || status < 200 || status === 204 || status === 304;
      const read = bodyless ? { body: Buffer.alloc(0), end: start } : readBody(this.#bytes, start, headers);
      if (read === null) return null;
      this.#bytes = this.#bytes.subarray(read.end);
      if (status >= 200) return { status, headers, body: read.body };
    }
  }
}

interface Read {
  readonly body: Buffer;
  readonly end: number;
}

function readBody(bytes: Buffer, start: number, headers: ReadonlyMap<string, string>): Read | null {
  const [length, coding] = [headers.get("content-length"), headers.get("transfer-encoding")];
  if (length !== undefined && coding !== undefined) throw new Error("two framings");
  if (coding === "chunked") return readChunks(bytes, start);
  if (length === undefined || !/^\d+$/.test(length)) throw new Error(`a length of ${length}`);
  const end = start + Number(length);
  return bytes.length < end ? null : { body: bytes.subarray(start, end), end };
}

function readChunks(bytes: Buffer, start: number): Read | null {
  const chunks: Buffer[] = [];
  for (let at = start; ;) {
    const line = bytes.indexOf("\r\n", at);
    if (line < 0) return null;
    const size = bytes.subarray(at, line).toString("latin1");
    if (!/^[0-9a-f]{1,8}$/i.test(size)) throw new Error(`a chunk of ${JSON.stringify(size)}`);
    const end = line + 2 + Number.parseInt(size, 16);
    if (bytes.length < end + 2) return null;
    if (bytes.subarray(end, end + 2).toString() !== "\r\n") throw new Error("a chunk longer than it says");
    if (end === line + 2) return { body: Buffer.concat(chunks), end: end + 2 };
    chunks.push(bytes.subarray(line + 2, end));
    at = end + 2;
  }
}

function headersOf(lines: readonly string[]): Map<string, string> {
  const headers = new Map<string, string>();
  for (const line of lines) {
    const match = /^([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([^\0\r\n]*?)[ \t]*$/.exec(line);
    if (match?.[1] === undefined) throw new Error(`not a header: ${JSON.stringify(line)}`);
    const name = match[1].toLowerCase();
    if (headers.has(name) && name !== "set-cookie") throw new Error(`two headers ${name}`);
    headers.set(name, match[2] ?? "");
  }
  return headers;
}
