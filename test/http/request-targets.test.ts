// A request's URL alone decides where the request goes, however the URL is written: which app, which replica, which target, or the control plane.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { answersTo } from "../support/answers.ts";
import { RawReplica } from "../support/raw.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";

let router: TestRouter;
let a: TestReplica;
let b: TestReplica;

beforeAll(async () => {
  router = await TestRouter.start();
  [a, b] = await Promise.all([TestReplica.start(), TestReplica.start()]);
  await router.join({ app: "a", replica: "ra", origin: a.origin, concurrency: 100 });
  await router.join({ app: "b", replica: "rb", origin: b.origin, concurrency: 100 });
});
afterAll(async () => {
  for (const its of [a, b, router]) await its[Symbol.asyncDispose]();
});
beforeEach(() => {
  router.log.length = 0;
  for (const replica of [a, b]) replica.received.length = 0;
});

async function answer(head: string): Promise<string> {
  return (await answersTo(router.port, `${head}\r\n\r\n`))[0] ?? "closed";
}

function targets({ received }: TestReplica): string[] {
  return received.map(({ target }) => target);
}

describe("a target", () => {
  test.each([
    ["/a/..%2fb/x", "/..%2fb/x"],
    ["/a/%2f-%2fheartbeat", "/%2f-%2fheartbeat"],
    ["/a//-/healthz", "//-/healthz"],
    ["/a//b/x", "//b/x"],
    ["/a/..;/b/x", "/..;/b/x"],
    ["/a/.%00./b", "/.%00./b"],
    ["/a/%252e%252e/b", "/%252e%252e/b"],
    ["/a/%0d%0aHost:%20b", "/%0d%0aHost:%20b"],
    ["/a/@127.0.0.1:1/", "/@127.0.0.1:1/"],
    ["/a/x?/../../b/x", "/x?/../../b/x"],
    ["/a/x?http://b/", "/x?http://b/"],
    ["/a/x#/../../b/x", "/x"],
    ["/a/http://b/x", "/http://b/x"],
    ["/a/\xc3\xa9", "/%C3%A9"],
    ["http://b.example/a/x", "/x"],
    ["http://u:p@b.example:99/a/x", "/x"],
  ])("%s is a's, as %s", async (sent, arrives) => {
    expect(await answer(`GET ${sent} HTTP/1.1\r\nHost: r`)).toBe("200 from ra");
    expect([targets(a), targets(b)]).toEqual([[arrives], []]);
    expect(a.last.headers.host).toBe(new URL(a.origin).host);
  });

  test.each([
    "/a/../b/x",
    "/a/%2e%2e/b/x",
    "/a/.%2E/b/x",
    "/a\\..\\b\\x",
    "/-/../b/x",
    "/-/healthz/../../b/x",
    "/./b/x",
    "http://r/a/../b/x",
  ])("%s is b's", async (sent) => {
    expect(await answer(`GET ${sent} HTTP/1.1\r\nHost: r`)).toBe("200 from rb");
    expect([targets(a), targets(b)]).toEqual([[], ["/x"]]);
  });

  test.each([
    "//a/x",
    "/%61/x/",
    "/a%2fx",
    "/a%2f..%2fb/x",
    "/-%2fhealthz",
    "/%2d/healthz",
    "/%2D/heartbeat",
    "/_/healthz",
    "/A/x",
    "*",
    "r:80",
  ])("%s names no app", async (sent) => {
    expect(await answer(`GET ${sent} HTTP/1.1\r\nHost: r`)).toBe("404 app_not_found");
    expect([targets(a), targets(b)]).toEqual([[], []]);
  });

  test.each([
    ["/a/../-/healthz", "200 router"],
    ["/a\\..\\-\\healthz", "200 router"],
    ["/a/%2e%2e/-/apps", "401 unauthorized"],
    ["http://r/-/apps/a", "401 unauthorized"],
    ["/-//healthz", "404 not_found"],
    ["/-/heartbeat/", "404 not_found"],
    ["/-/apps/a/replicas/ra%2Fdrain", "405 method_not_allowed"],
  ])("%s is the control plane's: %s", async (sent, outcome) => {
    expect(await answer(`GET ${sent} HTTP/1.1\r\nHost: r`)).toBe(outcome);
    expect([targets(a), targets(b)]).toEqual([[], []]);
  });

  test.each(["/a/x\x01", "/a/\x7f", "/a/\xff", "/a/x\0", "/a/x y", "", "/a/\tx"])(
    "%j is refused by the HTTP layer",
    async (sent) => {
      expect(await answer(`GET ${sent} HTTP/1.1\r\nHost: r`)).toBe("400 http");
      expect([targets(a), targets(b)]).toEqual([[], []]);
    },
  );

  test("the longest target that is sent on arrives; a longer one is refused and is not the replica's fault", async () => {
    await using replica = await RawReplica.start();
    replica.answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    await router.join({ app: "long", replica: "rl", origin: replica.origin });
    const ask = (rest: string) => answer(`GET /long/${rest} HTTP/1.1\r\nHost: r`);
    expect(await ask("x".repeat(63_999))).toBe("200 from rl");
    expect(await ask("x".repeat(64_000))).toBe("400 bad_request");
    expect(await ask(`x?${"'".repeat(22_000)}`)).toBe("400 bad_request");
    expect(await ask("x".repeat(65_500))).toMatch(/^(400 bad_request|414 http|closed)$/);
    expect(await ask("x".repeat(70_000))).toMatch(/^(414 http|closed)$/);
    expect(replica.received).toHaveLength(1);
    expect((await router.view("long")).counters.ejected).toBe(0);
  });
});

describe("a Host header", () => {
  test.each([
    "x/b/y?",
    "x/-/healthz#",
    "x/-/apps?",
    "x?",
    "x#",
    "/b",
    "x\\b\\",
    "u@r",
    "u:p@r",
    "a b",
    "[::",
    "r:99999",
    "x\t/b/",
    "r\r\nHost: s",
  ])("%j is no host and changes nothing", async (host) => {
    expect(await answer(`GET /a/x HTTP/1.1\r\nHost: ${host}`)).toBe("400 bad_request");
    expect([targets(a), targets(b)]).toEqual([[], []]);
    expect(router.log).toEqual([]);
  });

  test("none at all is refused by the HTTP layer", async () => {
    expect(await answer("GET /a/x HTTP/1.1")).toBe("400 http");
  });

  test.each(["r.example", "R.Example:8080", "127.0.0.1:1", "[::1]:1", "a_b.example"])(
    "%s is told to the replica as it came",
    async (host) => {
      expect(await answer(`GET /a/x HTTP/1.1\r\nHost: ${host}`)).toBe("200 from ra");
      expect(a.last.headers["x-forwarded-host"]).toBe(host);
    },
  );
});
