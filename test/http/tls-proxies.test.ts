// The proxies that docs/deploying has configurations of, before a router: nginx and Caddy themselves, with those files, but for certificates and ports. A
// proxy that is not installed is skipped, with a notice (Debian: nginx, caddy).
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { freePort } from "../support/free-port.ts";
import { PROJECT } from "../../scripts/bundle.ts";
import { UNTIL_STARTER_ENDS } from "../../scripts/router-process.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const shown = (name: string) => readFileSync(path.join(PROJECT, "docs", "deploying", name), "utf8");

/** The file as it is shown, without TLS, between these ports. */
function nginxConf(folder: string, port: number, router: number): string {
  const server = shown("nginx.conf")
    .replace("listen 443 ssl;", `listen 127.0.0.1:${port};`)
    .replace(/^.*(listen \[::\]|ssl_certificate).*\n/gm, "")
    .replace("127.0.0.1:8787", `127.0.0.1:${router}`);
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder}/${name};`);
  return `daemon off; master_process off; pid ${folder}/pid; error_log stderr; events {} http { access_log off; ${paths.join(" ")}\n${server} }`;
}

function caddyfile(_folder: string, port: number, router: number): string {
  const site = shown("Caddyfile")
    .replace("router.example.com {", `http://router.example.com:${port} {\n\tbind 127.0.0.1`)
    .replace("127.0.0.1:8787", `127.0.0.1:${router}`);
  return `{\n\tadmin off\n}\n${site}`;
}

const PROXIES = [
  { name: "nginx", version: ["-v"], config: nginxConf, args: (file: string) => ["-c", file] },
  {
    name: "caddy",
    version: ["version"],
    config: caddyfile,
    args: (file: string) => ["run", "--adapter", "caddyfile", "--config", file],
  },
] as const;

describe.each(PROXIES)("$name", ({ name, version, config, args }) => {
  const isThere = spawnSync(name, version).error === undefined;
  if (!isThere) console.warn(`${name} is not installed, so its configuration is not tried`);
  const folder = mkdtempSync(path.join(tmpdir(), `warmpath-test-${name}-`));
  const clean: (() => unknown)[] = [() => rmSync(folder, { recursive: true, force: true })];
  let [router, replica, port] = [null as TestRouter | null, null as TestReplica | null, 0];
  let goOn = () => {};

  beforeAll(async () => {
    if (!isThere) return;
    replica = await TestReplica.start(
      async (request, response) => {
        if (request.url === "/stream") {
          response.writeHead(200, { "content-type": "text/event-stream" });
          response.write("data: one\n\n");
          await new Promise<void>((resolve) => (goOn = resolve));
          response.end("data: two\n\n");
        } else if (request.url === "/drip") {
          const timer = setInterval(() => response.write("x"), 10);
          response.on("close", () => clearInterval(timer));
        } else if (request.url === "/upload") {
          for await (const chunk of request) response.write(chunk as Buffer);
          response.end();
        } else response.end();
      },
      { raw: true },
    );
    const sockets = new WebSocketServer({ server: replica.server });
    sockets.on("connection", (socket) => socket.on("message", (data: Buffer) => socket.send(`echo ${data.toString()}`)));
    router = await TestRouter.start();
    await router.join({ app: "a", replica: "r", origin: replica.origin, concurrency: 4 });
    port = await freePort();
    const file = path.join(folder, "config");
    writeFileSync(file, config(folder, port, router.port));
    const proxy = spawn("sh", ["-c", UNTIL_STARTER_ENDS, name, ...args(file)], {
      stdio: ["pipe", "ignore", "pipe"],
      env: { PATH: process.env["PATH"], HOME: folder },
    });
    let said = "";
    proxy.stderr.setEncoding("utf8").on("data", (text: string) => (said += text));
    clean.unshift(async () => {
      proxy.stdin.end();
      await once(proxy, "exit");
      sockets.close();
      await router?.[Symbol.asyncDispose]();
      await replica?.[Symbol.asyncDispose]();
    });
    const answers = async () => {
      const answer = await answerTo(send("/-/healthz").end()).catch(() => null);
      answer?.resume();
      return answer?.statusCode === 200;
    };
    await until(`${name} answers`, async () => (proxy.exitCode === null ? answers() : Promise.reject(new Error(said))));
  });
  afterAll(async () => {
    for (const step of clean) await step();
  });

  const send = (target: string, options: object = {}) =>
    httpRequest({ host: "127.0.0.1", port, path: target, agent: false, headers: { host: "router.example.com" }, ...options });
  const answerTo = async (request: ReturnType<typeof send>) => ((await once(request, "response")) as [IncomingMessage])[0];

  test.runIf(isThere)("passes the client's Host", async () => {
    (await answerTo(send("/a/x").end())).resume();
    expect(replica?.last.headers["x-forwarded-host"]).toBe("router.example.com");
  });

  test.runIf(isThere)("passes each part of an answer as it comes", async () => {
    const answer = (await answerTo(send("/a/stream").end())).setEncoding("utf8");
    expect((await once(answer, "data"))[0]).toBe("data: one\n\n");
    goOn();
    expect((await once(answer, "data"))[0]).toBe("data: two\n\n");
  });

  test.runIf(isThere)("passes each part of a body as it comes", async () => {
    const request = send("/a/upload", { method: "POST" });
    request.write("one");
    const answer = (await answerTo(request)).setEncoding("utf8");
    expect((await once(answer, "data"))[0]).toBe("one");
    request.end("two");
    expect((await once(answer, "data"))[0]).toBe("two");
  });

  test.runIf(isThere)("tells the router that a client has left, by the next part of its answer", async () => {
    const aborted = replica?.aborted ?? 0;
    const request = send("/a/drip").end();
    const answer = await answerTo(request);
    await once(answer, "data");
    request.on("error", () => {});
    request.destroy();
    await until("the replica's request has ended", () => (replica?.aborted ?? 0) > aborted);
  });

  test.runIf(isThere)("passes a WebSocket", async () => {
    const client = new WebSocket(`ws://127.0.0.1:${port}/a/live`, { headers: { host: "router.example.com" } });
    await once(client, "open");
    client.send("hello");
    expect(String((await once(client, "message"))[0])).toBe("echo hello");
    client.close();
    await once(client, "close");
  });
});
