// The real router, the sidecar and llama.cpp's real server: requests go where their model is, and nowhere while the server is down. Skipped, with a notice, where
// llama.cpp is not installed.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { hasLlama, ModelServer } from "../support/model-servers.ts";
import { Sidecar, sidecar } from "../support/sidecar.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const isThere = hasLlama();
if (!isThere) console.warn("skipped: llama.cpp's server is not installed (LLAMA_SERVER or llama-server in PATH)");

/** Letters alone: random weights would write bytes that are no text. */
const asked = (model: string, tokens = 3) =>
  JSON.stringify({ model, prompt: "hi", n_predict: tokens, grammar: "root ::= [a-z]*", ignore_eos: true, stream: tokens > 3 });

describe.skipIf(!isThere)("llama.cpp", () => {
  let router: TestRouter;
  const running: Sidecar[] = [];

  beforeAll(async () => {
    router = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "60000" });
  });
  afterAll(() => router[Symbol.asyncDispose]());
  afterEach(() => {
    for (const its of running.splice(0)) its.kill();
  });

  function run(app: string, replica: string, server: ModelServer, args: readonly string[] = []): Sidecar {
    const its = Sidecar.start(router, ["llama-cpp", "--app", app, "--replica", replica, "--server", server.url, ...args]);
    running.push(its);
    return its;
  }
  const replica = async (app: string, name: string) => (await router.view(app)).replicas?.find((its) => its.replica === name);
  const isReady = (app: string, name: string) =>
    until(`${name} is ready`, async () => (await replica(app, name))?.status === "ready");
  const complete = (app: string, model: string) =>
    router.send(`/${app}/completion`, {
      method: "POST",
      headers: { "content-type": "application/json", "x-fal-runner-hint": model },
      body: asked(model),
    });
  const heldBy = (app: string, name: string, hints: readonly string[]) =>
    until(`${name} holds ${hints.join(", ")}`, async () => (await replica(app, name))?.hints?.toSorted().join() === hints.join());

  test("as a router of models: each request goes where its model is loaded, and a crash sends it elsewhere", async () => {
    const models = ["blue", "green", "red"];
    await using one = await ModelServer.llamaRouter(models, 2);
    await using two = await ModelServer.llamaRouter(models, 2);
    const its = run("colours", "one", one);
    run("colours", "two", two);
    await isReady("colours", "one");
    await isReady("colours", "two");
    expect(await replica("colours", "one")).toMatchObject({ hints: [], hint_slots: 2, concurrency: 1 });

    // What somebody else loads is seen too.
    await fetch(`${one.url}/models/load`, { method: "POST", body: JSON.stringify({ model: "red" }) });
    await heldBy("colours", "one", ["red"]);
    for (let index = 0; index < 4; index++) {
      const reply = await complete("colours", "red");
      expect([reply.status, reply.headers["x-fal-served-from"], reply.headers["x-warmpath-reason"]]).toEqual([
        200,
        "one",
        "hint_match",
      ]);
      expect(reply.json()).toMatchObject({ model: "red", content: expect.stringMatching(/^[a-z]+$/) as string });
    }
    const cold = await complete("colours", "blue");
    const at = String(cold.headers["x-fal-served-from"]);
    expect(cold.json()).toMatchObject({ model: "blue" });
    await until("blue is seen", async () => (await replica("colours", at))?.hints?.includes("blue") === true);

    // The third model at a server of two makes one go.
    for (const model of ["green", "blue"]) await fetch(`${one.url}/completion`, { method: "POST", body: asked(model) });
    await heldBy("colours", "one", ["blue", "green"]);

    await one.kill();
    await until("one drains", async () => (await replica("colours", "one"))?.status === "draining");
    for (const model of models) {
      const reply = await complete("colours", model);
      expect([reply.status, reply.headers["x-fal-served-from"]]).toEqual([200, "two"]);
    }
    const { incarnation = 0 } = (await replica("colours", "one")) ?? {};
    await one.start();
    await isReady("colours", "one");
    expect(await replica("colours", "one")).toMatchObject({ hints: [], ejected_for_ms: 0 });
    expect((await replica("colours", "one"))?.incarnation).toBeGreaterThan(incarnation);
    expect(its.events.some(({ event }) => event === "down")).toBe(true);
  }, 90_000);

  test("what a client announces is loaded before it is asked for; a model that there is not is a note", async () => {
    await using quick = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "200" });
    await using server = await ModelServer.llamaRouter(["blue", "green", "red"], 2);
    const its = Sidecar.start(quick, [
      "llama-cpp",
      "--app",
      "a",
      "--replica",
      "one",
      "--server",
      server.url,
      "--alias",
      "green=grass",
    ]);
    running.push(its);
    const hints = async () => (await quick.view("a")).replicas?.[0]?.hints?.toSorted().join();
    const announced = async (hint: string) => expect((await quick.admin(`/-/apps/a/warm?hint=${hint}`, "POST")).status).toBe(200);
    await until("it is ready", async () => (await hints()) === "");
    await announced("grass");
    await until("green is loaded", async () => (await hints()) === "grass");
    await announced("red");
    await until("red is loaded too", async () => (await hints()) === "grass,red");
    const isWarm = async (hint: string, model = hint) => {
      const headers = { "content-type": "application/json", "x-fal-runner-hint": hint };
      const reply = await quick.send("/a/completion", { method: "POST", headers, body: asked(model) });
      expect([reply.status, reply.headers["x-warmpath-reason"]]).toEqual([200, "hint_match"]);
    };
    await isWarm("grass", "green");
    await isWarm("red");
    await announced("blue");
    await until("blue is loaded in the place of the oldest", async () => (await hints()) === "blue,red");
    await isWarm("blue");
    await announced("absent");
    await until("it is said", () =>
      its.events.some(({ event, detail }) => event === "note" && String(detail).includes("advice")),
    );
    expect(await hints()).toBe("blue,red");
  }, 60_000);

  test("with one model: SIGTERM drains, and a request that runs is finished first", async () => {
    await using server = await ModelServer.llamaSingle("violet", 3);
    const its = run("single", "one", server, ["--drain", "60"]);
    await isReady("single", "one");
    expect(await replica("single", "one")).toMatchObject({ hints: ["violet"], hint_slots: 1, concurrency: 3 });
    const gone = new AbortController();
    // It would write for minutes. Its client goes when the test has seen enough.
    const long = fetch(`${router.url}/single/completion`, { method: "POST", body: asked("violet", 60_000), signal: gone.signal });
    const reader = (await long).body?.getReader();
    expect((await reader?.read())?.done).toBe(false);
    const ended = its.end();
    await until("it drains", async () => (await replica("single", "one"))?.status === "draining");
    for (let index = 0; index < 20; index++) expect((await reader?.read())?.done).toBe(false);
    expect(its.child.exitCode).toBeNull();
    expect((await replica("single", "one"))?.status).toBe("draining");
    gone.abort();
    expect((await ended).status).toBe(0);
    expect(await replica("single", "one")).toBeUndefined();
  }, 90_000);

  test("--print", async () => {
    await using server = await ModelServer.llamaSingle("violet", 3);
    const { status, stdout } = await sidecar([
      "llama-cpp",
      "--app",
      "a",
      "--server",
      server.url,
      "--alias",
      "violet=v",
      "--print",
      "--json",
    ]);
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ hints: ["v"], hint_slots: 1, concurrency: 3, origin: server.url });
  }, 60_000);
});
