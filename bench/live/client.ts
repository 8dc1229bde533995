// A client: sends one request as it is told, or leaves on the way, and says what came back. It never gives up before its patience ends.
import { once } from "node:events";
import { Agent, request as httpRequest, type ClientRequest, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocket } from "ws";
import { ASKED_HEADER, CLOSE_CODE, CLOSE_WORD, digestOf, provenBy, signedBy, UPLOAD_HEADER, uploadOf } from "./proof.ts";
import type { Signed } from "./proof.ts";
import type { Came, Sending, Upload, Way } from "./records.ts";

const UPLOAD_PIECES = 8;
const MESSAGES = 3;
/**
 * Idle connections are closed after this long, before workerd closes them at 5 s: a request that is sent while the other side closes is
 * lost.
 */
const IDLE_MS = 2000;

export function keptConnections(): Agent {
  return new Agent({ keepAlive: true, timeout: IDLE_MS });
}

/**
 * Gives the status. Over a kept connection the request leaves in the turn of the event loop in which its body was made; `fetch` would not do that.
 * A report that is old when it arrives says of requests that came meanwhile that they have ended.
 */
export async function post(
  url: string,
  agent: Agent,
  headers: Record<string, string>,
  body: unknown,
  signal: AbortSignal,
): Promise<number> {
  const text = Buffer.from(JSON.stringify(body));
  const length = { "content-type": "application/json", "content-length": text.length };
  const outgoing = httpRequest(url, { method: "POST", agent, headers: { ...headers, ...length }, signal });
  outgoing.end(text);
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  await buffer(response);
  return response.statusCode ?? 0;
}

/** What is known of a request on its way. */
interface Progress {
  headersMs: number | null;
  response: IncomingMessage | null;
  left: boolean;
}

/** What ended well: an answer's body, or what a WebSocket proved. */
type Heard = { readonly body: Buffer } | { readonly proof: Signed | string };

/** Never fails. */
export async function send(sending: Sending, way: Way): Promise<Came> {
  const sentMs = performance.now();
  const progress: Progress = { headersMs: null, response: null, left: false };
  const signal = AbortSignal.any([way.signal, AbortSignal.timeout(way.patienceMs)]);
  try {
    const heard = await (sending.webSocket === true ? talk : ask)(sending, way, progress, signal);
    return cameOf("answered", heard, null);
  } catch (error) {
    const end = progress.left ? "left" : signal.aborted ? "unanswered" : "broken";
    return cameOf(end, null, codeOf(error));
  }

  function cameOf(end: Came["end"], heard: Heard | null, cause: string | null): Came {
    const { response, headersMs } = progress;
    const said = Object.entries(response?.headers ?? {}).map(([name, value]) => [name, String(value)] as const);
    const headers: Record<string, string> = Object.fromEntries(said);
    const status = response?.statusCode === 101 ? 200 : (response?.statusCode ?? null);
    const body = heard !== null && "body" in heard ? heard.body : null;
    const proven = status === 200 && body !== null ? proofOf(sending, body, headers) : null;
    const proof = heard !== null && "proof" in heard ? heard.proof : proven;
    const errorType = headers["x-fal-error-type"] ?? null;
    const detail = errorType === null ? null : (/"detail":"([^"]*)"/.exec(body?.toString() ?? "")?.[1] ?? null);
    return { sentMs, endedMs: performance.now(), end, headersMs, status, headers, proof, errorType, detail, cause };
  }
}

function proofOf({ asked, upload, method }: Sending, body: Buffer, headers: Readonly<Record<string, string>>): Signed | string {
  const sent = digestOf(method === "OPTIONS" || upload === undefined ? Buffer.alloc(0) : uploadOf(asked.key, upload.bytes));
  if (headers[UPLOAD_HEADER] !== sent) return `the replica read the body ${headers[UPLOAD_HEADER]} instead of ${sent}`;
  return provenBy(body, asked);
}

