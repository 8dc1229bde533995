// OpenAI's npm client, unmodified and with nothing but its base URL set: chat, streams, tools, images, the list of models, and every error by its class.
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { holdAnswers, type HeldAnswers } from "../support/held.ts";
import { openAiServerKinds, shortSha, type OpenAiServer } from "../support/openai-servers.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const SETTINGS = {
  HINT_FROM_JSON: "model",
  HINT_ALIASES: JSON.stringify({ llama3: "llama3:latest" }),
  MODELS_ENDPOINT: "openai",
  NO_SLOT: "GET /health",
};
const MODELS = ["llama3:latest", "qwen"];

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start(SETTINGS);
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

function client(app: string, options: Partial<ConstructorParameters<typeof OpenAI>[0]> = {}): OpenAI {
  return new OpenAI({ apiKey: "sk-secret", baseURL: `${router.url}/${app}/v1`, maxRetries: 0, ...options });
}

const says = (content: string) => [{ role: "user" as const, content }];
/** The client's error; null: it has none. */
async function errorOf(asked: Promise<unknown>): Promise<InstanceType<typeof OpenAI.APIError> | null> {
  try {
    await asked;
    return null;
  } catch (error) {
    if (error instanceof OpenAI.APIError) return error;
    throw error;
  }
}

/** Where a request went, and why. */
const wentTo = ({ headers }: Response) => [headers.get("x-fal-served-from"), headers.get("x-warmpath-reason")];

const kinds = openAiServerKinds();
if (kinds.length === 1)
  console.warn("llama.cpp's server is not installed (CONTRIBUTING.md says how), so OpenAI's clients ask none in this run");

