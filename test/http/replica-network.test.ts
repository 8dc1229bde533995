// The optional binding REPLICA_NETWORK, on miniflare. It leads to one server, whatever host a request is for: so a request for a name that nobody has
// shows that it went through the binding, and a second server at the origin's address that nothing went past it.
import { readFileSync } from "node:fs";
import { once } from "node:events";
import path from "node:path";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { BUNDLE, PROJECT } from "../../scripts/bundle.ts";
import { TestReplica, type Answer } from "../support/replica.ts";

const ORIGIN = "http://gpu-1.fleet.internal:8000";
const HINT = { "x-fal-runner-hint": "sdxl" };

interface View {
  readonly in_flight: number;
  readonly counters: { readonly failed: Record<string, number> };
  readonly replicas: readonly { readonly last_error: { readonly detail: string } | null }[];
}

/** A router, the server that its network leads to, and a client's address of the router. */
class PrivateFleet implements AsyncDisposable {
  readonly replica: TestReplica;
  readonly url: string;
  readonly #miniflare: Miniflare;

  private constructor(replica: TestReplica, miniflare: Miniflare, url: string) {
    this.replica = replica;
    this.#miniflare = miniflare;
    this.url = url;
  }

  static async start(answer?: Answer, allow = "*.fleet.internal:8000"): Promise<PrivateFleet> {
    const replica = await TestReplica.start(answer);
    const miniflare = new Miniflare(
      convertV4MiniflareOptions({
        modules: [{ type: "ESModule", path: "index.js", contents: readFileSync(BUNDLE, "utf8") }],
        compatibilityDate: "2026-11-02",
        compatibilityFlags: ["global_fetch_strictly_public", "enable_request_signal", "no_nodejs_global_timers"],
        durableObjects: {
          FLEET: { className: "Fleet", useSQLite: true },
          DIRECTORY: { className: "Directory", useSQLite: true },
        },
        serviceBindings: { REPLICA_NETWORK: { external: { address: `127.0.0.1:${replica.port}`, http: {} } } },
        bindings: {
          HEARTBEAT_TOKENS: "t",
          ADMIN_TOKEN: "a",
          ALLOW_PRIVATE_ORIGINS: "listed",
          ORIGIN_ALLOW: allow,
          HEARTBEAT_INTERVAL_MS: "60000",
        },
      }),
    );
    return new PrivateFleet(replica, miniflare, (await miniflare.ready).href.replace(/\/$/, ""));
  }

  beat(origin: string): Promise<Response> {
    const body = JSON.stringify({ app: "a", replica: "gpu-1", origin, hints: ["sdxl"] });
    return fetch(`${this.url}/-/heartbeat`, { method: "POST", headers: { authorization: "Bearer t" }, body });
  }

  async join(origin = ORIGIN): Promise<void> {
    const reply = await this.beat(origin);
    expect(reply.status, await reply.text()).toBe(200);
  }

  async view(): Promise<View> {
    return (await fetch(`${this.url}/-/apps/a`, { headers: { authorization: "Bearer a" } })).json() as Promise<View>;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#miniflare.dispose();
    await this.replica[Symbol.asyncDispose]();
  }
}

test("a request goes through the network to the replica's own name and port, and so does its answer", async () => {
  await using fleet = await PrivateFleet.start((request, response) => {
    if (request.url === "/moved") response.writeHead(302, { location: "/elsewhere" });
    response.end(`${request.method} ${request.url}`);
  });
  await fleet.join();
  const reply = await fetch(`${fleet.url}/a/run?x=1`, { headers: HINT });
  expect([reply.status, await reply.text(), reply.headers.get("x-fal-served-from")]).toEqual([200, "GET /run?x=1", "gpu-1"]);
  expect(fleet.replica.last.headers.host).toBe("gpu-1.fleet.internal:8000");
  const moved = await fetch(`${fleet.url}/a/moved`, { headers: HINT, redirect: "manual" });
  expect([moved.status, moved.headers.get("location")]).toEqual([302, "/elsewhere"]);
});

test("bodies that are kept and bodies that are streamed", async () => {
  await using fleet = await PrivateFleet.start((_request, response) => response.end());
  await fleet.join();
  const send = (body: string | ReadableStream, more: object = {}) =>
    fetch(`${fleet.url}/a/run`, { method: "POST", headers: HINT, body, ...more });
  expect((await send("short")).status).toBe(200);
  expect(fleet.replica.last.body.toString()).toBe("short");
  const long = new Blob(["x".repeat(3_000_000)]);
  expect((await send(long.stream(), { duplex: "half" })).status).toBe(200);
  expect(fleet.replica.last.body.length).toBe(3_000_000);
});

