// A client's body: read and kept for a second attempt if it is small enough, else left as a stream that can be sent once.
import { BOUNDS } from "../limits.ts";
import { failed, type Result, type RouterError } from "../router-error.ts";
import { leftMs, tooLate, type Exchange } from "./exchange.ts";
import { leaseBytes } from "./kept-bytes.ts";
import { TOO_LATE } from "./alarm.ts";

export interface ClientBody {
  /** The body that is kept; null: there is no body, or it is streamed. */
  readonly bytes: ArrayBuffer | null;
  /** The body is still in the request, and can be sent once. */
  readonly streamed: boolean;
  /** Gives back the memory that the kept body counts for. To be called when no further attempt can follow. */
  readonly giveBack: () => void;
}

const NO_BODY: ClientBody = { bytes: null, streamed: false, giveBack: () => {} };
const STREAMED: ClientBody = { bytes: null, streamed: true, giveBack: () => {} };

/** The body. One that is kept is read before the request waits for a slot, so a slow upload holds none. */
export async function takeBody(exchange: Exchange): Promise<Result<ClientBody>> {
  const { request, settings, client } = exchange;
  const { body, method } = request;
  const header = request.headers.get("content-length");
  if (body === null || header === "0") return { ok: true, value: NO_BODY };
  const length = header === null ? Infinity : Number(header);
  // The runtime forwards a GET with a body as it came, but a Worker can't make one.
  const unusual = method === "GET" || method === "HEAD";
  const giveBack = unusual || !(length <= settings.RETRY_BODY_MAX_BYTES) ? null : leaseBytes(length);
  if (giveBack === null) return { ok: true, value: STREAMED };
  const uploadMs = Math.min(BOUNDS.bodyReadMs, settings.FIRST_BYTE_TIMEOUT_MS);
  const deadlineMs = leftMs(exchange);
  let error: RouterError;
  try {
    const bytes = await exchange.alarm.within(request.arrayBuffer(), Math.max(0, Math.min(uploadMs, deadlineMs)));
    if (bytes !== TOO_LATE) return { ok: true, value: { bytes, streamed: false, giveBack } };
    const detail = `The request's body did not arrive within ${uploadMs / 1000} s.`;
    error = deadlineMs < uploadMs ? tooLate(client) : { type: "upload_timeout", detail };
  } catch {
    error = { type: "bad_request", detail: "The request's body broke off." };
  }
  giveBack();
  return failed(error);
}
