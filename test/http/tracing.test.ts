// Cloudflare's traces: the runtime makes spans of a request, of the calls to objects and of the fetch from the replica, and the router says where the request
// went. A streaming tail Worker hears locally what is recorded there.
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { convertV4MiniflareOptions, Miniflare } from "miniflare";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BUNDLE } from "../../scripts/bundle.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

interface Heard {
  readonly type: string;
  readonly name?: string;
  readonly info?: readonly { readonly name: string; readonly value: unknown }[];
}

/** Sends the test all events of an invocation once it is over. Some of the runtime's own attributes are integers that JSON has no form for. */
const TAIL = `const plain = (_, value) => (typeof value === "bigint" ? Number(value) : value);
export default {
  tailStream(onset, env) {
    const events = [onset.event];
    return async ({ event }) => {
      events.push(event);
      if (event.type === "outcome") await env.HEARD.fetch("http://test/", { method: "POST", body: JSON.stringify(events, plain) });
    };
  },
};`;

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const SETTINGS = { HEARTBEAT_TOKENS: "t", ALLOW_PRIVATE_ORIGINS: true, HEARTBEAT_INTERVAL_MS: 60_000 };

let heard: Heard[] = [];
let listener: Server;
let replica: TestReplica;
let miniflare: Miniflare;

beforeAll(async () => {
  listener = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => (text += String(chunk)));
    request.on("end", () => {
      heard.push(...(JSON.parse(text) as Heard[]));
      response.end();
    });
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  replica = await TestReplica.start();
  miniflare = await started(true);
});
afterAll(async () => {
  await miniflare.dispose();
  await replica[Symbol.asyncDispose]();
  listener.closeAllConnections();
  await new Promise<void>((resolve) => listener.close(() => resolve()));
});

async function started(traced: boolean): Promise<Miniflare> {
  const compatibilityDate = "2026-11-02";
  const router = {
    name: "router",
    modules: [{ type: "ESModule" as const, path: "index.js", contents: readFileSync(BUNDLE, "utf8") }],
    compatibilityDate,
    durableObjects: { FLEET: { className: "Fleet", useSQLite: true }, DIRECTORY: { className: "Directory", useSQLite: true } },
    bindings: SETTINGS,
    ...(traced && { streamingTails: ["tail"] }),
  };
  const { port } = listener.address() as AddressInfo;
  const serviceBindings = { HEARD: { external: { address: `127.0.0.1:${port}`, http: {} } } };
  const tail = { name: "tail", modules: true, script: TAIL, compatibilityDate, serviceBindings };
  const its = new Miniflare(convertV4MiniflareOptions({ workers: [router, tail] }));
  const beat = { app: "a", replica: "gpu-1", origin: replica.origin, hints: ["sdxl"] };
  const headers = { authorization: "Bearer t" };
  const reply = await its.dispatchFetch("http://router/-/heartbeat", { method: "POST", headers, body: JSON.stringify(beat) });
  expect(reply.status, await reply.text()).toBe(200);
  return its;
}

/** What the router said of the one request that this trace is of. */
function attributes(): Record<string, unknown> {
  const infos = heard.flatMap(({ type, info }) => (type === "attributes" ? (info ?? []) : []));
  return Object.fromEntries(infos.filter(({ name }) => name.startsWith("warmpath.")).map(({ name, value }) => [name, value]));
}

test("a request's span says where it went, and the client's traceparent reaches the replica as it came", async () => {
  heard = [];
  const headers = { "x-fal-runner-hint": "sdxl", traceparent: TRACEPARENT, tracestate: "a=b" };
  const reply = await miniflare.dispatchFetch("http://router/a/x?secret=1", { headers });
  expect([reply.status, await reply.text()]).toEqual([200, "ok"]);
  expect([replica.last.headers["traceparent"], replica.last.headers["tracestate"]]).toEqual([TRACEPARENT, "a=b"]);
  await until("it is recorded", () => "warmpath.traceparent" in attributes());
  expect(attributes()).toEqual({
    "warmpath.app": "a",
    "warmpath.request_id": reply.headers.get("x-fal-request-id"),
    "warmpath.hint": "sdxl",
    "warmpath.replica": "gpu-1",
    "warmpath.reason": "hint_match",
    "warmpath.queue_ms": 0,
    "warmpath.attempts": 1,
    "warmpath.traceparent": TRACEPARENT,
  });
  const spans = () => new Set(heard.flatMap(({ type, name }) => (type === "spanOpen" ? [name] : [])));
  await until("the runtime has recorded its own", () => spans().has("fetch") && spans().has("durable_object_subrequest"));
});

test("an error of the router's says which", async () => {
  heard = [];
  const reply = await miniflare.dispatchFetch("http://router/nosuch/x");
  expect(reply.status).toBe(404);
  await reply.text();
  await until("it is recorded", () => "warmpath.error" in attributes());
  expect(attributes()).toEqual({
    "warmpath.app": "",
    "warmpath.request_id": reply.headers.get("x-fal-request-id"),
    "warmpath.error": "app_not_found",
    "warmpath.attempts": 0,
  });
});

test("without a trace nothing is recorded, and all is the same", async () => {
  const plain = await started(false);
  try {
    heard = [];
    const reply = await plain.dispatchFetch("http://router/a/x", { headers: { traceparent: TRACEPARENT } });
    expect([reply.status, await reply.text(), replica.last.headers["traceparent"]]).toEqual([200, "ok", TRACEPARENT]);
    expect(heard).toEqual([]);
  } finally {
    await plain.dispose();
  }
});
