// A client's body, kept for a second attempt where it is small enough, else streamed once.
import { LIMITS } from "../routing/limits.ts";

/** Bytes kept by all requests of this isolate together. */
let keptBytes = 0;

export interface ClientBody extends Disposable {
  readonly content: BodyInit | null;
  /** Whether it can be sent more than once. */
  readonly repeatable: boolean;
}

/**
 * Reads a body of known length up to `maxBytes` while the isolate has room; leaves any other as the stream it is. Dispose it when
 * no further attempt can follow.
 */
export async function takeBody(request: Request, maxBytes: number): Promise<ClientBody> {
  const { body } = request;
  const header = request.headers.get("content-length");
  if (body === null || header === "0") return { content: null, repeatable: true, [Symbol.dispose]: () => {} };
  const length = header === null ? Infinity : Number(header);
  if (!(length <= maxBytes) || keptBytes + length > LIMITS.replayBytesPerIsolate) {
    return { content: body, repeatable: false, [Symbol.dispose]: () => {} };
  }
  keptBytes += length;
  let kept = length;
  const dispose = () => {
    keptBytes -= kept;
    kept = 0;
  };
  try {
    return { content: await request.arrayBuffer(), repeatable: true, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}
