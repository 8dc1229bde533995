// A client's body: read and kept for a second attempt if it is small enough, else left as a stream that can be sent once. Either way a hint may be read in it.
import { BOUNDS } from "../limits.ts";
import { failed, type Result } from "../router-error.ts";
import { leftMs, tooLate, type Exchange } from "./exchange.ts";
import { leaseBytes, leasePeekedBytes } from "./kept-bytes.ts";
import { PeekedBody } from "./peeked-body.ts";
import { hintIn, hintInBody } from "./request-hints.ts";
import { TOO_LATE } from "./alarm.ts";

export interface ClientBody {
  /** The body that is kept; null: there is no body, or it is streamed. */
  readonly bytes: ArrayBuffer | null;
  /** The body can be sent once. */
  readonly streamed: boolean;
  /** The streamed body, of which the beginning has been read; null: it is in the request, untouched. */
  readonly peeked: PeekedBody | null;
  /** The hint in it; null: it has none, or none was looked for. */
  readonly hint: string | null;
  /** Gives back the memory that the kept body counts for. To be called when no further attempt can follow. */
  readonly giveBack: () => void;
}

const NO_BODY: ClientBody = { bytes: null, streamed: false, peeked: null, hint: null, giveBack: () => {} };
const STREAMED: ClientBody = { ...NO_BODY, streamed: true };

/** The body. One that is kept is read before the request waits for a slot, and so is the beginning of another in which a hint may be: a slow upload holds none. */
export async function takeBody(exchange: Exchange): Promise<Result<ClientBody>> {
  const { request, settings, client } = exchange;
  const { body, method } = request;
  const header = request.headers.get("content-length");
  if (body === null || header === "0") return { ok: true, value: NO_BODY };
  const length = header === null ? Infinity : Number(header);
  // The runtime forwards a GET with a body as it came, but a Worker can't make one.
  const unusual = method === "GET" || method === "HEAD";
  const giveBack = unusual || !(length <= settings.RETRY_BODY_MAX_BYTES) ? null : leaseBytes(length);
  if (giveBack === null) return client.hintMayBeInBody ? peek(exchange, body) : { ok: true, value: STREAMED };
  const read = await inTime(exchange, request.arrayBuffer());
  if (!read.ok) {
    giveBack();
    return read;
  }
  const bytes = read.value;
  const hint = client.hintMayBeInBody ? hintInBody(new Uint8Array(bytes), settings) : null;
  return { ok: true, value: { bytes, streamed: false, peeked: null, hint, giveBack } };
}

/** The body as a stream, once its beginning has shown whether there is a hint. If the isolate has no memory for that, there is none. */
async function peek(exchange: Exchange, body: ReadableStream<Uint8Array>): Promise<Result<ClientBody>> {
  const { request, settings } = exchange;
  const path = settings.HINT_FROM_JSON;
  const giveBack = path === null ? null : leasePeekedBytes(BOUNDS.hintBodyBytes);
  if (path === null || giveBack === null) return { ok: true, value: STREAMED };
  const read = await inTime(exchange, PeekedBody.read(request, body, path));
  giveBack();
  if (!read.ok) return read;
  const peeked = read.value;
  const kept = leasePeekedBytes(peeked.bytesKept) ?? STREAMED.giveBack;
  return { ok: true, value: { ...STREAMED, peeked, hint: hintIn(peeked.text, settings), giveBack: kept } };
}

/** What is read of the body, if that comes in the time that a client has for it and by the request's deadline. */
async function inTime<T>(exchange: Exchange, reading: Promise<T>): Promise<Result<T>> {
  const uploadMs = Math.min(BOUNDS.bodyReadMs, exchange.settings.FIRST_BYTE_TIMEOUT_MS);
  const deadlineMs = leftMs(exchange);
  try {
    const value = await exchange.alarm.within(reading, Math.max(0, Math.min(uploadMs, deadlineMs)));
    if (value !== TOO_LATE) return { ok: true, value };
    const detail = `The request's body did not arrive within ${uploadMs / 1000} s.`;
    return failed(deadlineMs < uploadMs ? tooLate(exchange.client) : { type: "upload_timeout", detail });
  } catch {
    return failed({ type: "bad_request", detail: "The request's body broke off." });
  }
}
