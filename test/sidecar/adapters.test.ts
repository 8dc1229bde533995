// One contract for all adapters: what a server in its documented shape holds, and that whatever else it answers is a ServerFault within bounds, and never a
// wrong list.
import { createServer, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { ADAPTERS } from "../../sidecar/adapters/index.ts";
import type { Adapter } from "../../sidecar/adapters/adapter.ts";
import { hintsCommand } from "../../sidecar/adapters/hints-command.ts";
import { hintsUrl, parsePath } from "../../sidecar/adapters/hints-url.ts";
import { ServerFault } from "../../sidecar/fault.ts";
import { Server } from "../../sidecar/server.ts";
import type { Routes } from "./fixtures/fixture.ts";
import { LANGUAGE_SERVERS } from "./fixtures/language.ts";
import { OTHER_SERVERS } from "./fixtures/other.ts";

type Answerer = (target: string) => { readonly status: number; readonly body: string } | "silence" | "hang up";

let answer: Answerer = () => "silence";
const asked: { readonly target: string; readonly authorization: string | undefined }[] = [];
let http: HttpServer;
let url = "";

beforeEach(async () => {
  asked.length = 0;
  http = createServer((request, response) => {
    const target = `${request.method} ${request.url}`;
    asked.push({ target, authorization: request.headers.authorization });
    const its = answer(target);
    if (its === "hang up") request.socket.destroy();
    else if (its !== "silence")
      response.writeHead(its.status, its.status === 302 ? { location: "/elsewhere" } : {}).end(its.body);
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
});
afterEach(() => {
  http.closeAllConnections();
  http.close();
});

const serving =
  (routes: Routes): Answerer =>
  (target) => {
    if (!(target in routes)) return { status: 404, body: '{"detail":"Not Found"}' };
    const body = routes[target];
    return { status: 200, body: typeof body === "string" ? body : JSON.stringify(body) };
  };
const server = (ms = 5000, token: string | null = null) => new Server(url, token, AbortSignal.timeout(ms));
const faultOf = async (look: Promise<unknown>) =>
  look.then(
    () => "none",
    (error: unknown) => (error instanceof ServerFault ? error.kind : error),
  );

function adapterOf(name: string): Adapter {
  if (name !== "hints-url") return ADAPTERS[name as keyof typeof ADAPTERS];
  return hintsUrl(`${url}/v1/models/status`, parsePath("models[loaded=true].id") ?? []);
}

describe.each(
  [...LANGUAGE_SERVERS, ...OTHER_SERVERS].map((fixture, index) => ({ ...fixture, name: `${fixture.server} (${index})` })),
)("$name", (fixture) => {
  test("holds what its shape says", async () => {
    answer = serving(fixture.holding);
    expect(await adapterOf(fixture.server).look(server())).toEqual(fixture.look);
    expect(await adapterOf(fixture.server).load(server())).toBe(fixture.load);
  });

  test("holds nothing but what is always there", async () => {
    answer = serving(fixture.empty);
    expect(await adapterOf(fixture.server).look(server())).toEqual(fixture.emptyLook);
  });

  test("the token goes to the server with every question, and to no other place", async () => {
    answer = serving(fixture.holding);
    await adapterOf(fixture.server).look(server(5000, "its-token"));
    expect(new Set(asked.map(({ authorization }) => authorization))).toEqual(new Set(["Bearer its-token"]));
    answer = () => ({ status: 302, body: "" });
    expect(await faultOf(adapterOf(fixture.server).look(server(5000, "its-token")))).toBe("garbage");
    expect(asked.some(({ target }) => target.includes("elsewhere"))).toBe(false);
  });

  test.each([
    ["a page", { status: 200, body: "<html>hello</html>" }, "garbage"],
    ["nothing", { status: 200, body: "" }, "garbage"],
    ["null", { status: 200, body: "null" }, "garbage"],
    ["a number", { status: 200, body: "3" }, "garbage"],
    ["a list of numbers", { status: 200, body: "[1,2]" }, "garbage"],
    ["an odd object", { status: 200, body: '{"models":"many","data":{},"running":1,"queue_running":0}' }, "garbage"],
    ["401", { status: 401, body: '{"error":"Unauthorized"}' }, "garbage"],
    ["500", { status: 500, body: "oops" }, "garbage"],
    ["503, as while a model loads", { status: 503, body: '{"error":{"code":503,"message":"Loading model"}}' }, "loading"],
    ["more than its bound", { status: 200, body: `["${"x".repeat(17 * 1024 * 1024)}"]` }, "garbage"],
    ["no headers", "hang up", "down"],
    ["silence", "silence", "slow"],
  ] as const)("%s is a fault", async (_, its, kind) => {
    answer = () => its;
    expect(await faultOf(adapterOf(fixture.server).look(server(its === "silence" ? 50 : 5000)))).toBe(kind);
  });

  test("a server that is gone is down", async () => {
    http.close();
    http.closeAllConnections();
    expect(await faultOf(adapterOf(fixture.server).look(server()))).toBe("down");
  });

  test("one value of another type is a fault or changes what is held, and nothing worse", async () => {
    const odd = fc.oneof(fc.constant(null), fc.integer(), fc.boolean(), fc.string(), fc.constant([]), fc.constant({}));
    await fc.assert(
      fc.asyncProperty(fc.nat(), odd, async (place, value) => {
        answer = serving(mutated(fixture.holding, place, value));
        const look = await adapterOf(fixture.server)
          .look(server())
          .catch((error: unknown) => {
            if (error instanceof ServerFault) return null;
            throw error;
          });
        for (const names of look?.models ?? []) for (const name of names) expect(typeof name).toBe("string");
        if (look !== null) for (const number of [look.slots, look.concurrency]) expect(number === null || number > 0).toBe(true);
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});

/** The routes with one value replaced, by its number in a walk. */
function mutated(routes: Routes, place: number, value: unknown): Routes {
  let left = place % countOf(routes);
  const walk = (its: unknown): unknown => {
    if (left-- === 0) return value;
    if (Array.isArray(its)) return its.map(walk);
    return typeof its === "object" && its !== null
      ? Object.fromEntries(Object.entries(its).map(([key, inner]) => [key, walk(inner)]))
      : its;
  };
  return Object.fromEntries(Object.entries(routes).map(([target, body]) => [target, walk(body)]));
}

function countOf(its: unknown): number {
  if (typeof its !== "object" || its === null) return 1;
  return 1 + Object.values(its).reduce((sum: number, inner) => sum + countOf(inner), 0);
}

describe("LoRA adapters", () => {
  const models = (adapters: readonly string[]) => ({
    data: [{ id: "base", parent: null }, ...adapters.map((id) => ({ id, parent: "base" }))],
  });

  test("of a vLLM without metrics, and of an SGLang with more than fit, the router learns what is held", async () => {
    answer = serving({ "GET /v1/models": models(["a"]) });
    expect(await ADAPTERS.vllm.look(server())).toEqual({ models: null, slots: null, concurrency: null });
    answer = serving({ "GET /v1/models": models(["a", "b", "c"]), "GET /server_info": { max_loras_per_batch: 2 } });
    expect(await ADAPTERS.sglang.look(server())).toEqual({ models: null, slots: 3, concurrency: null });
  });

  test("before vLLM's first request none is held", async () => {
    answer = serving({ "GET /v1/models": models(["a"]), "GET /metrics": "" });
    expect(await ADAPTERS.vllm.look(server())).toEqual({ models: [["base"]], slots: null, concurrency: null });
  });
});

describe("--hints-path", () => {
  const read = async (json: unknown, its: string) => {
    answer = serving({ "GET /": json });
    return (await hintsUrl(`${url}/`, parsePath(its) ?? []).look(server())).models?.flat();
  };

  test.each([
    [["a", "b"], "[]", ["a", "b"]],
    [{ loaded: ["a"] }, "loaded", ["a"]],
    [{ x: { y: [{ n: "a" }, { n: "b" }] } }, "x.y[].n", ["a", "b"]],
    [
      [
        { v: "1.5", n: "a" },
        { v: "2", n: "b" },
      ],
      "[v=1.5].n",
      ["a"],
    ],
    [{ a: [{ b: [{ c: "x" }] }, { b: [] }] }, "a[].b[].c", ["x"]],
  ])("%j at %s", async (json, its, names) => expect(await read(json, its)).toEqual(names));

  test("without a path the JSON is the list", async () => {
    answer = serving({ "GET /": ["a", "a", "b"] });
    expect((await hintsUrl(`${url}/`, []).look(server())).models).toEqual([["a"], ["b"]]);
  });

  test.each([
    ["a.b", { a: {} }],
    ["a[]", { a: "text" }],
    ["a[].b", { a: [{ b: 3 }] }],
  ])("%s in %j leads nowhere", async (its, json) => expect(await faultOf(read(json, its))).toBe("garbage"));

  test.each(["", ".", "a..b", "a[", "a]", "a[b", "a[=x]"])("%j is no path", (its) => expect(parsePath(its)).toBeNull());
});

describe("--hints-command", () => {
  const folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-command-"));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const look = (command: string, ms = 5000) => hintsCommand(command, ms).look(server());

  test.each([
    ["printf 'a\\n b \\n\\na\\n'", [["a"], ["b"]]],
    [`echo '["a","b,c"]'`, [["a"], ["b,c"]]],
    ["true", []],
  ])("%s", async (command, models) => expect((await look(command)).models).toEqual(models));

  test.each([
    ["exit 3", "down"],
    ["echo '[1,2]'", "garbage"],
    ["echo '[broken'", "garbage"],
    ["yes", "garbage"],
  ])("%s is a fault", async (command, kind) => expect(await faultOf(look(command))).toBe(kind));

  test("one that hangs is ended with all that it started", async () => {
    const file = path.join(folder, "alive");
    writeFileSync(file, "");
    expect(await faultOf(look(`while [ -e ${file} ]; do sleep 0.05; done & wait`, 100))).toBe("slow");
  });
});

describe.each([
  ["ollama", "POST /api/generate"],
  ["llama-cpp", "POST /models/load"],
] as const)("%s loads a model that no request needs yet", (name, target) => {
  const preload = (ms?: number) => ADAPTERS[name].preload?.(server(ms), "m");

  test("by one question", async () => {
    answer = serving({ [target]: { success: true } });
    await preload();
    expect(asked.map((its) => its.target)).toEqual([target]);
  });

  test.each([
    ["one that it does not have", { status: 404, body: '{"error":"model not found"}' }, "garbage"],
    ["while it is loading itself", { status: 503, body: "" }, "loading"],
    ["silence", "silence", "slow"],
  ] as const)("%s is a fault", async (_, its, kind) => {
    answer = () => its;
    expect(await faultOf(preload(its === "silence" ? 50 : 5000) ?? Promise.resolve())).toBe(kind);
  });
});
