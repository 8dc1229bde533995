// A replica's response on its way to the client, byte for byte, with the slot held until its last byte and not a moment longer.
//
// Each line here cost an experiment. The response must pass through a stream that the Worker made: an upstream body answered as it
// is gives the slot back at once. The pipe must not be put into `waitUntil`: after a client's reset the slot would stay taken until
// the replica next sends. Bodies are fetched and answered with "manual" encoding, or compressed ones would be recoded.
import { LIMITS } from "../routing/limits.ts";

export interface Relay {
  readonly upstream: Response;
  readonly headers: Headers;
  /** Called exactly when the replica is done with the request, and the answer is whole. */
  readonly whole: () => void;
  /** Called instead where the client broke it off. */
  readonly release: () => void;
  /** Takes the promise that the response has passed, where `whole` or `broken` must be called even if all is over with its last byte. */
  readonly passing?: ((passed: Promise<void>) => void) | undefined;
  /** Called instead where the response broke off: the replica's end of it, or with `Request.signal` aborted, the client's. */
  readonly broken: () => void;
}

/** The client's response, or null where a short body broke off before anything was sent. */
export async function relay({ upstream, headers, whole, broken, passing }: Omit<Relay, "release">): Promise<Response | null> {
  const { status, statusText, body } = upstream;
  const init = { status, statusText, headers, encodeBody: "manual" } as const;
  if (body === null) {
    whole();
    return new Response(null, init);
  }
  const length = lengthOf(upstream.headers);
  if (length !== null && length <= LIMITS.wholeResponseBytes) {
    try {
      const bytes = await upstream.arrayBuffer();
      whole();
      return new Response(bytes, init);
    } catch {
      broken();
      return null;
    }
  }
  const { readable, writable } = length === null ? new IdentityTransformStream() : new FixedLengthStream(length);
  // A client that goes ends this request and everything in it, unless something is still in `waitUntil`: then it fails here too.
  const passed = body.pipeTo(writable).then(whole, broken);
  passing?.(passed);
  return new Response(readable, init);
}

/** Null: not known. Where a response has chunks, as RFC 9112 6.3 has it, they count and a length beside them does not. */
function lengthOf(headers: Headers): number | null {
  if (headers.has("transfer-encoding")) return null;
  const text = headers.get("content-length");
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : null;
}
