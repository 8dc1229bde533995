// OpenAI's Python client, unmodified and with nothing but its base URL set. Versions up to 3.0 write a chat's messages before the model. Skipped where the
// package is not installed.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { holdAnswers } from "../support/held.ts";
import { openAiServerKinds, type OpenAiServer } from "../support/openai-servers.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

/** The Python that has the package of test/support/openai-python.txt. */
const PYTHON = process.env["OPENAI_PYTHON"] ?? "python3";
const SCRIPT = path.join(PROJECT, "test", "support", "openai_client.py");

const isThere = spawnSync(PYTHON, ["-c", "import openai"]).status === 0;
if (!isThere && process.env["REQUIRE_OPENAI_PYTHON"] === "1")
  throw new Error(`REQUIRE_OPENAI_PYTHON is set, and ${PYTHON} can't import openai`);
if (!isThere)
  console.warn("OpenAI's Python client is not installed (CONTRIBUTING.md says how), so it does not ask the router in this run");

describe.skipIf(!isThere).each(openAiServerKinds())("OpenAI's Python client, through replicas that are $name", (kind) => {
  const { echoes, more, start } = kind;
  let router: TestRouter;
  const replicas: OpenAiServer[] = [];
  beforeAll(async () => {
    router = await TestRouter.start({
      HINT_FROM_JSON: "model",
      HINT_ALIASES: JSON.stringify({ llama3: "llama3:latest" }),
      MODELS_ENDPOINT: "openai",
    });
    for (const model of ["llama3:latest", "qwen"]) {
      const replica = await start(model);
      replicas.push(replica);
      await router.join({
        app: "fleet",
        replica: model.replace(":", "-"),
        origin: replica.origin,
        hints: [model],
        concurrency: 4,
      });
    }
  });
  afterAll(async () => {
    for (const replica of replicas) await replica[Symbol.asyncDispose]();
    await router[Symbol.asyncDispose]();
  });

  /** What the client gave. */
  async function run(what: string): Promise<unknown> {
    const child = spawn(PYTHON, [SCRIPT, router.url, "fleet", what, JSON.stringify(more)], { stdio: ["ignore", "pipe", "pipe"] });
    let [output, faults] = ["", ""];
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (faults += text));
    await once(child, "close");
    if (child.exitCode !== 0) throw new Error(faults);
    return JSON.parse(output);
  }

  const qwen = ["qwen", "hint_match"];

  test("a chat goes to the replica that holds its model, by an alias too", async () => {
    const content = echoes ? "a few words" : (expect.any(String) as string);
    const llama3 = { went: ["llama3-latest", "hint_match"], content };
    expect(await run("plain")).toMatchObject([{ went: qwen, content }, llama3, llama3]);
  });

  test("a stream comes piece by piece", async () => {
    const pieces = (await run("stream")) as readonly string[];
    if (echoes) expect(pieces).toEqual(["one ", "two ", "three"]);
    else expect(pieces.length).toBeGreaterThan(1);
  });

  test("a stream that is left gives its slot back", async () => {
    expect(await run("left_stream")).toBe(true);
    await until("the slot is free", async () => (await router.view("fleet")).in_flight === 0);
  });

  test.runIf(echoes)("tools", async () => {
    expect(await run("tools")).toEqual(["tool_calls", "weather", { city: "Oslo" }]);
  });

  test.runIf(echoes)(
    "images: up to RETRY_BODY_MAX_BYTES the model is found wherever it stands, beyond only early; a hint header helps",
    async () => {
      const content = expect.stringMatching(/^what is this\? [0-9a-f]{12}$/) as string;
      const [small, kept, long, byHeader] = (await run("images")) as { went: string[]; content: string; early: boolean }[];
      const found = { went: qwen, content };
      expect([small, kept, byHeader]).toMatchObject([found, found, found]);
      expect(long?.went[1]).toBe(long?.early === true ? "hint_match" : "least_loaded");
    },
  );

  test("the list of models is the fleet's", async () => {
    expect(await run("models")).toEqual([["llama3:latest", "model"], ["qwen", "model"]]); // prettier-ignore
  });

  test.runIf(echoes)("an error of the router is the client's own", async () => {
    const held = holdAnswers((response) => response.writeHead(200, { "content-type": "application/json" }).end("{}"));
    await using slow = await TestReplica.start(held.answer);
    await router.join({ app: "busy", replica: "r", origin: slow.origin, hints: ["m"] });
    await router.join({ app: "gone", replica: "r", origin: "http://127.0.0.1:9", hints: ["m"] });
    const first = router.send("/busy/x");
    await until("the slot is taken", () => held.holding === 1);
    expect(await run("errors")).toEqual({
      "unknown app": ["NotFoundError", 404, "app_not_found"],
      "bad hint": ["BadRequestError", 400, "bad_request"],
      "full queue": ["RateLimitError", 429, "queue_full"],
      "too late": ["InternalServerError", 504, "request_timeout"],
      gone: ["InternalServerError", 502, "runner_disconnected"],
      "replica's own": ["InternalServerError", 500, "out_of_memory"],
    });
    held.releaseAll();
    await first;
  });
});
