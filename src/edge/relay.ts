// A replica's response on its way to the client, byte for byte, with the slot held until its last byte and not a moment longer.
//
// Each line here cost an experiment. The response must pass through a stream that the Worker made: an upstream body answered as it
// is gives the slot back at once. What moves it must not be put into `waitUntil`: after a client's reset the slot would stay taken until
// the replica next sends. Bodies are fetched and answered with "manual" encoding, or compressed ones would be recoded. A reader of the
// default kind gets 4 KiB at a time, which costs ten times as much as one that brings its own buffer.
import { BOUNDS } from "../limits.ts";
import { IncomingBody } from "./incoming-body.ts";

export interface Relay {
  readonly upstream: Response;
  readonly headers: Headers;
  /** How long the replica may send nothing in the middle of its answer; 0: for ever. */
  readonly idleMs: number;
  /** Called exactly when the replica is done with the request, and the answer is whole. */
  readonly whole: () => void;
  /** Takes the promise that the response has passed, where `whole` or `broken` must be called even if all is over with its last byte. */
  readonly passing?: ((passed: Promise<void>) => void) | undefined;
  /** Called instead where the response broke off or stalled: the replica's end of it, or with `Request.signal` aborted, the client's. */
  readonly broken: (error: unknown) => void;
}

/** The client's response, or null where a short body broke off before anything was sent. */
export async function relay({ upstream, headers, idleMs, whole, broken, passing }: Relay): Promise<Response | null> {
  const { status, statusText, body } = upstream;
  const init = { status, statusText, headers, encodeBody: "manual" } as const;
  const length = lengthOf(upstream.headers);
  if (body === null || length === 0) {
    whole();
    return new Response(body && new ArrayBuffer(0), init);
  }
  const incoming = new IncomingBody(body, idleMs);
  if (isShort(upstream) && length !== null) {
    try {
      // Most are there with their headers. The others' headers go out without them.
      const bytes = await incoming.readWhole(length, BOUNDS.wholeResponseMs);
      if (bytes !== null) {
        whole();
        return new Response(bytes, init);
      }
    } catch (error) {
      broken(error);
      return null;
    }
  }
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(length);
  // A client that goes ends this request and everything in it, unless something is still in `waitUntil`: then it fails here too.
  const passed = incoming.pumpTo(writable, length, { whole, broken });
  passing?.(passed);
  return new Response(readable, init);
}

/** Whether the body is read whole before it is passed on, where it comes soon: then a client that goes leaves nothing of it behind. */
export function isShort({ headers, body }: Response): boolean {
  return body === null || (lengthOf(headers) ?? Infinity) <= BOUNDS.wholeResponseBytes;
}

/** Null: not known. Where a response has chunks, as RFC 9112 6.3 has it, they count and a length beside them does not. */
function lengthOf(headers: Headers): number | null {
  if (headers.has("transfer-encoding")) return null;
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
