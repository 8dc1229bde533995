// Servers that speak OpenAI's API, as replicas of a test. One function starts each kind, so that the same tests run through all of them: a stand-in in this
// process, and llama.cpp's server where that is installed.
import { createHash } from "node:crypto";
import type { ServerResponse } from "node:http";
import { hasLlama, ModelServer } from "./model-servers.ts";
import { TestReplica } from "./replica.ts";

/** A server of one model. */
export interface OpenAiServer extends AsyncDisposable {
  readonly origin: string;
}

export interface OpenAiServerKind {
  readonly name: string;
  /** It answers as the request says, not as a real model would: what it was sent can be seen in its answer. */
  readonly echoes: boolean;
  /** What requests to it have beside OpenAI's members. */
  readonly more: object;
  /** Starts one under the model's name. */
  readonly start: (model: string) => Promise<OpenAiServer>;
}

/** Every kind that is there. */
export function openAiServerKinds(): readonly OpenAiServerKind[] {
  const standIn = { name: "a stand-in", echoes: true, more: {}, start: startStandIn };
  if (!hasLlama()) return [standIn];
  // Of a model with random weights come random bytes, unless a grammar says what may come.
  const more = { grammar: "root ::= [a-z ]+" };
  return [standIn, { name: "llama.cpp", echoes: false, more, start: startLlama }];
}

interface Part {
  readonly type: string;
  readonly text?: string;
  readonly image_url?: { readonly url: string };
}

interface ChatRequest {
  readonly model: string;
  readonly messages: readonly { readonly role: string; readonly content: string | readonly Part[] }[];
  readonly stream?: boolean;
  readonly stream_options?: { readonly include_usage?: boolean };
  readonly tools?: readonly { readonly function: { readonly name: string } }[];
}

/** Sends the content back: texts as they are, images by the beginning of their SHA-256. Calls the first tool, if there are any. */
async function startStandIn(model: string): Promise<OpenAiServer> {
  return TestReplica.start(
    async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      if (request.method === "OPTIONS") return response.writeHead(204).end();
      const route = `${request.method} ${request.url}`;
      if (route === "GET /v1/models") return json(response, 200, { object: "list", data: [modelCard(model)] });
      if (route === "POST /v1/chat/completions")
        return chat(response, model, JSON.parse(Buffer.concat(chunks).toString()) as ChatRequest);
      return failure(response, 404, "not_found", `There is no ${route}.`);
    },
    { raw: true },
  );
}

const modelCard = (id: string) => ({ id, object: "model", created: 1_764_000_000, owned_by: "stand-in" });

function chat(
  response: ServerResponse,
  served: string,
  { model, messages, stream, stream_options: options, tools = [] }: ChatRequest,
): void {
  if (model.split(":", 1)[0] !== served.split(":", 1)[0])
    return failure(response, 404, "model_not_found", `The model ${model} does not exist.`);
  const content = messages.at(-1)?.content ?? "";
  if (content === "fail") return failure(response, 500, "out_of_memory", "CUDA out of memory");
  const said = typeof content === "string" ? content : content.map(echoOf).join(" ");
  const common = { id: "chatcmpl-1", created: 1_764_000_000, model };
  const usage = { prompt_tokens: 3, completion_tokens: 5, total_tokens: 8 };
  const [tool] = tools;
  const call = tool && {
    id: "call-1",
    type: "function",
    function: { name: tool.function.name, arguments: JSON.stringify({ city: said }) },
  };
  const finish = call === undefined ? "stop" : "tool_calls";
  if (stream !== true) {
    const message = { role: "assistant", content: call === undefined ? said : null, ...(call && { tool_calls: [call] }) };
    return json(response, 200, {
      ...common,
      object: "chat.completion",
      choices: [{ index: 0, message, finish_reason: finish }],
      usage,
    });
  }
  response.writeHead(200, { "content-type": "text/event-stream" });
  const event = (delta: object, reason: string | null = null, more: object = {}) => {
    const choices = [{ index: 0, delta, finish_reason: reason }];
    response.write(`data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", choices, ...more })}\n\n`);
  };
  event({ role: "assistant" });
  if (call === undefined) for (const word of said.split(/(?<= )/)) event({ content: word });
  else {
    event({ tool_calls: [{ index: 0, ...call, function: { name: call.function.name, arguments: "" } }] });
    for (const piece of call.function.arguments.match(/.{1,4}/gs) ?? [])
      event({ tool_calls: [{ index: 0, function: { arguments: piece } }] });
  }
  event({}, finish);
  if (options?.include_usage === true) response.write(`data: ${JSON.stringify({ ...common, object: "chat.completion.chunk", choices: [], usage })}\n\n`); // prettier-ignore
  response.end("data: [DONE]\n\n");
}

/** What a stand-in says of a part of a message. */
export function echoOf({ type, text, image_url: image }: Part): string {
  return type === "image_url" ? shortSha(image?.url ?? "") : (text ?? "");
}

export function shortSha(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 12);
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

function failure(response: ServerResponse, status: number, code: string, message: string): void {
  json(response, status, { error: { message, type: "invalid_request_error", param: null, code } });
}

async function startLlama(model: string): Promise<OpenAiServer> {
  const server = await ModelServer.llamaSingle(model, 2);
  return { origin: server.url, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}