test("an answer streams, and the slot is given back at its end", async () => {
  const { promise: goOn, resolve: tellToGoOn } = Promise.withResolvers<void>();
  await using fleet = await PrivateFleet.start(async (_request, response) => {
    response.writeHead(200, { "content-type": "text/event-stream" });
    response.write("data: one\n\n");
    await goOn;
    response.end("data: two\n\n");
  });
  await fleet.join();
  const reply = await fetch(`${fleet.url}/a/run`, { headers: HINT });
  const reader = (reply.body as ReadableStream<Uint8Array>).getReader();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("data: one\n\n");
  expect((await fleet.view()).in_flight).toBe(1);
  tellToGoOn();
  expect(new TextDecoder().decode((await reader.read()).value)).toBe("data: two\n\n");
  expect((await reader.read()).done).toBe(true);
  await expect.poll(async () => (await fleet.view()).in_flight).toBe(0);
});

test("a WebSocket", async () => {
  await using fleet = await PrivateFleet.start();
  const sockets = new WebSocketServer({ server: fleet.replica.server });
  sockets.on("connection", (socket) => socket.on("message", (data: Buffer) => socket.send(`echo ${data.toString()}`)));
  await fleet.join();
  const client = new WebSocket(`${fleet.url.replace("http", "ws")}/a/live`, { headers: HINT });
  await once(client, "open");
  client.send("hello");
  const [data] = (await once(client, "message")) as [Buffer];
  expect(data.toString()).toBe("echo hello");
  client.close();
  await once(client, "close");
  sockets.close();
});

test("nothing goes past the network: not a request, not the question whether a replica that failed is there", async () => {
  await using outside = await TestReplica.start();
  let connections = 0;
  outside.server.on("connection", () => connections++);
  await using fleet = await PrivateFleet.start(undefined, `127.0.0.1:${outside.port}`);
  await fleet.join(outside.origin);
  expect((await fetch(`${fleet.url}/a/x`, { headers: HINT })).status).toBe(200);
  expect(fleet.replica.received).toHaveLength(1);
  await fleet.replica[Symbol.asyncDispose]();
  const reply = await fetch(`${fleet.url}/a/x`, { headers: HINT });
  expect([reply.status, reply.headers.get("x-fal-error-type")]).toEqual([502, "runner_disconnected"]);
  const { replicas, counters, in_flight } = await fleet.view();
  expect([in_flight, counters.failed["unreachable"]]).toEqual([0, 1]);
  expect(replicas[0]?.last_error?.detail).toBe("connection_lost");
  expect(connections).toBe(0);
});

test("a replica that breaks off and is there is not ejected for it", async () => {
  await using fleet = await PrivateFleet.start((request, response) => {
    if (request.method === "OPTIONS") response.end();
    else request.socket.destroy();
  });
  await fleet.join();
  expect((await fetch(`${fleet.url}/a/x`, { headers: HINT })).status).toBe(502);
  expect((await fleet.view()).counters.failed).toMatchObject({ disconnected: 1, unreachable: 0 });
});

test("the network opens no host: each is listed, or refused", async () => {
  await using fleet = await PrivateFleet.start();
  for (const origin of [
    "http://gpu-1.fleet.internal:8001",
    "http://metadata.google.internal",
    "http://169.254.169.254",
    `http://127.0.0.1:${fleet.replica.port}`,
    "https://gpu.example.com",
  ]) {
    expect((await fleet.beat(origin)).status, origin).toBe(422);
  }
  expect(fleet.replica.received).toEqual([]);
});

test("the example in wrangler.toml binds it by that name", () => {
  const text = readFileSync(path.join(PROJECT, "wrangler.toml"), "utf8");
  expect(parse(text)).not.toHaveProperty("vpc_networks");
  const [example = ""] = text.slice(text.indexOf("# [[vpc_networks]]")).split("\n\n", 1);
  expect(parse(example.replaceAll(/^# /gm, ""))).toEqual({
    vpc_networks: [{ binding: "REPLICA_NETWORK", tunnel_id: expect.stringMatching(/^[0-9-]{36}$/) as string }],
  });
});
