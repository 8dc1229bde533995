// Requests that two readers could understand differently, over raw connections. Each app's replica gets exactly the requests for that app, and the bytes of a
// body stay in the body.
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { answersTo } from "../support/answers.ts";
import { TestReplica } from "../support/replica.ts";
import { TOKEN, TestRouter } from "../support/router.ts";

let router: TestRouter;
let a: TestReplica;
let b: TestReplica;
const ejectedBefore = new Map<string, number>();

beforeAll(async () => {
  router = await TestRouter.start();
  [a, b] = await Promise.all([TestReplica.start(), TestReplica.start()]);
  await router.join({ app: "a", replica: "ra", origin: a.origin, concurrency: 100 });
  await router.join({ app: "b", replica: "rb", origin: b.origin, concurrency: 100 });
});
afterAll(async () => {
  for (const its of [a, b, router]) await its[Symbol.asyncDispose]();
});
beforeEach(async () => {
  for (const app of ["a", "b"]) ejectedBefore.set(app, (await router.view(app)).counters.ejected);
  router.log.length = 0;
  for (const replica of [a, b]) replica.received.length = 0;
});
/** The fleet is as before: no replica moved, left, came or was ejected, and every slot is free. */
afterEach(async () => {
  for (const [app, replica, { origin }] of [["a", "ra", a] as const, ["b", "rb", b] as const]) {
    const { replicas, in_flight: inFlight, waiting, counters } = await router.view(app);
    expect(replicas).toMatchObject([{ replica, origin, status: "ready", concurrency: 100 }]);
    expect({ inFlight, waiting, ejected: counters.ejected }).toEqual({
      inFlight: 0,
      waiting: 0,
      ejected: ejectedBefore.get(app),
    });
  }
  expect(router.log.filter((line) => !/connect|a request was not answered/.test(line))).toEqual([]);
});

const EVIL_BEAT = '{"app":"b","replica":"rb","origin":"http://127.0.0.1:1","status":"draining","concurrency":1}';
/** Texts that must not be taken for requests: a request for the other app, and a heartbeat that would remove the other app's replica. */
const HIDDEN = `GET /b/hidden HTTP/1.1\r\nHost: r\r\n\r\nPOST /-/heartbeat HTTP/1.1\r\nHost: r\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: ${EVIL_BEAT.length}\r\n\r\n${EVIL_BEAT}`;

const POST = "POST /a/x HTTP/1.1\r\nHost: r\r\n";
const CHUNKED = "Transfer-Encoding: chunked\r\n";
const REFUSED = ["400 http"];
const SERVED = ["200 from ra"];

const answers = (text: string, head = false) => answersTo(router.port, text, head);

/** Requests of clients: all but the `OPTIONS /` that the router sends after a streamed body broke off. */
function got({ received }: TestReplica): string[] {
  const clients = received.filter(({ method, target }) => !(method === "OPTIONS" && target === "/"));
  return clients.map(({ method, target, body }) => `${method} ${target} ${body.toString("latin1")}`.trim());
}

const lengthOf = (text: string) => `Content-Length: ${text.length}\r\n`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

