// The sidecar between the real router and a server that does what the test says, in Ollama's shape.
import { createServer, type Server } from "node:http";
import type { Socket } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { Sidecar } from "../support/sidecar.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

/** A model server: it answers requests with its name, and /api/ps with its models, or as `mood` says. */
class ModelServer {
  models: string[] = [];
  mood: "well" | "silent" | "garbage" | "loading" = "well";
  /** Requests at the server, which are answered when `gate` opens. */
  served = 0;
  gate: Promise<void> = Promise.resolve();
  readonly #port: number;
  #http: Server | null = null;
  readonly #sockets = new Set<Socket>();

  constructor(port = 0) {
    this.#port = port;
  }

  get port(): number {
    const address = this.#http?.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  async up(port = this.#port): Promise<void> {
    const http = createServer((request, response) => {
      if (request.url !== "/api/ps") {
        this.served++;
        return void this.gate.then(() => response.end("served"));
      }
      if (this.mood === "silent") return;
      if (this.mood === "garbage") return response.end("<html>");
      if (this.mood === "loading") return response.writeHead(503).end("{}");
      return response.end(JSON.stringify({ models: this.models.map((name) => ({ name, model: name })) }));
    });
    http.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket)).on("error", () => {});
    });
    await new Promise<void>((resolve) => http.listen(port, "127.0.0.1", resolve));
    this.#http = http;
  }

  /** As a crash: connections end at once. */
  async down(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#http?.close(resolve));
  }
}

let router: TestRouter;
let server: ModelServer;
let other: ModelServer;
const running: Sidecar[] = [];

beforeAll(async () => {
  router = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "60000" });
});
afterAll(() => router[Symbol.asyncDispose]());
beforeEach(async () => {
  [server, other] = [new ModelServer(), new ModelServer()];
  await server.up();
  await other.up();
});
afterEach(async () => {
  for (const sidecar of running.splice(0)) sidecar.kill();
  await server.down();
  await other.down();
});

function run(app: string, args: readonly string[] = [], its = server): Sidecar {
  const sidecar = Sidecar.start(router, ["ollama", "--app", app, "--server", `http://127.0.0.1:${its.port}`, ...args]);
  running.push(sidecar);
  return sidecar;
}

const replicas = async (app: string) => (await router.view(app)).replicas ?? [];
const seen = async (app: string) => (await replicas(app))[0];
const isReady = (app: string) => until("it is ready", async () => (await seen(app))?.status === "ready");

test("the server's models become the replica's hints, and stay up to date", async () => {
  server.models = ["llama3:latest"];
  run("holds", ["--replica", "gpu-1", "--hint-slots", "2", "--concurrency", "3"]);
  await isReady("holds");
  expect(await seen("holds")).toMatchObject({
    ...{
      replica: "gpu-1",
      origin: `http://127.0.0.1:${server.port}`,
      hints: ["llama3:latest", "llama3"],
      hint_slots: 3,
      concurrency: 3,
    },
  });
  server.models = ["mistral:7b", "llama3:latest"];
  await until("the second is known", async () => (await seen("holds"))?.hints?.includes("mistral:7b") === true);
  server.models = [];
  await until("both are gone", async () => (await seen("holds"))?.hints?.length === 0);
  const reply = await router.send("/holds/api/generate", { headers: { "x-fal-runner-hint": "mistral:7b" } });
  expect([reply.status, reply.text, reply.headers["x-fal-served-from"]]).toEqual([200, "served", "gpu-1"]);
});

test("aliases take the place of names, and names that are no hints are left out", async () => {
  server.models = ["llama3:latest", "a,b", "schön"];
  const sidecar = run("aliases", ["--alias", "llama3:latest=chat", "--alias", "llama3:latest=small"]);
  await isReady("aliases");
  expect((await seen("aliases"))?.hints).toEqual(["chat", "small"]);
  await sidecar.told("note");
  expect(sidecar.events.filter(({ event }) => event === "note")).toHaveLength(1);
});

test("until its server is up the replica is starting, and requests wait for it", async () => {
  const { port } = server;
  await server.down();
  const sidecar = Sidecar.start(router, ["ollama", "--app", "late", "--server", `http://127.0.0.1:${port}`]);
  running.push(sidecar);
  await sidecar.told("down");
  await until("it is listed", async () => (await seen("late"))?.status === "starting");
  const reply = router.send("/late/");
  await until("the request waits", async () => (await router.view("late")).waiting === 1);
  server.mood = "garbage";
  await server.up(port);
  await sidecar.told("down", 2);
  server.mood = "well";
  expect((await reply).text).toBe("served");
  expect((await seen("late"))?.status).toBe("ready");
  expect(sidecar.events.map(({ event }) => event).filter((event) => event !== "holds")).toEqual(["down", "down", "up"]);
});

