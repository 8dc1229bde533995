// Contract, "Forwarded": which headers reach a replica, which the router adds, and the signature over them.
import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter } from "../support/conformance.ts";
import { TestReplica, type Received } from "../support/replica.ts";
import { TestRouter, type Sending } from "../support/router.ts";

const KEY = "a signing key, not only letters: \u00fc";
const router = sharedRouter({ HINT_HEADERS: "x-fal-runner-hint, x-model", ORIGIN_SIGNING_KEY: KEY });

/** What the replica gets for a request to `/APP` + target. */
async function forwarded(target: string, sending: Sending = {}): Promise<Received & { readonly app: string }> {
  await using replica = await TestReplica.start();
  const app = freshApp();
  await router().join({ app, replica: "gpu-1", origin: replica.origin });
  const reply = await router().send(`/${app}${target}`, sending);
  expect(reply.status, reply.text).toBe(200);
  return { ...replica.last, app };
}

test("FWD-1 what the client sent is forwarded: method, query, body, headers", async () => {
  const headers = {
    authorization: "Key id:secret",
    cookie: "a=1; b=2",
    accept: "application/json, text/event-stream",
    "accept-encoding": "zstd;q=0.3, identity",
    "content-type": "application/json",
    "user-agent": "a client",
    "x-anything": "at all",
    "cache-control": "no-cache",
    range: "bytes=0-1",
    "if-none-match": '"tag"',
    origin: "https://example.com",
  };
  const got = await forwarded("/run?a=1&fal_max_queue_length=5", { method: "PATCH", headers, body: '{"x":1}' });
  expect(got).toMatchObject({ method: "PATCH", target: "/run?a=1&fal_max_queue_length=5" });
  expect(got.headers).toMatchObject({ ...headers, "content-length": "7" });
  expect(got.body.toString()).toBe('{"x":1}');
});

test("FWD-1 nothing is invented: no user-agent, no accept, no accept-encoding", async () => {
  const got = await forwarded("/run");
  expect(got.headers["user-agent"]).toBeUndefined();
  expect(got.headers.accept).toBeUndefined();
  expect(got.headers["accept-encoding"]).toBeUndefined();
  expect(got.headers["cache-control"]).toBeUndefined();
});

const PARENT = "0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331";
test.each([
  ["valid", `00-${PARENT}-01`, "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"],
  ["of a version that is not known", `cc-${PARENT}-01-what-the-future-will-be`, "a=b"],
  ["upper case, which is not valid", `00-${PARENT.toUpperCase()}-01`, "a=b"],
  ["all zeros, which is not valid", `00-${"0".repeat(32)}-${"0".repeat(16)}-00`, "a=b"],
  ["no such thing", "not a traceparent", ", =;"],
])("FWD-1 traceparent and tracestate pass as they came: %s", async (_, traceparent, tracestate) => {
  const { headers } = await forwarded("/run", { headers: { traceparent, tracestate, baggage: "user=7" } });
  expect([headers["traceparent"], headers["tracestate"], headers["baggage"]]).toEqual([traceparent, tracestate, "user=7"]);
});

test("FWD-1 none is made up, and several lines stay in order", async () => {
  const { headers } = await forwarded("/run");
  expect([headers["traceparent"], headers["tracestate"]]).toEqual([undefined, undefined]);
  const several = await forwarded("/run", { headers: { tracestate: ["a=1", "b=2"] } });
  expect(several.headers["tracestate"]).toBe("a=1, b=2");
});

test("FWD-2 hop-by-hop headers are dropped", async () => {
  const headers = { te: "trailers", "keep-alive": "timeout=5", "proxy-connection": "keep-alive", "x-kept": "yes" };
  const got = await forwarded("/run", { headers });
  for (const name of ["te", "keep-alive", "proxy-connection"]) expect(got.headers[name]).toBeUndefined();
  expect(got.headers["x-kept"]).toBe("yes");
});

test("FWD-3 headers named in Connection are dropped, whatever the case", async () => {
  const headers = { connection: "close, X-Private ,x-other", "x-private": "1", "X-Other": "2", "x-kept": "yes" };
  const got = await forwarded("/run", { headers });
  expect(got.headers["x-private"]).toBeUndefined();
  expect(got.headers["x-other"]).toBeUndefined();
  expect(got.headers["x-kept"]).toBe("yes");
  expect(got.headers.connection ?? "").not.toMatch(/x-/i);
});