describe("two framings", () => {
  test("Content-Length and Transfer-Encoding: chunks count, and nothing after them is read", async () => {
    const body = `0\r\n\r\n${HIDDEN}`;
    expect(await answers(`${POST}${lengthOf(body)}${CHUNKED}\r\n${body}`)).toEqual(SERVED);
    expect([got(a), got(b)]).toEqual([["POST /x"], []]);
  });

  test("a length shorter than the chunks does not cut them", async () => {
    expect(await answers(`${POST}Content-Length: 4\r\n${CHUNKED}\r\n${chunk(HIDDEN)}0\r\n\r\n`)).toEqual(SERVED);
    expect([got(a), got(b)]).toEqual([[`POST /x ${HIDDEN}`], []]);
    expect(a.last.headers).toMatchObject({ "transfer-encoding": "chunked" });
    expect(a.last.headers).not.toHaveProperty("content-length");
  });

  test.each([
    "Transfer-Encoding: xchunked",
    "Transfer-Encoding: identity",
    "Transfer-Encoding: chunked, identity",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: x",
    "Transfer-Encoding: chunked;q=1",
    'Transfer-Encoding: "chunked"',
    "Transfer-Encoding: chunked\x0b",
    "Transfer-Encoding: \x0bchunked",
    "Transfer-Encoding: chunked\0",
    "Transfer-Encoding: chunke\x01d",
    "Transfer-Encoding: c\xfehunked",
    "Transfer-Encoding:",
    "Transfer-Encoding : chunked",
    "Transfer-Encoding\t: chunked",
    " Transfer-Encoding: chunked",
    "Transfer-Encoding:\r\n chunked",
    "X: y\rTransfer-Encoding: chunked",
  ])("%j with a length is refused, and the connection with it", async (line) => {
    const body = `0\r\n\r\n${HIDDEN}`;
    expect(await answers(`${POST}${line}\r\n${lengthOf(body)}\r\n${body}`)).toEqual(REFUSED);
    expect([got(a), got(b)]).toEqual([[], []]);
  });

  test.each([
    "transfer-encoding: CHUNKED",
    "Transfer-Encoding:chunked",
    "Transfer-Encoding: \t chunked \t",
    "Transfer-Encoding: gzip, chunked",
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
  ])("%j is chunked", async (line) => {
    expect(await answers(`${POST}${line}\r\n\r\n${chunk(HIDDEN)}0\r\n\r\n`)).toEqual(SERVED);
    expect([got(a), got(b)]).toEqual([[`POST /x ${HIDDEN}`], []]);
  });

  test.each(["Transfer_Encoding: chunked", "X-Transfer-Encoding: chunked", "TE: chunked", "Content_Length: 0"])(
    "%j is no framing",
    async (line) => {
      expect(await answers(`${POST}${line}\r\n${lengthOf(HIDDEN)}\r\n${HIDDEN}`)).toEqual(SERVED);
      expect([got(a), got(b)]).toEqual([[`POST /x ${HIDDEN}`], []]);
    },
  );

  test.each(["GET", "HEAD"])("%s has no chunks: what would follow unread is refused", async (method) => {
    const text = `${method} /a/x HTTP/1.1\r\nHost: r\r\n${CHUNKED}\r\n${chunk(HIDDEN)}0\r\n\r\n`;
    expect(await answers(text, method === "HEAD")).toEqual(["400 bad_request"]);
    expect([got(a), got(b)]).toEqual([[], []]);
  });

  test("HTTP/1.0 knows no chunks", async () => {
    expect(await answers(`POST /a/x HTTP/1.0\r\nHost: r\r\n${CHUNKED}\r\n0\r\n\r\n${HIDDEN}`)).toEqual(REFUSED);
    expect([got(a), got(b)]).toEqual([[], []]);
  });
});

describe("lengths", () => {
  test.each([
    "3\r\nContent-Length: 5",
    "5\r\nContent-Length: 3",
    "3, 3",
    "3,5",
    "+3",
    "-3",
    "0x3",
    "3;",
    "3 3",
    "3.0",
    "three",
    "",
    "18446744073709551619",
    "\xb3",
  ])("Content-Length: %j is refused", async (value) => {
    expect(await answers(`${POST}Content-Length: ${value}\r\n\r\nabc${HIDDEN}`)).toEqual(REFUSED);
    expect([got(a), got(b)]).toEqual([[], []]);
  });

  test("the same length twice counts once", async () => {
    expect(await answers(`${POST}Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc`)).toEqual(SERVED);
    expect(got(a)).toEqual(["POST /x abc"]);
    expect(a.last.rawHeaders.filter((name) => name.toLowerCase() === "content-length")).toHaveLength(1);
  });

  test.each(["POST", "GET", "HEAD", "DELETE", "OPTIONS"])(
    "%s: what the length covers is body, requests in it too",
    async (method) => {
      const text = `${method} /a/x HTTP/1.1\r\nHost: r\r\n${lengthOf(HIDDEN)}\r\n${HIDDEN}`;
      expect(await answers(text, method === "HEAD")).toEqual(SERVED);
      expect([got(a), got(b)]).toEqual([[`${method} /x ${HIDDEN}`], []]);
    },
  );

  test("what follows the body is the next request, for the app that it names", async () => {
    const text = `${POST}Content-Length: 3\r\n\r\nabcGET /b/next HTTP/1.1\r\nHost: r\r\n\r\n`;
    expect(await answers(text)).toEqual(["200 from ra", "200 from rb"]);
    expect([got(a), got(b)]).toEqual([["POST /x abc"], ["GET /next"]]);
  });

  test("a body that ends too soon reaches nobody", async () => {
    expect(await answers(`${POST}Content-Length: 1000\r\n\r\nabc`)).toEqual(["400 bad_request"]);
    expect([got(a), got(b)]).toEqual([[], []]);
  });
});

