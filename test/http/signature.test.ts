// x-warmpath-signature. The recipe in docs/protocol.md is run against the test vectors there, against signatures that the Worker computes, and in a real
// replica behind the built router.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { signatureOf } from "../../src/edge/signature.ts";
import { freshApp, sharedRouter } from "../support/conformance.ts";
import { TestReplica, type Answer } from "../support/replica.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

type Verify = (key: string, header: unknown, method: unknown, target: unknown, replica: string, nowSeconds?: number) => boolean;

const KEY = "schl\u00fcssel-\u9375 of a test";
const AT = 1_764_000_000;
const router = sharedRouter({ ORIGIN_SIGNING_KEY: KEY });

const protocol = readFileSync(path.join(PROJECT, "docs", "protocol.md"), "utf8");
const section = protocol.slice(protocol.indexOf("\n## Signature\n"), protocol.indexOf("\n## Control plane\n"));
const VECTORS = [...section.matchAll(/^\| `(.+?)` +\| `(.+?)` +\| `(.+?)` +\| `(.+?)` +\| `([0-9a-f]{64})` \|$/gm)].map(
  ([, key = "", method = "", target = "", replica = "", v1 = ""]) => ({ key, method, target, replica, v1 }),
);

let isFromRouter: Verify;
beforeAll(async () => {
  const [, recipe = ""] = /```js\n(.*?)```/s.exec(section) ?? [];
  const module = (await import(/* @vite-ignore */ `data:text/javascript,${encodeURIComponent(recipe)}`)) as {
    isFromRouter: Verify;
  };
  ({ isFromRouter } = module);
});

describe("the vectors of the text", () => {
  test("cover a GET, queries, paths as they are sent and a key beyond ASCII", () => {
    expect(VECTORS.map(({ method, target }) => `${method} ${target}`)).toEqual([
      "POST /v1/images?size=512",
      "GET /",
      "GET /run?prompt=a%20b%26c&price=%E2%82%AC",
      "GET /run?",
      "GET /%C3%A9t%C3%A9",
      "GET //a//b%2Fc",
      "DELETE /run",
      "POST /run",
    ]);
    expect(VECTORS.at(-1)?.key).toMatch(/[^ -~]/);
  });

  test.each(VECTORS)("$method $target for $replica with $key", async ({ key, method, target, replica, v1 }) => {
    const header = `t=${AT},v1=${v1}`;
    expect(await signatureOf(key, { method, target, replica }, AT)).toBe(header);
    expect(isFromRouter(key, header, method, target, replica, AT)).toBe(true);
  });

  test("the first, by the shell command that the text gives", () => {
    const [, command = ""] = /```sh\n(.*?)```/s.exec(section) ?? [];
    expect(spawnSync("sh", ["-c", command], { encoding: "utf8" }).stdout.trim()).toBe(VECTORS[0]?.v1);
  });
});

describe("the recipe refuses", () => {
  const signed = async () => signatureOf(KEY, { method: "POST", target: "/run?x=1", replica: "gpu-1" }, AT);

  test("a time of more than 300 s from now, either way", async () => {
    const header = await signed();
    for (const skew of [-300, -1, 0, 1, 300])
      expect(isFromRouter(KEY, header, "POST", "/run?x=1", "gpu-1", AT + skew)).toBe(true);
    for (const skew of [-301, 301, 86_400]) expect(isFromRouter(KEY, header, "POST", "/run?x=1", "gpu-1", AT + skew)).toBe(false);
  });

  test.each<[string, string, string, string, string]>([
    ["another replica", KEY, "POST", "/run?x=1", "gpu-2"],
    ["another method", KEY, "GET", "/run?x=1", "gpu-1"],
    ["another path", KEY, "POST", "/run/?x=1", "gpu-1"],
    ["another query", KEY, "POST", "/run?x=2", "gpu-1"],
    ["no query", KEY, "POST", "/run", "gpu-1"],
    ["another key", `${KEY} `, "POST", "/run?x=1", "gpu-1"],
  ])("%s", async (_, key, method, target, replica) => {
    expect(isFromRouter(key, await signed(), method, target, replica, AT)).toBe(false);
  });

  test("another time, a shorter or longer or upper-case digest, none at all", async () => {
    const header = await signed();
    const bad = [
      header.replace(`t=${AT}`, `t=${AT + 1}`),
      header.slice(0, -2),
      `${header}00`,
      header.toUpperCase(),
      `${header}\n`,
    ];
    for (const value of [...bad, ` ${header}`, `${header},${header}`, header.replace("v1", "v0"), "", undefined]) {
      expect(isFromRouter(KEY, value, "POST", "/run?x=1", "gpu-1", AT), String(value)).toBe(false);
    }
  });
});