test("FWD-3 Connection cannot take away what the router adds", async () => {
  const connection = "close, x-fal-request-id, x-fal-endpoint, x-forwarded-host, x-warmpath-signature";
  const got = await forwarded("/run", { headers: { connection } });
  for (const name of connection.split(", ").slice(1)) expect(got.headers[name], name).toBeDefined();
});

test("FWD-3 Connection cannot take away Host, Via or the body's length", async () => {
  const connection = "host, via, content-length, transfer-encoding, x-fal-request-id";
  const got = await forwarded("/run", { method: "POST", headers: { connection, host: "asked.example" }, body: "all of it" });
  expect(got.body.toString()).toBe("all of it");
  expect(got.headers).toMatchObject({ "content-length": "9", via: "1.1 warmpath", "x-forwarded-host": "asked.example" });
  expect(got.headers.host).toMatch(/^127\.0\.0\.1:\d+$/);
});

test("FWD-3 a list of names that are none takes nothing away", async () => {
  const headers = { connection: ', @, x y, "x-kept", x-kept;q=1, __proto__, constructor', "x-kept": "yes" };
  expect((await forwarded("/run", { headers })).headers["x-kept"]).toBe("yes");
});

test("FWD-4 reserved names are reserved with underscores too, which CGI can't tell apart", async () => {
  const spoofed = {
    x_fal_endpoint: "/admin",
    "X_Fal-Request_Id": "spoofed",
    "x-warmpath_signature": "t=1,v1=00",
    x_forwarded_for: "203.0.113.9",
  };
  const got = await forwarded("/run", { headers: { ...spoofed, x_own: "kept" } });
  for (const name of Object.keys(spoofed)) expect(got.headers[name.toLowerCase()], name).toBeUndefined();
  expect(got.headers["x_own"]).toBe("kept");
});

test("FWD-4 inbound x-fal-*, x-warmpath-*, forwarded and x-forwarded-* are dropped", async () => {
  const spoofed = {
    "x-fal-runner-hint": "h",
    "x-fal-no-retry": "1",
    "x-fal-request-timeout": "30",
    "X-Fal-Made-Up": "spoofed",
    "x-warmpath-anything": "spoofed",
    forwarded: "for=spoofed",
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-port": "99",
  };
  const got = await forwarded("/run", { headers: spoofed });
  for (const name of Object.keys(spoofed)) expect(got.headers[name.toLowerCase()], name).toBeUndefined();
});

test("FWD-4 spoofed values of headers the router adds are replaced", async () => {
  const spoofed = {
    "x-fal-request-id": "spoofed",
    "x-fal-endpoint": "spoofed",
    "x-forwarded-host": "spoofed",
    "x-forwarded-proto": "spoofed",
    "X-Forwarded-Prefix": "/spoofed",
    "x-warmpath-signature": "spoofed",
  };
  const got = await forwarded("/run", { headers: spoofed });
  for (const name of Object.keys(spoofed)) expect(String(got.headers[name.toLowerCase()]), name).not.toContain("spoofed");
});

test("FWD-5 a hint header outside the reserved names passes", async () => {
  const got = await forwarded("/run", { headers: { "x-model": "sdxl , flux", "x-fal-runner-hint": "h" } });
  expect(got.headers["x-model"]).toBe("sdxl , flux");
});

test("FWD-6 x-fal-endpoint is the forwarded path without the query", async () => {
  expect((await forwarded("/a//b%2Fc?x=1")).headers["x-fal-endpoint"]).toBe("/a//b%2Fc");
  expect((await forwarded("")).headers["x-fal-endpoint"]).toBe("/");
});

test("FWD-6 x-fal-endpoint is the path as it was sent, dot segments resolved", async () => {
  const got = await forwarded("/a/../b");
  expect(got.target).toBe("/b");
  expect(got.headers["x-fal-endpoint"]).toBe("/b");
});

test("FWD-7 x-forwarded-for is added only when Cloudflare names the client, not on a client's word", async () => {
  const headers = { "cf-connecting-ip": "203.0.113.9", "x-real-ip": "203.0.113.9", "true-client-ip": "203.0.113.9" };
  expect((await forwarded("/run", { headers })).headers["x-forwarded-for"]).toBeUndefined();
});