test("while the server is down requests go elsewhere, and it comes back as a new process", async () => {
  server.models = ["a"];
  other.models = ["b"];
  const sidecar = run("crash", ["--replica", "one"]);
  run("crash", ["--replica", "two"], other);
  await until("both are ready", async () => (await replicas("crash")).filter(({ status }) => status === "ready").length === 2);
  const its = async () => (await replicas("crash")).find(({ replica }) => replica === "one");
  const incarnation = (await its())?.incarnation ?? 0;
  const { port } = server;
  await server.down();
  await until("it drains", async () => (await its())?.status === "draining");
  expect((await its())?.hints).toEqual([]);
  for (let index = 0; index < 5; index++) {
    const reply = await router.send("/crash/", { headers: { "x-fal-runner-hint": "a" } });
    expect([reply.status, reply.headers["x-fal-served-from"]]).toEqual([200, "two"]);
  }
  await server.up(port);
  await until("it is ready", async () => (await its())?.status === "ready");
  expect((await its())?.incarnation).toBeGreaterThan(incarnation);
  expect((await its())?.hints).toEqual(["a"]);
  expect(sidecar.events.filter(({ event }) => event === "up")).toHaveLength(2);
});

test.each(["silent", "garbage", "loading"] as const)("a server that is %s gets no requests until it is well", async (mood) => {
  server.models = ["a"];
  run(mood, ["--server-timeout", "0.1"]);
  await isReady(mood);
  const { incarnation } = (await seen(mood)) ?? {};
  server.mood = mood;
  await until("it drains", async () => (await seen(mood))?.status === "draining");
  server.mood = "well";
  await isReady(mood);
  expect((await seen(mood))?.incarnation).toBe(incarnation);
});

test("SIGTERM drains: nothing new comes, and a request that runs is answered", async () => {
  const sidecar = run("drains", ["--drain", "3600"]);
  await isReady("drains");
  let open = () => {};
  server.gate = new Promise((resolve) => (open = resolve));
  const reply = router.send("/drains/");
  await until("the request is at the server", () => server.served === 1);
  sidecar.child.kill("SIGTERM");
  await until("it drains", async () => (await seen("drains"))?.status === "draining");
  open();
  expect((await reply).text).toBe("served");
  expect((await seen("drains"))?.status).toBe("draining");
  expect((await sidecar.end()).status).toBe(0);
  expect(await replicas("drains")).toEqual([]);
  expect(sidecar.events.slice(-2).map(({ event }) => event)).toEqual(["draining", "stopped"]);
});

test("a drain ends when its time is over", async () => {
  const sidecar = run("times-out", ["--drain", "0.2"]);
  await isReady("times-out");
  expect((await sidecar.end()).status).toBe(0);
  expect(await replicas("times-out")).toEqual([]);
});

test("a second signal ends at once, and a server that is gone needs no drain", async () => {
  const first = run("impatient", ["--drain", "3600"]);
  await isReady("impatient");
  first.child.kill("SIGTERM");
  await first.told("draining");
  expect((await first.end()).status).toBe(0);
  expect(await replicas("impatient")).toEqual([]);
  const second = run("gone", ["--drain", "3600"], other);
  await isReady("gone");
  await other.down();
  expect((await second.end()).status).toBe(0);
  expect(await replicas("gone")).toEqual([]);
  await other.up();
});

test("a router that comes late hears everything", async () => {
  server.models = ["a"];
  const its = await TestRouter.start();
  try {
    const sidecar = Sidecar.start(its, [
      "ollama",
      "--app",
      "early",
      "--server",
      `http://127.0.0.1:${server.port}`,
      "--transport",
      "websocket",
      "--drain",
      "0",
    ]);
    running.push(sidecar);
    await until("it is ready", async () => (await its.view("early")).replicas?.[0]?.status === "ready");
    await its.restart(async () => {
      server.models = ["b"];
      await sidecar.told("holds", 2);
    });
    await until("the router knows", async () => (await its.view("early")).replicas?.[0]?.hints?.[0] === "b");
    expect((await sidecar.end()).status).toBe(0);
  } finally {
    await its[Symbol.asyncDispose]();
  }
});

test("a health check beside the list counts, and a command can be the list", async () => {
  const args = ["--hints-command", "echo one; echo two", "--health-url", `http://127.0.0.1:${server.port}/api/ps`];
  const sidecar = Sidecar.start(router, [...args, "--app", "command", "--origin", `http://127.0.0.1:${server.port}`]);
  running.push(sidecar);
  await isReady("command");
  expect((await seen("command"))?.hints).toEqual(["one", "two"]);
  server.mood = "loading";
  await until("it drains", async () => (await seen("command"))?.status === "draining");
});
