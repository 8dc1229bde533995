// A client's body, kept for a second attempt where it is small enough, else streamed once.
import { takeRoom } from "./kept-bytes.ts";
import { TOO_LATE, within } from "./within.ts";

/** The client did not send a body that is kept in time. */
export class UploadTimeout extends Error {}

export interface ClientBody extends Disposable {
  /** What is kept; null: nothing, either because there is no body or because it is streamed. */
  readonly bytes: ArrayBuffer | null;
  /** Still in the request, to be sent once. */
  readonly streamed: boolean;
}

/**
 * Reads a body of known length up to `maxBytes` while the isolate has room; leaves any other as the stream it is. Dispose it when
 * no further attempt can follow. Throws an `UploadTimeout` where that takes more than `withinMs`.
 */
export async function takeBody(request: Request, maxBytes: number, withinMs: number): Promise<ClientBody> {
  const { body, method } = request;
  const header = request.headers.get("content-length");
  if (body === null || header === "0") return { bytes: null, streamed: false, [Symbol.dispose]: () => {} };
  const length = header === null ? Infinity : Number(header);
  // The runtime forwards a GET with a body as it came, but lets nobody make one.
  const unusual = method === "GET" || method === "HEAD";
  const dispose = unusual || !(length <= maxBytes) ? null : takeRoom(length);
  if (dispose === null) return { bytes: null, streamed: true, [Symbol.dispose]: () => {} };
  try {
    const bytes = await within(request.arrayBuffer(), withinMs);
    if (bytes === TOO_LATE) throw new UploadTimeout();
    return { bytes, streamed: false, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}
