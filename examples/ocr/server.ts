// The replica over HTTP: POST /?language=deu with a PNG answers its text, GET / what the replica holds and has done. One page is read at a time, as a GPU draws one
// image at a time; others wait in order of arrival. Behind the router none waits here, because a heartbeat says concurrency 1.
import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import type { Reading, Report } from "./answers.ts";
import { isLanguage, LANGUAGES, type Language } from "./languages.ts";
import type { Models } from "./models.ts";

const PAGE_BYTES_MAX = 4_194_304;
/** A balancer that knows nothing of this replica can send it any number. */
const IN_LINE_MAX = 64;

interface Answer {
  readonly status: number;
  readonly json: object;
}

export function ocrHandler(replica: string, models: Models, log: (line: string) => void): RequestListener {
  let pages = 0;
  let inLine = 0;
  let last: Promise<unknown> = Promise.resolve();
  return (request, response) => void serve(request, response);

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = await answerTo(request, response);
    } catch (error) {
      if (response.destroyed) return;
      log(`a page failed: ${error instanceof Error ? error.message : String(error)}`);
      answer = refusal(500, "the page could not be read; the replica's log has the cause");
    }
    const { status, json } = answer;
    const body = `${JSON.stringify(json)}\n`;
    response.writeHead(status, { "content-type": "application/json", "content-length": String(Buffer.byteLength(body)) });
    response.end(body);
  }

  async function answerTo(request: IncomingMessage, response: ServerResponse): Promise<Answer> {
    const { pathname, searchParams } = new URL(request.url ?? "/", "http://replica");
    if (pathname !== "/") return refusal(404, `there is nothing at ${pathname}`);
    if (request.method === "GET") return { status: 200, json: report() };
    if (request.method !== "POST") return refusal(405, "only GET and POST are understood");
    const language = searchParams.get("language");
    if (!isLanguage(language)) return refusal(422, `language must be one of ${LANGUAGES.join(", ")}`);
    const page = await bodyOf(request);
    if (page === null) return refusal(413, `a page has at most ${PAGE_BYTES_MAX} bytes`);
    if (inLine >= IN_LINE_MAX) return refusal(503, "the replica has more pages than it can read");
    inLine++;
    const its = last.then(() => read(language, page, response)).finally(() => inLine--);
    last = its.catch(() => {});
    return its;
  }

  async function read(language: Language, page: Buffer, response: ServerResponse): Promise<Answer> {
    if (response.destroyed) throw new Error("its client has gone");
    const { model, loadMs } = await models.use(language);
    const startedAtMs = performance.now();
    const recognised = await model.recognize(page).catch(() => null);
    if (recognised === null) return refusal(422, "the body is no picture that can be read");
    pages++;
    const { text } = recognised.data;
    const json: Reading = { replica, language, text, load_ms: loadMs, recognise_ms: performance.now() - startedAtMs };
    return { status: 200, json };
  }

  function report(): Report {
    const { user, system } = process.cpuUsage();
    const resident_mib = Math.round(process.memoryUsage.rss() / 2 ** 20);
    return { replica, held: models.held(), loads: models.loads, pages, cpu_ms: (user + system) / 1000, resident_mib };
  }
}

/** Null: it is too long. The rest of it is read and not kept, because a client that still sends does not read the answer. */
async function bodyOf(request: IncomingMessage): Promise<Buffer | null> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= PAGE_BYTES_MAX) chunks.push(chunk);
  }
  return bytes <= PAGE_BYTES_MAX ? Buffer.concat(chunks) : null;
}

function refusal(status: number, detail: string): Answer {
  return { status, json: { detail } };
}
