// A client's request reaches the replica as it was sent, and the replica's answer reaches the client as it was answered.
import { createHash, randomBytes } from "node:crypto";
import { brotliCompressSync, gzipSync, zstdCompressSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";

const TEXT = "a body that compresses well ".repeat(8000);
/** Larger than a response that the router reads whole. */
const LARGE = randomBytes(300_000);

const CODINGS = new Map<string, (plain: Buffer) => Buffer>([
  ["gzip", gzipSync],
  ["br", brotliCompressSync],
  ["zstd", zstdCompressSync],
]);

let router: TestRouter;
let replica: TestReplica;

beforeAll(async () => {
  router = await TestRouter.start();
  replica = await TestReplica.start((request, response) => {
    const url = new URL(request.url ?? "/", "http://replica");
    switch (url.pathname) {
      case "/encoded": {
        const coding = url.searchParams.get("coding") ?? "";
        const plain = url.searchParams.has("large") ? LARGE : Buffer.from(TEXT);
        const bytes = CODINGS.get(coding)?.(plain) ?? plain;
        response.setHeader("content-encoding", coding);
        if (!url.searchParams.has("chunked")) response.setHeader("content-length", bytes.length);
        response.flushHeaders();
        response.end(bytes);
        return;
      }
      case "/redirect":
        response.writeHead(302, { location: "https://elsewhere.example/x" }).end("go");
        return;
      case "/cookies":
        response
          .writeHead(
            200,
            [
              ["set-cookie", "a=1; Path=/"],
              ["set-cookie", "b=2, with comma"],
              ["set-cookie", "c=3"],
            ].flat(),
          )
          .end();
        return;
      case "/status":
        response.writeHead(Number(url.searchParams.get("code")), "Its Own Words", { etag: '"e"', "x-own": "kept" }).end();
        return;
      case "/large":
        response.writeHead(200, { "content-length": LARGE.length, "content-type": "application/octet-stream" });
        response.end(request.method === "HEAD" ? undefined : LARGE);
        return;
      case "/hop":
        response.writeHead(200, {
          connection: "close, x-private",
          "x-private": "1",
          "keep-alive": "timeout=5",
          "proxy-authenticate": "Basic",
          "server-timing": "gpu;dur=7",
          "x-fal-served-from": "a-liar",
          "x-warmpath-reason": "a-lie",
          "x-warmpath-secret": "s",
          "x-fal-needs-retry": "0",
        });
        response.end("hop");
        return;
      default:
        response.end("ok");
    }
  });
  await router.join({ app: "echo", replica: "r", origin: replica.origin, concurrency: 100 });
});
afterAll(async () => {
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

describe("request", () => {
  test.each(["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY", "PROPFIND"])("method %s", async (method) => {
    const reply = await router.send("/echo/m", { method });
    expect(reply.status).toBe(200);
    expect(replica.last.method).toBe(method);
  });

  test.each([
    ["/echo", "/"],
    ["/echo/", "/"],
    ["/echo?", "/?"],
    ["/echo?a=1&b=%20+c&&=", "/?a=1&b=%20+c&&="],
    ["/echo//x///y", "//x///y"],
    ["/echo/a%2Fb%2fc", "/a%2Fb%2fc"],
    ["/echo/%E2%82%AC?q=%E2%82%AC", "/%E2%82%AC?q=%E2%82%AC"],
    ["/echo/a/../b/./c", "/b/c"],
    ["/echo/x;v=1,2:3@4", "/x;v=1,2:3@4"],
  ])("target %s arrives as %s", async (sent, arrives) => {
    await router.send(sent);
    expect(replica.last.target).toBe(arrives);
  });

  test("headers arrive as sent, and no others but the documented", async () => {
    await router.send("/echo/h", {
      headers: {
        "x-own": "v1",
        accept: "text/x",
        "accept-encoding": "zstd",
        "user-agent": "u",
        authorization: "Key id:secret",
        cookie: "a=1; b=2",
      },
    });
    const { host, connection: _connection, ...headers } = replica.last.headers;
    expect(host).toBe(new URL(replica.origin).host);
    expect(headers).toEqual({
      "x-own": "v1",
      accept: "text/x",
      "accept-encoding": "zstd",
      "user-agent": "u",
      authorization: "Key id:secret",
      cookie: "a=1; b=2",
      via: "1.1 warmpath",
      "x-fal-endpoint": "/h",
      "x-fal-request-id": expect.stringMatching(/^[0-9a-f-]{36}$/) as string,
      "x-forwarded-host": `127.0.0.1:${router.port}`,
      "x-forwarded-prefix": "/echo",
      "x-forwarded-proto": "http",
    });
  });

  test("hop-by-hop headers, and those named in Connection, stay behind", async () => {
    await router.send("/echo/h", {
      headers: {
        connection: "keep-alive, x-private",
        "x-private": "1",
        "keep-alive": "timeout=5",
        te: "trailers",
        "proxy-connection": "keep-alive",
        "proxy-authorization": "Basic x",
        "x-public": "1",
      },
    });
    const names = Object.keys(replica.last.headers);
    expect(names).toContain("x-public");
    for (const name of ["x-private", "keep-alive", "te", "proxy-connection", "proxy-authorization"])
      expect(names).not.toContain(name);
  });

  test.each([0, 1, 1000, 1_048_576, 1_048_577, 3_000_000])("a body of %i bytes with its length", async (length) => {
    const body = randomBytes(length);
    await router.send("/echo/b", { method: "POST", body, headers: { "content-length": String(length) } });
    expect(replica.last.headers["content-length"]).toBe(String(length));
    expect(replica.last.headers["transfer-encoding"]).toBeUndefined();
    expect(digest(replica.last.body)).toBe(digest(body));
  });

  test("a GET with a body, and no replica is ejected for it", async () => {
    const reply = await router.send("/echo/b", { body: "abc", headers: { "content-length": "3" } });
    expect([reply.status, replica.last.method, replica.last.body.toString()]).toEqual([200, "GET", "abc"]);
    expect((await router.view("echo")).counters.ejected).toBe(0);
  });

  test("a chunked body stays chunked", async () => {
    const body = randomBytes(100_000);
    await router.send("/echo/b", { method: "POST", body, headers: { "transfer-encoding": "chunked" } });
    expect(replica.last.headers["content-length"]).toBeUndefined();
    expect(digest(replica.last.body)).toBe(digest(body));
  });
});

describe("response", () => {
  test.each(
    ["gzip", "br", "zstd"].flatMap((coding) => ["", "&chunked", "&large", "&large&chunked"].map((how) => [coding, how] as const)),
  )("%s%s passes byte for byte", async (coding, how) => {
    const target = `/encoded?coding=${coding}${how}`;
    const direct = await fetchRaw(replica.origin + target);
    const reply = await router.send(`/echo${target}`, { headers: { "accept-encoding": coding } });
    expect(reply.headers["content-encoding"]).toBe(coding);
    expect(reply.headers["content-length"]).toBe(how.includes("chunked") ? undefined : String(direct.length));
    expect(digest(reply.body)).toBe(digest(direct));
  });

  test("a redirect is not followed", async () => {
    const reply = await router.send("/echo/redirect");
    expect([reply.status, reply.headers.location, reply.text]).toEqual([302, "https://elsewhere.example/x", "go"]);
  });

  test("several Set-Cookie stay several", async () => {
    const reply = await router.send("/echo/cookies");
    expect(reply.headers["set-cookie"]).toEqual(["a=1; Path=/", "b=2, with comma", "c=3"]);
  });

  test.each([204, 205, 304, 400, 404, 418, 500, 599])("status %i with its words and headers", async (code) => {
    const reply = await router.send(`/echo/status?code=${code}`);
    expect([reply.status, reply.headers["x-own"], reply.headers.etag]).toEqual([code, "kept", '"e"']);
    expect(reply.headers["x-fal-served-from"]).toBe("r");
    expect(reply.body.length).toBe(0);
  });

  test("HEAD has the headers of GET and no body", async () => {
    const reply = await router.send("/echo/large", { method: "HEAD" });
    expect(replica.last.method).toBe("HEAD");
    expect([reply.status, reply.headers["content-length"], reply.body.length]).toEqual([200, String(LARGE.length), 0]);
  });

  test("hop-by-hop headers and a replica's own word on routing stay behind; Server-Timing is kept and added to", async () => {
    const reply = await router.send("/echo/hop");
    for (const name of ["x-private", "keep-alive", "proxy-authenticate", "x-warmpath-secret", "x-fal-needs-retry"]) {
      expect(reply.headers).not.toHaveProperty(name);
    }
    expect(reply.headers["x-fal-served-from"]).toBe("r");
    expect(reply.headers["x-warmpath-reason"]).toBe("least_loaded");
    expect(reply.headers["server-timing"]).toMatch(/^gpu;dur=7, queue;dur=\d+, route;dur=\d+$/);
  });
});

async function fetchRaw(url: string): Promise<Buffer> {
  const { request } = await import("node:http");
  return new Promise((resolve, reject) => {
    request(url, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk)).on("end", () => resolve(Buffer.concat(chunks)));
    })
      .on("error", reject)
      .end();
  });
}

function digest(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