describe.each(kinds)("through replicas that are $name", ({ name, echoes, more, start }) => {
  const app = `fleet-${name.replaceAll(/\W/g, "-")}`;
  const replicas: OpenAiServer[] = [];
  beforeAll(async () => {
    for (const model of MODELS) {
      const replica = await start(model);
      replicas.push(replica);
      await router.join({ app, replica: model.replace(":", "-"), origin: replica.origin, hints: [model], concurrency: 4 });
    }
  });
  afterAll(async () => {
    for (const replica of replicas) await replica[Symbol.asyncDispose]();
  });

  test("a chat goes to the replica that holds its model", async () => {
    for (const model of ["qwen", "llama3:latest", "qwen"]) {
      const { data, response } = await client(app)
        .chat.completions.create({ model, messages: says("a few words"), max_tokens: 8, ...more })
        .withResponse();
      expect(wentTo(response)).toEqual([model.replace(":", "-"), "hint_match"]);
      expect(data.choices[0]?.message.content).toBeTypeOf("string");
      expect(data.usage?.total_tokens).toBeGreaterThan(0);
      if (echoes)
        expect(data).toMatchObject({ model, choices: [{ message: { content: "a few words" }, finish_reason: "stop" }] });
    }
  });

  test("by an alias too", async () => {
    const { response } = await client(app)
      .chat.completions.create({ model: "llama3", messages: says("x"), max_tokens: 4, ...more })
      .withResponse();
    expect(wentTo(response)).toEqual(["llama3-latest", "hint_match"]);
  });

  test("a stream comes piece by piece, to its end", async () => {
    const asked = {
      model: "qwen",
      messages: says("one two three"),
      max_tokens: 8,
      ...more,
      stream: true,
      stream_options: { include_usage: true },
    } as const;
    const { data: stream, response } = await client(app).chat.completions.create(asked).withResponse();
    expect(wentTo(response)).toEqual(["qwen", "hint_match"]);
    const pieces: string[] = [];
    let [finish, tokens]: [string | null, number] = [null, 0];
    for await (const { choices, usage } of stream) {
      if (typeof choices[0]?.delta.content === "string") pieces.push(choices[0].delta.content);
      finish = choices[0]?.finish_reason ?? finish;
      tokens = usage?.total_tokens ?? tokens;
    }
    expect(pieces.length).toBeGreaterThan(1);
    expect(finish).toMatch(/^(stop|length)$/);
    expect(tokens).toBeGreaterThan(0);
    if (echoes) expect(pieces.join("")).toBe("one two three");
  });

  test("a stream that its client leaves gives its slot back", async () => {
    const stream = await client(app).chat.completions.create({
      model: "qwen",
      messages: says("one two three"),
      max_tokens: 400,
      ...more,
      stream: true,
    });
    for await (const _ of stream) break;
    await until("the slot is free", async () => (await router.view(app)).in_flight === 0);
  });

  test("tools reach the model, and its calls the client", async () => {
    const parameters = { type: "object", properties: { city: { type: "string" } } };
    const tools = [{ type: "function" as const, function: { name: "weather", parameters } }];
    const asked = { model: "qwen", messages: says("Oslo"), tools };
    if (!echoes) {
      // Of random bytes no call can be made. The replica itself says so.
      const refused = await errorOf(client(app).chat.completions.create({ ...asked, ...more }));
      expect(refused?.headers?.get("x-fal-served-from")).toBe("qwen");
      return;
    }
    const whole = await client(app).chat.completions.create(asked);
    const streamed = await client(app).chat.completions.stream(asked).finalChatCompletion();
    for (const { message, finish_reason: finish } of [whole.choices[0]!, streamed.choices[0]!]) {
      expect(finish).toBe("tool_calls");
      expect(message.tool_calls).toMatchObject([
        { type: "function", function: { name: "weather", arguments: '{"city":"Oslo"}' } },
      ]);
    }
  });

  test.each([
    ["30 KB, kept and parsed", 30_000],
    ["900 KB, kept and looked through", 900_000],
    ["5 MB, streamed", 5_000_000],
  ])("an image of %s in the body", async (_, length) => {
    const url = `data:image/png;base64,${"iVBORw0KGgoA".repeat(length / 12)}`;
    const content = [{ type: "text" as const, text: "what is this?" }, { type: "image_url" as const, image_url: { url } }]; // prettier-ignore
    const asked = client(app).chat.completions.create({
      model: "qwen",
      messages: [{ role: "user", content }],
      max_tokens: 4,
      ...more,
    });
    if (echoes) {
      const { data, response } = await asked.withResponse();
      expect(wentTo(response)).toEqual(["qwen", "hint_match"]);
      expect(data.choices[0]?.message.content).toBe(`what is this? ${shortSha(url)}`);
    } else {
      // A model of texts says that it takes no images. That is the replica's own word, which the client shows.
      expect((await errorOf(asked))?.headers?.get("x-fal-served-from")).toBe("qwen");
    }
  });

  test("a model that stands after messages is found in a body that is kept; of a longer one it takes a hint header", async () => {
    if (!echoes) return;
    const ask = (length: number, headers = {}) =>
      client(app)
        .chat.completions.create({ messages: says("A".repeat(length)), model: "qwen" }, { headers })
        .withResponse();
    expect(wentTo((await ask(900_000)).response)).toEqual(["qwen", "hint_match"]);
    expect(wentTo((await ask(5_000_000, { "x-fal-runner-hint": "qwen" })).response)).toEqual(["qwen", "hint_match"]);
    // Without a hint any replica may get it, and the other has another model.
    const late = ask(5_000_000).then(({ response }) => response.headers);
    const headers = await late.catch(({ headers }: InstanceType<typeof OpenAI.NotFoundError>) => headers);
    expect(headers.get("x-warmpath-reason")).toBe("least_loaded");
  });

  test("the list of models is the fleet's", async () => {
    const models = [];
    for await (const model of client(app).models.list()) models.push(model);
    expect(models.map(({ id, object }) => [id, object])).toEqual(MODELS.map((id) => [id, "model"]));
    expect(models[0]).toMatchObject({ warmpath: { replicas: 1, loading: 0 } });
  });

  test("a replica's own error is the client's error of that status, with the replica's words", async () => {
    if (!echoes) return;
    const unknown = client(app).chat.completions.create({ model: "nothing", messages: says("x") });
    await expect(unknown).rejects.toThrow(OpenAI.NotFoundError);
    await expect(unknown).rejects.toMatchObject({
      status: 404,
      code: "model_not_found",
      message: expect.stringContaining("nothing"),
    });
    const failing = client(app).chat.completions.create({ model: "qwen", messages: says("fail") });
    await expect(failing).rejects.toThrow(OpenAI.InternalServerError);
    await expect(failing).rejects.toMatchObject({ status: 500, code: "out_of_memory" });
  });
});