async function ask(sending: Sending, { port, agent }: Way, progress: Progress, signal: AbortSignal): Promise<Heard> {
  const { target, upload, leaving, readPauseMs = 0 } = sending;
  const method = sending.method ?? (upload === undefined ? "GET" : "POST");
  const headers = { ...headersOf(sending), ...framingOf(upload) };
  const outgoing = httpRequest({ host: "127.0.0.1", port, agent, method, path: target, signal, headers });
  const leave = () => {
    progress.left = true;
    if (outgoing.socket === null) outgoing.destroy();
    else outgoing.socket.resetAndDestroy();
  };
  const responded = once(outgoing, "response") as Promise<[IncomingMessage]>;
  const written = writeBody(outgoing, sending, leave);
  // While one of the two is awaited, a failure of the other must not go unhandled.
  for (const promise of [responded, written]) promise.catch(() => {});
  const timer = leaving?.when === "after" ? setTimeout(leave, leaving.ms) : undefined;
  try {
    // An answer can come before the body is whole, and then the rest of the body does not matter.
    await Promise.race([written, responded]);
    const [response] = await responded;
    Object.assign(progress, { headersMs: performance.now(), response });
    const chunks: Buffer[] = [];
    for await (const chunk of response) {
      chunks.push(chunk as Buffer);
      if (leaving?.when === "mid_answer") leave();
      else if (readPauseMs > 0) await sleep(readPauseMs);
    }
    if (!response.complete) throw new Error("the answer ended before it was complete");
    return { body: Buffer.concat(chunks) };
  } finally {
    clearTimeout(timer);
    outgoing.on("error", () => {});
    if (!outgoing.writableEnded) outgoing.destroy();
  }
}

function headersOf({ asked, headers }: Sending): Record<string, string> {
  const hint = asked.hint === null ? {} : { "x-fal-runner-hint": asked.hint };
  return { ...headers, ...hint, [ASKED_HEADER]: JSON.stringify(asked) };
}

/** Said outright: Node.js would give a body that is written in one piece a length by itself. */
function framingOf(upload?: Upload): Record<string, string> {
  if (upload === undefined) return {};
  return upload.chunked ? { "transfer-encoding": "chunked" } : { "content-length": String(upload.bytes) };
}

async function writeBody(outgoing: ClientRequest, { asked, upload, leaving }: Sending, leave: () => void): Promise<void> {
  if (upload === undefined) return void outgoing.end();
  const body = uploadOf(asked.key, upload.bytes);
  if (upload.overMs === 0 && leaving?.when !== "mid_upload") return void outgoing.end(body);
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

/**
 * A WebSocket: hears who serves it, has a few messages sent back, and asks to be closed. If all messages come back, that counts as a whole 200.
 */
async function talk(sending: Sending, { port }: Way, progress: Progress, signal: AbortSignal): Promise<Heard> {
  const { asked, leaving, target } = sending;
  const socket = new WebSocket(`ws://127.0.0.1:${port}${target}`, { headers: headersOf(sending) });
  const leave = () => {
    progress.left = true;
    socket.terminate();
  };
  const over = new AbortController();
  const answered = (response: IncomingMessage) => Object.assign(progress, { response, headersMs: performance.now() });
  const refused = Promise.withResolvers<Heard>();
  socket.on("upgrade", answered);
  socket.on("unexpected-response", (_, response: IncomingMessage) => {
    answered(response);
    refused.resolve(buffer(response).then((body) => ({ body })));
  });
  socket.on("error", (error) => over.abort(error));
  socket.on("close", () => over.abort(new Error("closed without a word")));
  const timer = leaving?.when === "after" ? setTimeout(leave, leaving.ms) : undefined;
  try {
    return await Promise.race([refused.promise, converse()]);
  } finally {
    clearTimeout(timer);
    socket.terminate();
  }

  async function converse(): Promise<Heard> {
    const signed = signedBy(await message(), asked);
    if (typeof signed === "string") return { proof: signed };
    for (let number = 0; number < MESSAGES; number++) {
      const text = `${asked.key} ${number}`;
      socket.send(text);
      const echo = await message();
      if (echo !== text) return { proof: `it sent ${echo} instead of ${text}` };
      if (leaving?.when === "mid_answer") leave();
    }
    const closed = once(socket, "close", { signal }) as Promise<[number]>;
    socket.send(CLOSE_WORD);
    const [code] = await closed;
    // Without a close frame the connection broke, like an answer that breaks off.
    if (code === 1006) throw new Error("closed without a word");
    return { proof: code === CLOSE_CODE ? signed : `it was closed with ${code} instead of ${CLOSE_CODE}` };
  }

  async function message(): Promise<string> {
    const untilClosed = AbortSignal.any([signal, over.signal]);
    const heard = once(socket, "message", { signal: untilClosed }) as Promise<[Buffer]>;
    const [data] = await heard.catch((error: unknown) => Promise.reject(over.signal.aborted ? over.signal.reason : error));
    return data.toString();
  }
}

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return "code" in error ? `${String(error.code)} ${error.message}` : error.message;
}
