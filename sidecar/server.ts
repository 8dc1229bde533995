// Questions to the server: each with an end, none that follows a redirect with the token, no answer longer than its bound.
import { causeOf } from "../replica/node/exchange.ts";
import { ServerFault, shortened } from "./fault.ts";
import { LIMITS } from "./limits.ts";

export interface Ask {
  readonly method?: "GET" | "POST";
  readonly body?: object;
}

export interface Answer {
  readonly status: number;
  readonly text: string;
}

export class Server {
  readonly url: string;
  readonly #token: string | null;
  readonly #signal: AbortSignal;

  /** `signal`: ends all questions, as a look's time is over. */
  constructor(url: string, token: string | null, signal: AbortSignal) {
    this.url = url;
    this.#token = token;
    this.#signal = signal;
  }

  /** The JSON that a path answers with 200. Throws a ServerFault for anything else. */
  async json(path: string, ask: Ask = {}): Promise<unknown> {
    const answer = await this.ask(path, ask);
    if (answer.status !== 200) throw faultOf(path, answer);
    return parsed(path, answer.text);
  }

  /** The same; null if the server has no such path: 404, 405 or 501. */
  async jsonIfThere(path: string, ask: Ask = {}): Promise<unknown> {
    const answer = await this.ask(path, ask);
    if ([404, 405, 501].includes(answer.status)) return null;
    if (answer.status !== 200) throw faultOf(path, answer);
    return parsed(path, answer.text);
  }

  /** Whatever the path answers. `path` may be a whole URL. */
  async ask(path: string, { method = "GET", body }: Ask = {}): Promise<Answer> {
    try {
      const response = await fetch(new URL(path, this.url), {
        method,
        redirect: "manual",
        signal: this.#signal,
        headers: {
          accept: "*/*",
          ...(this.#token !== null && { authorization: `Bearer ${this.#token}` }),
          ...(body !== undefined && { "content-type": "application/json" }),
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
      });
      return { status: response.status, text: await textOf(path, response) };
    } catch (error) {
      if (error instanceof ServerFault) throw error;
      if (this.#signal.aborted) throw new ServerFault("slow", `${path} was not answered in time`);
      throw new ServerFault("down", `${path}: ${causeOf(error)}`);
    }
  }
}

/** What an unwanted status says: 503 is how servers say that a model is loading. */
export function faultOf(path: string, { status, text }: Answer): ServerFault {
  const said = text === "" ? "" : `: ${shortened(text, LIMITS.shownText)}`;
  return new ServerFault(status === 503 ? "loading" : "garbage", `${path} answered ${status}${said}`);
}

function parsed(path: string, text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw new ServerFault("garbage", `${path} answered no JSON: ${shortened(text, LIMITS.shownText)}`);
  }
}

async function textOf(path: string, response: Response): Promise<string> {
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > LIMITS.answerBytes) throw new ServerFault("garbage", `${path} answered more than ${LIMITS.answerBytes} bytes`);
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}
