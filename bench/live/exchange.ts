// One HTTP request and its whole answer, over kept connections and without a time limit of its own.
import { once } from "node:events";
import { Agent, request, type IncomingHttpHeaders, type IncomingMessage } from "node:http";

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/**
 * Idle connections are closed after this long, before workerd closes them at 5 s: a request that is sent while the other side closes is
 * lost. Nothing happens to busy ones.
 */
const IDLE_MS = 2000;

export function keptConnections(): Agent {
  return new Agent({ keepAlive: true, timeout: IDLE_MS });
}

export interface Asked {
  readonly agent: Agent;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON. */
  readonly body: unknown;
  readonly signal: AbortSignal;
}

export async function post(url: string, { agent, headers, body, signal }: Asked): Promise<Reply> {
  const text = Buffer.from(JSON.stringify(body));
  const length = { "content-type": "application/json", "content-length": String(text.length) };
  const sent = request(url, { method: "POST", agent, headers: { ...headers, ...length }, signal });
  sent.end(text);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() };
}