/** A replica that answers 200 to requests whose signature verifies, else 403. */
const verifying =
  (replica: string, refuse: number | null = null): Answer =>
  (request, response) => {
    const header = request.headers["x-warmpath-signature"];
    const ok = isFromRouter(KEY, header, request.method, request.url, replica);
    response.writeHead(ok ? (refuse ?? 200) : 403).end(ok ? "verified" : "not verified");
  };

describe("a real replica verifies what the router sends", () => {
  test.each([
    ["GET", "/run?prompt=a%20b%26c&price=%E2%82%AC"],
    ["GET", "/run?"],
    ["GET", "/%C3%A9t%C3%A9"],
    ["GET", "//a//b%2Fc"],
    ["GET", "/a/./b/../c?d=/../e"],
    ["GET", "/run[1]?q='`{}|\\^[]"],
    ["HEAD", "/run"],
    ["POST", "/run?a=1&a=2"],
    ["DELETE", "/run"],
    ["OPTIONS", "/run"],
  ])("%s %s", async (method, target) => {
    await using replica = await TestReplica.start(verifying("zone/gpu:2"));
    const app = freshApp();
    await router().join({ app, replica: "zone/gpu:2", origin: replica.origin });
    const reply = await router().send(`/${app}${target}`, method === "POST" ? { method, body: "not covered" } : { method });
    expect([reply.status, replica.received.length]).toEqual([200, 1]);
  });

  test("a path of bytes beyond ASCII, as the router sends it on", async () => {
    await using replica = await TestReplica.start(verifying("gpu-1"));
    const app = freshApp();
    await router().join({ app, replica: "gpu-1", origin: replica.origin });
    const socket = await rawRequest(router().port, `/${app}/\u00e9t\u00e9?q=\u20ac`);
    const answered = new Promise<string>((resolve) => socket.once("data", (chunk: Buffer) => resolve(chunk.toString())));
    expect((await answered).split("\r\n")[0]).toBe("HTTP/1.1 200 OK");
    expect(replica.last.target).toBe("/%C3%A9t%C3%A9?q=%E2%82%AC");
    socket.resetAndDestroy();
  });

  test("a second attempt is signed for the second replica", async () => {
    await using first = await TestReplica.start(verifying("first", 503));
    await using second = await TestReplica.start(verifying("second"));
    const app = freshApp();
    await router().join({ app, replica: "first", origin: first.origin, hints: ["h"] });
    await router().join({ app, replica: "second", origin: second.origin, hints: [] });
    const headers = { "x-fal-runner-hint": "h" };
    const reply = await router().send(`/${app}/run?x=1`, { method: "POST", headers, body: "again" });
    expect([reply.status, reply.text, reply.headers["x-fal-served-from"]]).toEqual([200, "verified", "second"]);
    expect([first.received.length, second.received.length]).toEqual([1, 1]);
    const sent = first.last.headers["x-warmpath-signature"];
    expect(isFromRouter(KEY, sent, "POST", "/run?x=1", "first")).toBe(true);
    expect(isFromRouter(KEY, sent, "POST", "/run?x=1", "second")).toBe(false);
  });

  test("the router's own question, whether the replica is there, too; and it names the router", async () => {
    await using replica = await TestReplica.start(
      (request, response) => {
        if (request.method === "OPTIONS") verifying("gpu-1")(request, response);
        else request.socket.resetAndDestroy();
      },
      { raw: true },
    );
    const app = freshApp();
    await router().join({ app, replica: "gpu-1", origin: replica.origin });
    const chunked = { "transfer-encoding": "chunked" };
    expect((await router().send(`/${app}/run`, { method: "POST", headers: chunked, body: "x" })).status).toBe(502);
    const { method, target, headers } = replica.last;
    expect([method, target, headers.via]).toEqual(["OPTIONS", "/", "1.1 warmpath"]);
    expect(isFromRouter(KEY, headers["x-warmpath-signature"], "OPTIONS", "/", "gpu-1")).toBe(true);
  });

  test("what is captured can be sent again to the same id, with another body, and to no other", async () => {
    await using replica = await TestReplica.start(verifying("gpu-1"));
    await using other = await TestReplica.start(verifying("gpu-2"));
    const app = freshApp();
    await router().join({ app, replica: "gpu-1", origin: replica.origin });
    await router().send(`/${app}/run`, { method: "POST", body: "mine" });
    const headers = { "x-warmpath-signature": String(replica.last.headers["x-warmpath-signature"]) };
    const replay = (origin: string, target: string) => fetch(`${origin}${target}`, { method: "POST", headers, body: "another" });
    expect((await replay(replica.origin, "/run")).status).toBe(200);
    expect((await replay(replica.origin, "/other")).status).toBe(403);
    expect((await replay(other.origin, "/run")).status).toBe(403);
    await until("the router's slot is free", async () => (await router().view(app)).in_flight === 0);
  });
});