test("FWD-8 x-forwarded-host and x-forwarded-proto say how the client came; Host is the replica's", async () => {
  await using replica = await TestReplica.start();
  const app = freshApp();
  await router().join({ app, replica: "r1", origin: replica.origin });
  await router().send(`/${app}/x`, { headers: { host: "api.example.com:8443" } });
  expect(replica.last.headers).toMatchObject({
    host: `127.0.0.1:${replica.port}`,
    "x-forwarded-host": "api.example.com:8443",
    "x-forwarded-proto": "http",
  });
});

test("FWD-9 via is added after those that are there", async () => {
  expect((await forwarded("/run")).headers.via).toMatch(/^1\.1 \S+$/);
  expect((await forwarded("/run", { headers: { via: "1.0 proxy, 2 cdn.example.com" } })).headers.via).toMatch(
    /^1\.0 proxy, 2 cdn\.example\.com, 1\.1 \S+$/,
  );
});

test("FWD-9 a request with the router's own via is a loop, whoever passed it on in between", async () => {
  const { headers, app } = await forwarded("/run");
  const via = String(headers.via);
  expectProblem(await router().send(`/${app}/x`, { headers: { via } }), 508, "loop_detected");
  expectProblem(await router().send(`/${app}/x`, { headers: { via: `1.1 a, ${via}, 2 b` } }), 508, "loop_detected");
});

function signatureOf(seconds: string, method: string, target: string, replica: string): string {
  return createHmac("sha256", KEY).update(`${seconds}\n${method}\n${target}\n${replica}`).digest("hex");
}

function expectSigned({ headers, method, target }: Received, replica = "gpu-1"): void {
  const [, seconds = "", hex] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(headers["x-warmpath-signature"])) ?? [];
  expect(hex).toBe(signatureOf(seconds, method, target, replica));
  expect(Math.abs(Date.now() / 1000 - Number(seconds))).toBeLessThan(5);
}

test.each([
  ["GET", "/run"],
  ["GET", "/a//b%2Fc?x=1&y=%20&z"],
  ["GET", "/run?"],
  ["POST", ""],
  ["DELETE", "/%C3%A9?q=%E2%82%AC"],
  ["OPTIONS", "/run"],
])("FWD-10 the signature of %s %s covers time, method, target as sent and replica", async (method, target) => {
  expectSigned(await forwarded(target, method === "POST" ? { method, body: "not covered" } : { method }));
});

test("FWD-10 the signature covers the target as sent, dot segments resolved", async () => {
  expectSigned(await forwarded("/a/../b"));
});

test("FWD-10 the arithmetic here gives what openssl gives", () => {
  const hex = "c5e1e9f20bd308deb0c064190a3bccd82ae769b2952b2a93e8ed8aeb7cc796f4";
  expect(signatureOf("1764000000", "POST", "/run?x=1", "gpu-1")).toBe(hex);
});

test("FWD-11 without ORIGIN_SIGNING_KEY there is no signature, also not a client's", async () => {
  await using unsigned = await TestRouter.start();
  await using replica = await TestReplica.start();
  await unsigned.join({ app: "a", replica: "r1", origin: replica.origin });
  await unsigned.send("/a/x", { headers: { "x-warmpath-signature": "t=1,v1=00" } });
  expect(replica.last.headers["x-warmpath-signature"]).toBeUndefined();
});

test.each([
  ["path:1", "/app/run/x?y", "app", "/app"],
  ["path:1", "/app", "app", "/app"],
  ["path:2", "/owner/app/run", "owner/app", "/owner/app"],
  ["host", "/run", "app", undefined],
  ["fixed:app", "/app/run", "app", undefined],
])("FWD-12 x-forwarded-prefix is what was cut from the path: %s, %s", async (APP_FROM, target, app, prefix) => {
  await using other = await TestRouter.start({ APP_FROM });
  await using replica = await TestReplica.start();
  await other.join({ app, replica: "r1", origin: replica.origin });
  const headers = { host: "app.example.com", "x-forwarded-prefix": "/spoofed" };
  expect((await other.send(target, { headers })).status).toBe(200);
  expect(replica.last.headers["x-forwarded-prefix"]).toBe(prefix);
});
