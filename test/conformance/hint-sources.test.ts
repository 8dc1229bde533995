// Contract, "Where a hint stands" and "Other names of a hint": hints without a hint header, and under other names than replicas advertise.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter } from "../support/conformance.ts";
import { HeartbeatSocket } from "../support/heartbeat-socket.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter, type Sending } from "../support/router.ts";
import { until } from "../support/until.ts";

const ALIASES = JSON.stringify({ llama3: "llama3:latest", "llama-3": "llama3:latest" });
const SOURCES = { HINT_FROM_PATH: "/models/{hint}/*", HINT_FROM_QUERY: "model", HINT_FROM_JSON: "model", HINT_ALIASES: ALIASES };
const router = sharedRouter(SOURCES);

const JSON_TYPE = { "content-type": "application/json" };
const body = (json: string, headers: Record<string, string> = {}): Sending => ({
  method: "POST",
  headers: { ...JSON_TYPE, ...headers },
  body: json,
});

/** Replicas, each of which holds one hint, which is its name but for spaces. */
async function fleet(app: string, through: TestRouter = router(), names: readonly string[] = ["a", "b", "c", "d"]) {
  const server = await TestReplica.start();
  for (const name of names)
    await through.join({ app, replica: name.replaceAll(" ", "_"), origin: server.origin, hints: [name], concurrency: 8 });
  /** The replica that a request goes to, if it is warm for the request's hint; else why the request went there. */
  const went = async (target: string, sending: Sending = {}) => {
    const { status, headers, text } = await through.send(target, sending);
    expect(status, text).toBe(200);
    return headers["x-warmpath-reason"] === "hint_match" ? headers["x-fal-served-from"] : headers["x-warmpath-reason"];
  };
  return { server, went, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

const NONE = "least_loaded";

describe("where a hint stands", () => {
  test("SRC-1 in a hint header, else the path, else the query, else the body", async () => {
    const app = freshApp();
    await using its = await fleet(app);
    const all = { ...body('{"model":"d"}'), headers: { ...JSON_TYPE, "x-fal-runner-hint": "a" } };
    expect(await its.went(`/${app}/models/b/run?model=c`, all)).toBe("a");
    expect(await its.went(`/${app}/models/b/run?model=c`, body('{"model":"d"}'))).toBe("b");
    expect(await its.went(`/${app}/run?model=c`, body('{"model":"d"}'))).toBe("c");
    expect(await its.went(`/${app}/run`, body('{"model":"d"}'))).toBe("d");
    expect(await its.went(`/${app}/run`, body("{}"))).toBe(NONE);
  });

  test("SRC-2 a hint header that is there decides: an empty one means any replica, a bad one is 400", async () => {
    const app = freshApp();
    await using its = await fleet(app);
    expect(await its.went(`/${app}/models/b/run`, { headers: { "x-fal-runner-hint": "" } })).toBe(NONE);
    expectProblem(
      await router().send(`/${app}/models/b/run`, { headers: { "x-fal-runner-hint": "x".repeat(513) } }),
      400,
      "bad_request",
    );
  });

  test("SRC-3 what stands in path, query or body and can't be a hint is none, never an error", async () => {
    const app = freshApp();
    await using its = await fleet(app);
    for (const bad of ["a%2Cb", "%C3%A9", "%20", "%ff", "x".repeat(513)]) {
      expect(await its.went(`/${app}/models/${bad}/run`), bad).toBe(NONE);
      expect(await its.went(`/${app}/run?model=${bad}`), bad).toBe(NONE);
    }
    for (const json of ['{"model":"a,b"}', '{"model":"\u00e9"}', '{"model":" "}', `{"model":"${"x".repeat(513)}"}`, '{"model":["a"]}', '{"model":1}', "no JSON", '["model","a"]', ""])
      expect(await its.went(`/${app}/run`, body(json)), json).toBe(NONE); // prettier-ignore
  });

  test("SRC-4 a bad one leaves it to the next place", async () => {
    const app = freshApp();
    await using its = await fleet(app);
    expect(await its.went(`/${app}/models/a%2Cb/run?model=c`, body('{"model":"d"}'))).toBe("c");
    expect(await its.went(`/${app}/models/a%2Cb/run?model=`, body('{"model":"d"}'))).toBe("d");
  });

  test.each([
    ["path:1", "/APP/models/b/x", undefined],
    ["path:2", "/owner/APP/models/b/x", undefined],
    ["host", "/models/b/x", "APP.example.com"],
    ["fixed:only", "/models/b/x", undefined],
  ])("SRC-5 the path is the one that the replica gets, with APP_FROM=%s", async (from, target, host) => {
    await using own = await TestRouter.start({ ...SOURCES, APP_FROM: from });
    const name = from.startsWith("fixed") ? "only" : from === "path:2" ? "owner/app-x" : "app-x";
    await using its = await fleet(name, own);
    const at = (text: string) => text.replace("APP", "app-x");
    expect(await its.went(at(target), host === undefined ? {} : { headers: { host: at(host) } })).toBe("b");
    expect(its.server.last.target).toBe("/models/b/x");
  });

  test("SRC-6 it is unescaped, with + as a space in the query alone, and trimmed", async () => {
    const app = freshApp();
    await using its = await fleet(app, router(), ["org/m v1", "a+b"]);
    expect(await its.went(`/${app}/models/org%2Fm%20v1/x`)).toBe("org/m_v1");
    expect(await its.went(`/${app}/models/a+b/x`)).toBe("a+b");
    expect(await its.went(`/${app}/x?model=org%2Fm+v1`)).toBe("org/m_v1");
    expect(await its.went(`/${app}/x?model=a%2Bb&model=other`)).toBe("a+b");
    expect(await its.went(`/${app}/x`, body('{"model":" org\\/m v1\\n"}'))).toBe("org/m_v1");
    expect(its.server.received.map(({ target }) => target)).toEqual(["/models/org%2Fm%20v1/x", "/models/a+b/x", "/x?model=org%2Fm+v1", "/x?model=a%2Bb&model=other", "/x"]); // prettier-ignore
  });

  test("SRC-7 HINT_FROM_JSON may be a JSON pointer", async () => {
    await using own = await TestRouter.start({ HINT_FROM_JSON: "/input/models/0/na~1me" });
    await using its = await fleet("app", own);
    expect(await its.went("/app/x", body('{"input":{"models":[{"na/me":"c"},{"na/me":"d"}]}}'))).toBe("c");
    expect(await its.went("/app/x", body('{"input":{"models":{"0":{"na/me":"c"}}}}'))).toBe("c");
    expect(await its.went("/app/x", body('{"input":{"models":[]},"na/me":"c"}'))).toBe(NONE);
  });

  test.each([
    ["application/json", true],
    ["application/json; charset=utf-8", true],
    ["application/vnd.api+json", true],
    ["text/json", true],
    ["text/plain", false],
    ["application/x-ndjson", false],
    ["multipart/form-data; boundary=x", false],
  ])("SRC-8 a body of %s is looked into: %s", async (type, is) => {
    const app = freshApp();
    await using its = await fleet(app);
    expect(await its.went(`/${app}/x`, body('{"model":"b"}', { "content-type": type }))).toBe(is ? "b" : NONE);
  });

  test("SRC-8 a compressed body is not, nor that of a GET", async () => {
    const app = freshApp();
    await using its = await fleet(app);
    expect(await its.went(`/${app}/x`, body('{"model":"b"}', { "content-encoding": "gzip" }))).toBe(NONE);
    expect(await its.went(`/${app}/x`, { ...body('{"model":"b"}', { "content-length": "13" }), method: "GET" })).toBe(NONE);
  });

  test("SRC-9 a body that is kept is looked through whole, of one that is streamed the first 64 KiB", async () => {
    const app = freshApp();
    await using its = await fleet(app);
    const send = async (image: string, chunked: boolean, first: boolean) => {
      const json = first ? `{"model":"b","image":"${image}"}` : `{"image":"${image}","model":"b"}`;
      const went = await its.went(`/${app}/x`, body(json, chunked ? { "transfer-encoding": "chunked" } : {}));
      expect(its.server.last.body.toString() === json).toBe(true);
      return went;
    };
    const [short, kept, long] = [60_000, 900_000, 2_000_000].map((length) => "A".repeat(length)) as [string, string, string];
    for (const image of [short, kept, long])
      expect([await send(image, true, true), await send(image, false, true)]).toEqual(["b", "b"]);
    expect([await send(short, true, false), await send(short, false, false)]).toEqual(["b", "b"]);
    expect([await send(kept, true, false), await send(kept, false, false)]).toEqual([NONE, "b"]);
    expect([await send(long, true, false), await send(long, false, false)]).toEqual([NONE, NONE]);
  });

  test("SRC-10 of members of one name the last counts where the body is read whole, else the first text", async () => {
    const app = freshApp();
    await using its = await fleet(app);
    const twice = '{"model":"b","model":"c"}';
    expect(await its.went(`/${app}/x`, body(twice))).toBe("c");
    expect(await its.went(`/${app}/x`, body(twice, { "transfer-encoding": "chunked" }))).toBe("b");
  });

  test("SRC-11 without the settings hints stand in headers alone", async () => {
    await using own = await TestRouter.start();
    await using its = await fleet("app", own);
    expect(await its.went("/app/models/b/x?model=c", body('{"model":"d"}'))).toBe(NONE);
  });
});

describe("other names of a hint", () => {
  const latest = async (app: string, through: TestRouter = router()) => fleet(app, through, ["llama3:latest", "other"]);

  test("ALIAS-1 a request may name an alias, wherever its hint stands, and passes as it came", async () => {
    const app = freshApp();
    await using its = await latest(app);
    const header = (value: string) => ({ headers: { "x-fal-runner-hint": value } });
    for (const name of ["llama3", "llama-3", "llama3:latest"]) {
      expect(await its.went(`/${app}/x`, header(`none,${name}`))).toBe("llama3:latest");
      expect(await its.went(`/${app}/models/${name}/x`)).toBe("llama3:latest");
      expect(its.server.last.target).toBe(`/models/${name}/x`);
      expect(await its.went(`/${app}/x?model=${name}`)).toBe("llama3:latest");
      expect(await its.went(`/${app}/x`, body(`{"model":"${name}"}`))).toBe("llama3:latest");
      expect(its.server.last.body.toString()).toBe(`{"model":"${name}"}`);
    }
  });

  test("ALIAS-2 and so may a heartbeat, over a WebSocket too; of two names of one hint one is left", async () => {
    const app = freshApp();
    await using server = await TestReplica.start();
    await router().join({ app, replica: "r", origin: server.origin, hints: ["llama3", "llama3:latest", "llama-3", "x"] });
    const hints = async () => (await router().view(app)).replicas.map((replica) => replica.hints);
    expect(await hints()).toEqual([["llama3:latest", "x"]]);
    const socket = await HeartbeatSocket.open(router(), app);
    expect(await socket.ask({ app, replica: "r", origin: server.origin, hints: ["y", "llama-3"] })).toHaveProperty(
      "time_to_live_ms",
    );
    expect(await hints()).toEqual([["y", "llama3:latest"]]);
  });

  test("ALIAS-3 and an answer", async () => {
    const app = freshApp();
    await using server = await TestReplica.start((_request, response) =>
      response.setHeader("x-fal-runner-hints", "llama3,x").end(),
    );
    await router().join({ app, replica: "r", origin: server.origin });
    expect((await router().send(`/${app}/x`)).headers["x-fal-runner-hints"]).toBe("llama3,x");
    await until("the list is known", async () => (await router().view(app)).replicas[0]?.hints?.join() === "llama3:latest,x");
  });

  test("ALIAS-4 and explain", async () => {
    const app = freshApp();
    await using _ = await latest(app);
    const explained = (await router().admin(`/-/apps/${app}/explain?hint=llama3`)).json<{ hints: string[]; decision: object }>();
    expect(explained).toMatchObject({ hints: ["llama3:latest"], decision: { replica: "llama3:latest", reason: "hint_match" } });
  });

  test("ALIAS-5 what was stored under an alias that is set later is read by its name", async () => {
    await using own = await TestRouter.start();
    await using server = await TestReplica.start();
    await own.join({ app: "app", replica: "r", origin: server.origin, hints: ["llama3"] });
    await own.restart(async () => {}, { HINT_ALIASES: ALIASES });
    expect((await own.view("app")).replicas).toMatchObject([{ hints: ["llama3:latest"] }]);
  });
});