describe("chunks", () => {
  test("their extensions and trailers stay behind", async () => {
    const trailers = "X-Fal-Request-Id: evil\r\nHost: b\r\nAuthorization: evil\r\n";
    expect(await answers(`${POST}${CHUNKED}\r\n3;name=value\r\nabc\r\n0\r\n${trailers}\r\n`)).toEqual(SERVED);
    expect(got(a)).toEqual(["POST /x abc"]);
    expect(JSON.stringify(a.last.rawHeaders)).not.toMatch(/evil|value/);
  });

  test.each(["zz", "0x3", "-3", "+3", "", " ", "g", "3\x0b", "fffffffffffffffff", "10000000000000003", '3;a="\r\n"', "\xb3"])(
    "a chunk of the size %j is refused, and nothing after it is read",
    async (size) => {
      const [outcome, ...more] = await answers(`${POST}${CHUNKED}\r\n${size}\r\nabc\r\n0\r\n\r\n${HIDDEN}`);
      expect(outcome).toMatch(/^(502 runner_disconnected|400 (bad_request|http))$/);
      expect(more).toEqual([]);
      expect([got(a), got(b)]).toEqual([[], []]);
    },
  );

  test("a chunk longer than its size is refused", async () => {
    const [outcome, ...more] = await answers(`${POST}${CHUNKED}\r\n2\r\nab${HIDDEN}\r\n0\r\n\r\n`);
    expect(outcome).toMatch(/^502|^400/);
    expect(more).toEqual([]);
    expect([got(a), got(b)]).toEqual([[], []]);
  });
});

describe("lines", () => {
  test.each([
    ["a folded line", "X-Own: a\r\n b"],
    ["a folded line that looks like a header", "X-Own: a\r\n Host: b"],
    ["a CR alone", "X-Own: a\rX-Other: b"],
    ["a NUL", "X-Own: a\0b"],
    ["a space before the colon", "X-Own : a"],
    ["a space in the name", "X Own: a"],
    ["no name", ": a"],
    ["no colon", "X-Own"],
    ["a byte above 0x7f in the name", "X-\xd6wn: a"],
  ])("%s is refused", async (_, line) => {
    expect(await answers(`GET /a/x HTTP/1.1\r\nHost: r\r\n${line}\r\n\r\n${HIDDEN}`)).toEqual(REFUSED);
    expect([got(a), got(b)]).toEqual([[], []]);
  });

  test("an LF alone ends a line, and the replica gets whole line ends", async () => {
    expect(await answers("GET /a/x HTTP/1.1\nHost: r\nX-Own: a\nX-Other: b\n\n")).toEqual(SERVED);
    expect(a.last.headers).toMatchObject({ "x-own": "a", "x-other": "b" });
  });

  test("an LF alone also ends a line that hides a framing: the chunks count", async () => {
    const body = `0\r\n\r\n${HIDDEN}`;
    expect(await answers(`${POST}X-Own: a\nTransfer-Encoding: chunked\r\n${lengthOf(body)}\r\n${body}`)).toEqual(SERVED);
    expect([got(a), got(b)]).toEqual([["POST /x"], []]);
  });

  test("escaped line ends in a value stay text", async () => {
    await answers("GET /a/x HTTP/1.1\r\nHost: r\r\nX-Own: a%0d%0aX-Other: b\\r\\nX-Third: c\r\n\r\n");
    expect(a.last.headers["x-own"]).toBe("a%0d%0aX-Other: b\\r\\nX-Third: c");
    expect(a.last.headers).not.toHaveProperty("x-other");
  });
});

describe("other protocols", () => {
  test.each([
    ["CONNECT", `CONNECT b:80 HTTP/1.1\r\nHost: r\r\n\r\n${HIDDEN}`, ["500 http"]],
    ["the preface of HTTP/2", `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${HIDDEN}`, []],
    ["HTTP/0.9", `GET /b/hidden\r\n\r\n${HIDDEN}`, REFUSED],
    ["a version that is none", `GET /b/hidden HTTP/9.9\r\nHost: r\r\n\r\n${HIDDEN}`, null],
  ])("%s reaches nobody", async (_, text, expected) => {
    const outcomes = await answers(text);
    if (expected !== null) expect(outcomes).toEqual(expected);
    expect([got(a), got(b)]).toEqual([[], []]);
  });

  test("an upgrade to another protocol keeps its body", async () => {
    const text = `${POST}Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n${lengthOf(HIDDEN)}\r\n${HIDDEN}`;
    expect(await answers(text)).toEqual(SERVED);
    expect([got(a), got(b)]).toEqual([[`POST /x ${HIDDEN}`], []]);
    for (const name of ["upgrade", "http2-settings"]) expect(a.last.headers).not.toHaveProperty(name);
  });
});
