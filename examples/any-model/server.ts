// The replica over HTTP: POST / with {model, prompt} answers an image. Every answer, errors too, says which models are loaded, so
// the router learns of a load or an eviction from the very answer that came with it: nodeHandler puts that on.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { BODY_BYTES_MAX, parseInput, type Fault, type Input } from "./input.ts";
import { NoRoomError, type ModelCache } from "./models.ts";
import { Semaphore } from "./semaphore.ts";

/**
 * The router sends as many requests as the heartbeat's concurrency allows. A few more can meet here, when clients leave during a
 * load, the router restarts, or there is no router; they wait in line. Beyond this number they are refused, and the router tries
 * another replica.
 */
const IN_FLIGHT_MAX = 8;
interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

interface ImageServer {
  readonly handle: RequestListener;
  /** Requests being served, or in line. */
  readonly inFlight: () => number;
}

/** `concurrency`: requests that load or draw at once. `isEnding`: the server takes no more. */
export function imageHandler(
  models: ModelCache,
  concurrency: number,
  isEnding: () => boolean,
  log: (line: string) => void,
): ImageServer {
  const gpu = new Semaphore(concurrency);
  let inFlight = 0;
  const serve = async (request: IncomingMessage, response: ServerResponse) => {
    let answer: Answer;
    inFlight++;
    try {
      answer = inFlight > IN_FLIGHT_MAX ? busy() : await answerTo(request, response, models, gpu);
    } catch (error) {
      if (response.destroyed) return;
      log(`a request failed: ${String(error)}`);
      answer = error instanceof NoRoomError ? busy() : json(500, { detail: "the replica failed; its log has the cause" });
    } finally {
      inFlight--;
    }
    // A server that stops listening would otherwise wait for its connections to become old.
    if (isEnding()) response.setHeader("connection", "close");
    response.writeHead(answer.status, { ...answer.headers, "content-length": String(Buffer.byteLength(answer.body)) });
    response.end(answer.body);
  };
  return { handle: (request, response) => void serve(request, response), inFlight: () => inFlight };
}

async function answerTo(request: IncomingMessage, response: ServerResponse, models: ModelCache, gpu: Semaphore): Promise<Answer> {
  const [path] = (request.url ?? "/").split("?", 1);
  if (path !== "/") return json(404, { detail: `there is nothing at ${path}: POST to /` });
  if (request.method !== "POST") return json(405, { detail: "only POST is understood" }, { allow: "POST" });
  const text = await readBody(request);
  if (text === null) return invalid(413, { loc: ["body"], msg: `body is longer than ${BODY_BYTES_MAX} bytes`, type: "too_long" });
  const parsed = parseInput(text);
  if (!parsed.ok) return invalid(422, parsed.fault);
  const gone = goneSignal(response);
  const cameAtMs = performance.now();
  await gpu.acquire();
  try {
    return await draw(parsed.input, models, gone, performance.now() - cameAtMs);
  } finally {
    gpu.release();
  }
}

/** `line` in the answer's Server-Timing is the wait in line, `load` is there only where the model had to be loaded. */
async function draw({ model, prompt }: Input, models: ModelCache, gone: AbortSignal, lineMs: number): Promise<Answer> {
  gone.throwIfAborted();
  const warm = models.loaded().includes(model);
  const startedAtMs = performance.now();
  return models.use(model, async (loaded) => {
    const loadedAtMs = performance.now();
    // A load is finished whether or not its client is still there, for the next request; drawing for nobody is not begun.
    gone.throwIfAborted();
    const image = await loaded.draw(prompt, gone);
    const metrics = { line: lineMs, ...(warm ? {} : { load: loadedAtMs - startedAtMs }), draw: performance.now() - loadedAtMs };
    const timing = Object.entries(metrics).map(([name, ms]) => `${name};dur=${Math.round(ms)}`);
    return { status: 200, headers: { "content-type": "image/svg+xml", "server-timing": timing.join(", ") }, body: image };
  });
}

/**
 * The whole body as text, or null where it is too long. The rest of one that is too long is read but not kept, because a client
 * that is still sending does not read the answer; Node ends a request that takes longer than 5 minutes to arrive.
 */
async function readBody(request: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
  }
  return bytes <= BODY_BYTES_MAX ? Buffer.concat(chunks).toString() : null;
}

/** Aborted when the client, or the router for it, has closed the connection. */
function goneSignal(response: ServerResponse): AbortSignal {
  const gone = new AbortController();
  if (response.destroyed) gone.abort();
  response.once("close", () => gone.abort());
  return gone.signal;
}

function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { "content-type": "application/json", ...headers }, body: `${JSON.stringify(body)}\n` };
}

function invalid(status: number, fault: Fault): Answer {
  return json(status, { detail: [fault] });
}

function busy(): Answer {
  return json(503, { detail: "the replica has more requests than it can serve" }, { "retry-after": "1" });
}
