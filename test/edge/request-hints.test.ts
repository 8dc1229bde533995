// Where a request's hint is looked for, in which order, and what counts as none.
import { describe, expect, test } from "vitest";
import { hintInBody, readHints } from "../../src/edge/request-hints.ts";
import { BOUNDS } from "../../src/limits.ts";
import { parseSettings, type Settings } from "../../src/settings/settings.ts";

function settingsWith(env: Record<string, string>): Settings {
  const result = parseSettings(env);
  if (!result.ok) throw new Error(result.detail);
  return result.settings;
}

const ALL = settingsWith({
  HINT_HEADERS: "x-fal-runner-hint, x-model",
  HINT_FROM_PATH: "/models/{hint}/*",
  HINT_FROM_QUERY: "model",
  HINT_FROM_JSON: "model",
  HINT_ALIASES: JSON.stringify({ alias: "model" }),
});
const JSON_TYPE = { "content-type": "application/json" };

function read(path: string, query = "", init: RequestInit = {}, settings = ALL) {
  const request = new Request(`http://router.test${path}${query}`, { method: "POST", body: "{}", headers: JSON_TYPE, ...init });
  const result = readHints(request, path, query, settings);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return [result.value.hints.join("|"), result.value.mayBeInBody];
}

describe("the first of header, path, query and body that names a hint", () => {
  const header = { headers: { ...JSON_TYPE, "x-model": "h" } };
  test.each<[string, Parameters<typeof read>, [string, boolean]]>([
    ["a header before all", ["/models/p/x", "?model=q", header], ["h", false]],
    ["an empty header too: any replica", ["/models/p/x", "?model=q", { headers: { "x-model": "" } }], ["", false]],
    ["the path before the query", ["/models/p/x", "?model=q"], ["p", false]],
    ["the query before the body", ["/x", "?model=q"], ["q", false]],
    ["the body", ["/x"], ["", true]],
    ["a path of another shape", ["/models", "?model=q"], ["q", false]],
    ["a path that names no hint", ["/models/a%2Cb/x", "?model=q"], ["q", false]],
    ["a path outside ASCII", ["/models/%E6%A8%A1/x", "?model=q"], ["q", false]],
    ["a query that names no hint", ["/x", "?model="], ["", true]],
    ["a comma in the query", ["/x", "?model=a,b"], ["", true]],
    ["the first parameter of several", ["/x", "?a=1&model=q&model=r"], ["q", false]],
    ["escapes and + in the query", ["/x", "?mod%65l=org%2Fm+v1"], ["org/m v1", false]],
    ["escapes that are none", ["/x", "?model=%ff"], ["", true]],
    ["spaces around it", ["/models/%20p%20/x"], ["p", false]],
    ["an alias in a header", ["/x", "", { headers: { "x-model": "a, alias, model" } }], ["a|model", false]],
    ["an alias in the path", ["/models/alias/x"], ["model", false]],
    ["an alias in the query", ["/x", "?model=alias"], ["model", false]],
  ])("%s", (_, its, is) => {
    expect(read(...its)).toEqual(is);
  });

  test("a hint in a header that can't be one is an error, whatever stands elsewhere", () => {
    const request = new Request("http://router.test/models/p/x", { headers: { "x-model": "x".repeat(513) } });
    expect(readHints(request, "/models/p/x", "", ALL)).toMatchObject({ ok: false, error: { type: "bad_request" } });
  });

  test("without the settings headers alone are read", () => {
    const none = settingsWith({});
    expect(read("/models/p/x", "?model=q", {}, none)).toEqual(["", false]);
  });
});

describe("which bodies may hold a hint", () => {
  const withHeaders = (headers: Record<string, string>) => read("/x", "", { headers })[1];
  test.each<[string, boolean]>([
    ["application/json", true],
    ["Application/JSON; charset=utf-8", true],
    ["text/json", true],
    ["application/vnd.api+json", true],
    ["application/problem+json;x=y", true],
    ["application/x-ndjson", false],
    ["application/jsonx", false],
    ["application/json, application/json", false],
    ["multipart/form-data; boundary=application/json", false],
    ["text/plain", false],
    ["", false],
  ])("content type %s: %s", (type, may) => {
    expect(withHeaders({ "content-type": type })).toBe(may);
  });

  test.each([
    ["gzip", false],
    ["br", false],
    ["identity, gzip", false],
    ["identity", true],
    ["Identity", true],
  ])("content encoding %s: %s", (encoding, may) => {
    expect(withHeaders({ ...JSON_TYPE, "content-encoding": encoding })).toBe(may);
  });

  test("none without a body, nor that of a GET or HEAD", () => {
    expect(read("/x", "", { body: null })[1]).toBe(false);
    // A Request of the standard can't have one. The runtime's own can.
    const body = new ReadableStream();
    for (const method of ["GET", "HEAD", "POST"]) {
      const request = { method, headers: new Headers(JSON_TYPE), body } as Request;
      expect(readHints(request, "/x", "", ALL)).toMatchObject({ ok: true, value: { mayBeInBody: method === "POST" } });
    }
  });
});

describe("the hint in a body that was read", () => {
  const hintOf = (text: string) => hintInBody(new TextEncoder().encode(text), ALL);
  const most = BOUNDS.hintBodyBytes;
  const padded = (before: string, length: number) => `${before}${"x".repeat(length - before.length - 2)}"}`;

  test.each<[string, string, string | null]>([
    ["a text", '{"model":"m"}', "m"],
    ["an alias", '{"model":"alias"}', "model"],
    ["spaces around it", '{"model":" m\\n"}', "m"],
    ["the last of several", '{"model":"a","model":"m"}', "m"],
    ["no text", '{"model":["m"]}', null],
    ["a comma", '{"model":"a,b"}', null],
    ["outside ASCII", '{"model":"mod\u00e8le"}', null],
    ["too long", `{"model":"${"x".repeat(513)}"}`, null],
    ["no JSON after it", '{"model":"m"', null],
    ["no JSON", "m", null],
    ["nothing", "", null],
  ])("%s", (_, text, hint) => {
    expect(hintOf(text)).toBe(hint);
  });

  test("is that of the whole as it is parsed, and beyond 64 KiB the first text", () => {
    const twice = '{"model":"a","model":"m","prompt":"';
    expect(hintOf(padded(twice, most))).toBe("m");
    expect(hintOf(padded(twice, most + 1))).toBe("a");
  });

  test("may stand after images, but not after more tokens than are worth it", () => {
    expect(hintOf(`{"messages":["${"x".repeat(1_000_000)}"],"model":"m"}`)).toBe("m");
    const tokens = (count: number) => `{"n":[${"0,".repeat(count)}0],"model":"m"}`;
    expect(hintOf(tokens(BOUNDS.hintBodySteps / 4))).toBe("m");
    expect(hintOf(tokens(BOUNDS.hintBodySteps / 2))).toBeNull();
  });
});
