// A client: sends one request as it is told, or leaves on the way, and says what came back. It never gives up before its patience ends.
import { once } from "node:events";
import { request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { openSocket } from "./client-socket.ts";
import { digestOf, provenBy, UPLOAD_HEADER, uploadOf, type Asked, type Signed } from "./proof.ts";
import { codeOf, errorOf, headersOf, type Came, type Sending, type Upload, type Way } from "./sending.ts";

const UPLOAD_PIECES = 8;

interface Progress {
  sentMs: number;
  headersMs: number | null;
  response: IncomingMessage | null;
  left: boolean;
}

/** Never fails. */
export async function send(sending: Sending, way: Way): Promise<Came> {
  if (sending.webSocket) return openSocket(sending, way);
  const progress: Progress = { sentMs: performance.now(), headersMs: null, response: null, left: false };
  const patience = AbortSignal.any([way.signal, AbortSignal.timeout(way.patienceMs)]);
  try {
    const body = await exchange(sending, way, progress, patience);
    return cameOf(sending, progress, { end: "answered", body, cause: null });
  } catch (error) {
    const end = progress.left ? "left" : patience.aborted ? "unanswered" : "broken";
    return cameOf(sending, progress, { end, body: null, cause: codeOf(error) });
  }
}

async function exchange(sending: Sending, way: Way, progress: Progress, signal: AbortSignal): Promise<Buffer> {
  const { method, target, upload, leaving } = sending;
  const outgoing = httpRequest({
    ...{ host: "127.0.0.1", port: way.port, agent: way.agent, method, path: target, signal },
    headers: { ...headersOf(sending), ...framingOf(upload) },
  });
  const leave = () => {
    progress.left = true;
    if (outgoing.socket === null) outgoing.destroy();
    else outgoing.socket.resetAndDestroy();
  };
  const responded = once(outgoing, "response") as Promise<[IncomingMessage]>;
  // While the upload goes on nobody waits for it yet.
  responded.catch(() => {});
  const timer = leaving?.when === "after" ? setTimeout(leave, leaving.ms) : null;
  const written = writeBody(outgoing, sending, leave);
  written.catch(() => {});
  try {
    // An answer can come before the body is whole, and then the rest of the body does not matter.
    await Promise.race([written, responded]);
    const [response] = await responded;
    progress.headersMs = performance.now();
    progress.response = response;
    return await readBody(response, sending, leave);
  } finally {
    if (timer !== null) clearTimeout(timer);
    outgoing.on("error", () => {});
    if (!outgoing.writableEnded) outgoing.destroy();
  }
}

/** Said outright: where a body is written in one piece, Node.js would give it a length by itself. */
function framingOf(upload: Upload | null): Record<string, string> {
  if (upload === null) return {};
  return upload.chunked ? { "transfer-encoding": "chunked" } : { "content-length": String(upload.bytes) };
}

async function writeBody(outgoing: ClientRequest, { asked, upload, leaving }: Sending, leave: () => void): Promise<void> {
  if (upload === null) {
    outgoing.end();
    return;
  }
  const body = uploadOf(asked.key, upload.bytes);
  if (upload.overMs === 0 && leaving?.when !== "mid_upload") {
    outgoing.end(body);
    return;
  }
  const failed = once(outgoing, "close").then(() => Promise.reject(new Error("closed while the body was sent")));
  failed.catch(() => {});
  const size = Math.ceil(body.length / UPLOAD_PIECES);
  for (let piece = 0; piece < UPLOAD_PIECES; piece++) {
    outgoing.write(body.subarray(piece * size, (piece + 1) * size));
    await Promise.race([sleep(upload.overMs / UPLOAD_PIECES), failed]);
    if (leaving?.when === "mid_upload" && piece === UPLOAD_PIECES / 2) {
      leave();
      await failed;
    }
    if (outgoing.destroyed) return;
  }
  outgoing.end();
}

async function readBody(response: IncomingMessage, { leaving, readPauseMs }: Sending, leave: () => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) {
    chunks.push(chunk as Buffer);
    if (leaving?.when === "mid_answer") leave();
    else if (readPauseMs > 0) await sleep(readPauseMs);
  }
  if (!response.complete) throw new Error("the answer ended before it was complete");
  return Buffer.concat(chunks);
}

interface Ending {
  readonly end: Came["end"];
  readonly body: Buffer | null;
  readonly cause: string | null;
}

function cameOf(
  { asked, method, upload }: Sending,
  { sentMs, headersMs, response }: Progress,
  { end, body, cause }: Ending,
): Came {
  const headers = Object.fromEntries(Object.entries(response?.headers ?? {}).map(([name, value]) => [name, String(value)]));
  const status = response?.statusCode ?? null;
  const proof = body === null || status !== 200 ? null : proofOf(body, asked, method, headers, upload);
  return {
    ...{ sentMs, endedMs: performance.now(), end, headersMs, status, headers, proof, cause },
    ...errorOf(headers, body?.toString() ?? ""),
  };
}

function proofOf(
  body: Buffer,
  asked: Asked,
  method: string,
  headers: Readonly<Record<string, string>>,
  upload: Upload | null,
): Signed | string {
  const sent = method === "OPTIONS" || upload === null ? digestOf(Buffer.alloc(0)) : digestOf(uploadOf(asked.key, upload.bytes));
  if (headers[UPLOAD_HEADER] !== sent) return `the replica read the body ${headers[UPLOAD_HEADER]} instead of ${sent}`;
  return provenBy(body, asked);
}
