// An answer that the client gets only if no other replica gives one. It is kept while another replica is tried.
import { BOUNDS } from "../limits.ts";
import { answerInit } from "./answer-init.ts";
import { leaseBytes } from "./kept-bytes.ts";

export interface BufferedAnswer {
  /** Null: there was none, or it could not be kept. */
  readonly response: Response | null;
  /** Gives back the memory that the answer counts for; null: it counts for none. */
  readonly giveBack: (() => void) | null;
}

/** Reads the answer whole. One that is long, or that does not arrive soon, is not kept. */
export async function bufferAnswer(response: Response | null): Promise<BufferedAnswer> {
  const giveBack = response === null ? null : leaseBytes(BOUNDS.wholeResponseBytes);
  const kept = giveBack === null || response === null ? null : await keep(response);
  if (kept === null) void response?.body?.cancel().catch(() => {});
  return { response: kept, giveBack };
}

async function keep(response: Response): Promise<Response | null> {
  const { body } = response;
  const init = { ...answerInit(response), headers: new Headers(response.headers) };
  if (body === null) return new Response(null, init);
  const bytes = await readWhole(body, BOUNDS.wholeResponseBytes, BOUNDS.keptAnswerMs);
  if (bytes === null) return null;
  init.headers.delete("transfer-encoding");
  init.headers.set("content-length", String(bytes.byteLength));
  return new Response(bytes, init);
}

/** Null: the body is longer than `most`, takes longer than `withinMs`, or breaks off. Then the rest is cancelled. */
async function readWhole(body: ReadableStream<Uint8Array>, most: number, withinMs: number): Promise<ArrayBuffer | null> {
  const reader = body.getReader();
  const cancel = () => void reader.cancel().catch(() => {});
  const late = Promise.withResolvers<null>();
  const timer = setTimeout(() => late.resolve(null), withinMs);
  const chunks: Uint8Array[] = [];
  try {
    for (let length = 0; length <= most;) {
      const read = await Promise.race([reader.read(), late.promise]);
      if (read === null) break;
      if (read.done) return await new Blob(chunks).arrayBuffer();
      chunks.push(read.value);
      length += read.value.byteLength;
    }
  } catch {
    return null;
  } finally {
    clearTimeout(timer);
  }
  cancel();
  return null;
}