describe("an error of the router is the client's own", () => {
  /** An app with one replica of one slot, whose answers are held. */
  async function busy(app: string): Promise<{ readonly held: HeldAnswers } & AsyncDisposable> {
    const held = holdAnswers((response) => response.writeHead(200, { "content-type": "application/json" }).end('{"choices":[]}'));
    const replica = await TestReplica.start(held.answer);
    await router.join({ app, replica: "r", origin: replica.origin, hints: ["m"] });
    return { held, [Symbol.asyncDispose]: () => replica[Symbol.asyncDispose]() };
  }
  const ask = (app: string, options: object = {}, its = client(app)) =>
    its.chat.completions.create({ model: "m", messages: says("x") }, options);

  test("404: an app that there is not", async () => {
    const asked = ask("nowhere");
    await expect(asked).rejects.toThrow(OpenAI.NotFoundError);
    const type = "invalid_request_error";
    await expect(asked).rejects.toMatchObject({
      status: 404,
      code: "app_not_found",
      type,
      message: expect.stringContaining("nowhere"),
    });
    await expect(client("nowhere").models.list()).rejects.toThrow(OpenAI.NotFoundError);
  });

  test("400: a hint that is none, in a header", async () => {
    await using _ = await busy("bad-hint");
    const asked = ask("bad-hint", { headers: { "x-fal-runner-hint": "x".repeat(513) } });
    await expect(asked).rejects.toThrow(OpenAI.BadRequestError);
    await expect(asked).rejects.toMatchObject({ status: 400, code: "bad_request" });
  });

  test("429: a full queue; the client tries again by itself, after Retry-After", async () => {
    await using its = await busy("full");
    const first = ask("full");
    await until("the slot is taken", () => its.held.holding === 1);
    const impatient = { query: { fal_max_queue_length: 0 } };
    const refused = ask("full", impatient);
    await expect(refused).rejects.toThrow(OpenAI.RateLimitError);
    await expect(refused).rejects.toMatchObject({ status: 429, code: "queue_full", type: "rate_limit_error" });
    const patient = ask("full", impatient, client("full", { maxRetries: 3 }));
    await until("it was refused once", async () => (await router.view("full")).counters.refused["queue_full"] === 2);
    its.held.releaseAll();
    await Promise.all([first, patient]);
  });

  test("504: no slot in time", async () => {
    await using its = await busy("late");
    const first = ask("late");
    await until("the slot is taken", () => its.held.holding === 1);
    const asked = ask("late", { headers: { "x-fal-request-timeout": "0.1" } });
    await expect(asked).rejects.toThrow(OpenAI.InternalServerError);
    await expect(asked).rejects.toMatchObject({ status: 504, code: "request_timeout", type: "server_error" });
    its.held.releaseAll();
    await first;
  });

  test("502: a replica that is gone", async () => {
    await router.join({ app: "gone", replica: "r", origin: "http://127.0.0.1:9", hints: ["m"] });
    const asked = ask("gone");
    await expect(asked).rejects.toThrow(OpenAI.InternalServerError);
    await expect(asked).rejects.toMatchObject({ status: 502, code: "runner_disconnected" });
  });

  test("503: no replica", async () => {
    await router.join({ app: "left", replica: "r", origin: "http://127.0.0.1:9", hints: ["m"] });
    await router.join({ app: "left", replica: "r", origin: "http://127.0.0.1:9", status: "stopped" });
    const asked = client("left", { baseURL: `${router.url}/left` }).get("/health");
    await expect(asked).rejects.toThrow(OpenAI.InternalServerError);
    await expect(asked).rejects.toMatchObject({ status: 503, code: "no_replicas" });
    expect((await client("left").models.list()).data).toEqual([]);
  });

  // Node.js closes the connection in an orderly way, which nobody sees until something is written (docs/protocol.md, "Waiting").
  test("a client that gives up harms nobody", async () => {
    await using its = await busy("given-up");
    const first = ask("given-up");
    await until("the slot is taken", () => its.held.holding === 1);
    await expect(ask("given-up", { timeout: 100 })).rejects.toThrow(OpenAI.APIConnectionTimeoutError);
    its.held.releaseAll();
    await first;
    await until("all is over", async () => {
      const { waiting, in_flight: inFlight } = await router.view("given-up");
      return waiting + inFlight === 0;
    });
    expect((await ask("given-up")).choices).toEqual([]);
    expect((await router.view("given-up")).replicas).toMatchObject([{ ejected_for_ms: 0, last_error: null }]);
  });
});
