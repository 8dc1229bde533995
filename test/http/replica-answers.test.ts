// A replica that answers with odd bytes. The client gets one whole response with the router's own headers, or the router's error.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Draw } from "../fuzz/draw.ts";
import { mutate } from "../fuzz/raw-inputs.ts";
import { ResponseReader, type Response } from "../fuzz/responses.ts";
import { exchange, RawReplica } from "../support/raw.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";
import { rawRequest } from "../support/wire.ts";

let router: TestRouter;
let replica: RawReplica;
let incarnation = 0;

beforeAll(async () => {
  router = await TestRouter.start();
  replica = await RawReplica.start();
});
afterAll(async () => {
  for (const its of [replica, router]) await its[Symbol.asyncDispose]();
});
/** A new incarnation, so that no earlier answer has ejected the replica. */
beforeEach(async () => {
  router.log.length = 0;
  replica.received.length = 0;
  await router.join({ app: "a", replica: "r", origin: replica.origin, concurrency: 100, incarnation: ++incarnation });
});

const OK = "HTTP/1.1 200 OK\r\n";
const BODY = "Content-Length: 2\r\n\r\nok";
const REQUEST_ID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** The response as a strict client reads it, and every byte that came. */
async function answerTo(answer: string, lines = ""): Promise<{ readonly response: Response; readonly bytes: string }> {
  replica.answer = answer;
  const bytes = await exchange(router.port, `GET /a/x HTTP/1.1\r\nHost: r\r\n${lines}\r\n`);
  const reader = new ResponseReader();
  reader.push(Buffer.from(bytes, "latin1"));
  const response = reader.next(false);
  if (response === null) throw new Error(`no whole response: ${JSON.stringify(bytes)}`);
  expect(reader.rest.toString("latin1")).toBe("");
  return { response, bytes };
}

function expectServed({ status, headers }: Response, expected = 200): void {
  expect({ status, from: headers.get("x-fal-served-from") }).toEqual({ status: expected, from: "r" });
  expect(headers.get("x-warmpath-reason")).toBe("least_loaded");
  expect(headers.get("x-fal-request-id")).toMatch(REQUEST_ID);
}

function expectDisconnected({ status, headers }: Response): void {
  expect({ status, type: headers.get("x-fal-error-type") }).toEqual({ status: 502, type: "runner_disconnected" });
  expect(headers.has("x-fal-served-from")).toBe(false);
}

describe("is no response, which is the router's 502", () => {
  test.each([
    ["nothing", ""],
    ["noise", "\0\x01\x02"],
    ["another protocol", "SSH-2.0-x\r\n"],
    ["a body alone", "hello\r\n\r\n"],
    ["another protocol's name", `HTP/1.1 200 OK\r\n${BODY}`],
    ["another version", `HTTP/9.9 200 OK\r\n${BODY}`],
    ["a space before it", ` ${OK}${BODY}`],
    ["status 2000", `HTTP/1.1 2000 OK\r\n${BODY}`],
    ["status 099", `HTTP/1.1 099 OK\r\n${BODY}`],
    ["status -200", `HTTP/1.1 -200 OK\r\n${BODY}`],
    ["status 600", `HTTP/1.1 600 OK\r\n${BODY}`],
    ["status 999", `HTTP/1.1 999 OK\r\n${BODY}`],
    ["a status that is no number", `HTTP/1.1 abc OK\r\n${BODY}`],
    ["a CR in the reason", `HTTP/1.1 200 OK\rX: y\r\n${BODY}`],
    ["an interim response alone", "HTTP/1.1 100 Continue\r\n\r\n"],
    [
      "101 to a request that asked for no upgrade",
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    ],
    ["a space in a name", `${OK}X A: b\r\n${BODY}`],
    ["a space before the colon", `${OK}X-A : b\r\n${BODY}`],
    ["no name", `${OK}: b\r\n${BODY}`],
    ["no colon", `${OK}XA\r\n${BODY}`],
    ["a byte above 0x7f in a name", `${OK}\xe9: b\r\n${BODY}`],
    ["a NUL in a value", `${OK}X-A: b\0c\r\n${BODY}`],
    ["a CR in a value", `${OK}X-A: b\rX-B: c\r\n${BODY}`],
    ["a folded line", `${OK}X-A: b\r\n x-fal-served-from: c\r\n${BODY}`],
    ["two lengths", `${OK}Content-Length: 3\r\n${BODY}`],
    ["a length that is none", `${OK}Content-Length: abc\r\n\r\nok`],
    ["a negative length", `${OK}Content-Length: -2\r\n\r\nok`],
    ["a length that is not reached", `${OK}Content-Length: 20\r\n\r\nok`],
  ])("%s", async (_, answer) => {
    expectDisconnected((await answerTo(answer)).response);
    expect(router.log.filter((line) => line.includes("failed in the router"))).toEqual([]);
  });
});

describe("is a response, and the client gets one that is framed anew", () => {
  test.each([
    ["no reason", `HTTP/1.1 200\r\n${BODY}`, "ok"],
    ["HTTP/1.0", `HTTP/1.0 200 OK\r\n${BODY}`, "ok"],
    ["line feeds alone", "HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "ok"],
    ["the same length twice", `${OK}Content-Length: 2\r\n${BODY}`, "ok"],
    ["a list of the same length", `${OK}Content-Length: 2, 2\r\n\r\nok`, "ok"],
    [
      "a length and chunks: chunks count",
      `${OK}Content-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
      "abc",
    ],
    ["neither: the end counts", `${OK}\r\nok`, "ok"],
    [
      "interim responses before it",
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n${OK}${BODY}`,
      "ok",
    ],
    ["another response after it", `${OK}${BODY}${OK}X-Evil: 1\r\n${BODY}`, "ok"],
  ])("%s", async (_, answer, body) => {
    const { response, bytes } = await answerTo(answer);
    expectServed(response);
    expect(response.body.toString()).toBe(body);
    expect(bytes).not.toMatch(/x-evil|x-early/i);
  });

  test("a length and chunks that go on: they reach the client as they come", async () => {
    await using streaming = await TestReplica.start((_request, response) => {
      response.socket?.write(`${OK}Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n`);
    });
    await router.join({ app: "goes-on", replica: "r", origin: streaming.origin });
    const socket = await rawRequest(router.port, "/goes-on/x");
    let got = "";
    socket.on("data", (chunk: Buffer) => (got += chunk.toString()));
    await until("the first chunk is there", () => got.includes("abc"));
    expect(got).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(got).not.toMatch(/content-length/i);
    socket.resetAndDestroy();
  });

  test("chunks that break off break off for the client too", async () => {
    await expect(answerTo(`${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\nno\r\n0\r\n\r\n`)).rejects.toThrow(
      "no whole response",
    );
  });

  test("trailers stay behind", async () => {
    const { response, bytes } = await answerTo(
      `${OK}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Fal-Served-From: evil\r\n\r\n`,
    );
    expectServed(response);
    expect(bytes).not.toContain("evil");
  });

  test.each([204, 304])("a body where none may be, with %i, is dropped", async (status) => {
    expectServed((await answerTo(`HTTP/1.1 ${status} X\r\n${BODY}`)).response, status);
  });

  test.each([
    ["short", `HTTP/1.1 200 O\tK\r\n${BODY}`],
    ["in chunks", `HTTP/1.1 200 O\tK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`],
    ["an error that is kept while another replica is looked for", `HTTP/1.1 503 O\tK\r\n${BODY}`],
  ])("a reason with a tab, which can't be sent, is left out: %s", async (_, answer) => {
    const { response, bytes } = await answerTo(answer);
    expectServed(response, answer.includes("503") ? 503 : 200);
    expect(response.body.toString()).toBe("ok");
    expect(bytes).toMatch(/^HTTP\/1\.1 (200 (OK)?|503 (Service Unavailable)?)\r\n/);
  });

  test("a value may hold anything but line ends, and stays one value", async () => {
    const { response } = await answerTo(`${OK}X-A: a%0d%0aX-B: c\\r\\nX-C: d\x01\x7f\x85\xff\r\n${BODY}`);
    expectServed(response);
    expect(response.headers.get("x-a")).toBe("a%0d%0aX-B: c\\r\\nX-C: d\x01\x7f\x85\xff");
    for (const name of ["x-b", "x-c"]) expect(response.headers.has(name)).toBe(false);
  });

  test("large headers pass", async () => {
    const many = Array.from({ length: 2000 }, (_, index) => `x-${index}: y\r\n`).join("");
    const { response } = await answerTo(`${OK}X-A: ${"x".repeat(60_000)}\r\n${many}${BODY}`);
    expectServed(response);
    expect(response.headers.get("x-a")).toHaveLength(60_000);
  });
});

describe("pretends to be the router", () => {
  const FORGED_LINES = [
    "X-Fal-Served-From: evil",
    "x-fal-served-from: evil too",
    "X-WARMPATH-REASON: evil",
    "X-Warmpath-Signature: evil",
    "x-warmpath-made-up: evil",
    "X-Fal-Request-Id: evil",
    "X-Fal-Needs-Retry: 0",
  ];

  test("its replica, reason and id are the router's own, and each is there once", async () => {
    const { response, bytes } = await answerTo(`${OK}${FORGED_LINES.join("\r\n")}\r\n${BODY}`);
    expectServed(response);
    expect(bytes).not.toMatch(/evil|needs-retry/i);
  });

  test("Connection cannot take them away", async () => {
    const names = "x-fal-served-from, x-warmpath-reason, x-fal-request-id, server-timing, content-length, date";
    const { response } = await answerTo(`${OK}Connection: ${names}\r\nServer-Timing: gpu;dur=1\r\n${BODY}`);
    expectServed(response);
    expect(response.headers.get("server-timing")).toMatch(/^queue;dur=\d+, route;dur=\d+$/);
    expect(response.body.toString()).toBe("ok");
  });

  test("the request's id is the one that the replica got, whatever the client and the replica say", async () => {
    const { response } = await answerTo(`${OK}X-Fal-Request-Id: evil\r\n${BODY}`, "X-Fal-Request-Id: evil\r\n");
    const [, sent] = /^x-fal-request-id: (.*)\r$/im.exec(replica.received[0] ?? "") ?? [];
    expect(sent).toMatch(REQUEST_ID);
    expect(response.headers.get("x-fal-request-id")).toBe(sent);
  });

  test("an error's type passes, beside x-fal-served-from, which no error of the router has", async () => {
    const forged =
      "X-Fal-Error-Type: internal_error\r\nX-Fal-Request-Timeout-Type: user\r\nContent-Type: application/problem+json\r\n";
    const { response } = await answerTo(`HTTP/1.1 504 Gateway Timeout\r\n${forged}${BODY}`);
    expectServed(response, 504);
    expect(response.headers.get("x-fal-error-type")).toBe("internal_error");
    expect(response.headers.get("x-fal-request-timeout-type")).toBe("user");
    expectDisconnected((await answerTo("")).response);
  });
});

describe("has some of its bytes changed", () => {
  const FORGED = "X-Fal-Served-From: evil\r\nX-Warmpath-Reason: evil\r\nX-Fal-Request-Id: evil\r\nX-Own: v\r\n";
  const WHOLE = [
    `${OK}${FORGED}${BODY}`,
    `${OK}${FORGED}Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n`,
    `HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 404 Not Found\r\n${FORGED}${BODY}`,
  ];
  const ONCE = ["x-fal-request-id", "x-fal-served-from", "x-warmpath-reason", "x-fal-error-type", "content-length"];

  const ANSWERS = 500;
  const LANES = 10;

  /** The answers are drawn before the lanes take them, so they are the same whichever lane is faster. */
  function drawn(): string[] {
    const draw = new Draw(1);
    return Array.from({ length: ANSWERS }, () => {
      let answer = draw.pick(WHOLE);
      for (let change = draw.int(1, 3); change > 0; change--) answer = mutate(draw, answer);
      return answer;
    });
  }

  /** Checks what the client gets if the app's replica answers with these bytes. Returns the status. */
  async function told(app: string, its: RawReplica, answer: string, number: number): Promise<string> {
    await router.join({ app, replica: "r", origin: its.origin, concurrency: 100, incarnation: number });
    its.answer = answer;
    const bytes = await exchange(router.port, `GET /${app}/x HTTP/1.1\r\nHost: r\r\n\r\n`);
    const [head = ""] = bytes.split("\r\n\r\n", 1);
    const [first = "", ...lines] = head.split("\r\n");
    const because = JSON.stringify({ answer, bytes });
    expect(first, because).toMatch(/^HTTP\/1\.1 [2-5]\d\d [^\0\r\n]*$/);
    for (const line of lines) expect(line, because).toMatch(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+: [^\0\r\n]*$/);
    const names = lines.map((line) => line.split(":", 1)[0]?.toLowerCase() ?? "");
    for (const name of ONCE) expect(names.filter((one) => one === name).length, because).toBeLessThanOrEqual(1);
    const value = (name: string) => lines[names.indexOf(name)]?.slice(name.length + 2);
    expect(value("x-fal-request-id"), because).toMatch(REQUEST_ID);
    if (value("x-fal-served-from") === "r") expect(value("x-warmpath-reason"), because).toBe("least_loaded");
    else expect([first.slice(9, 12), value("x-fal-error-type")], because).toEqual(["502", "runner_disconnected"]);
    return first.slice(9, 12);
  }

  test("the client gets a whole head with the router's own words, each once", { timeout: 60_000 }, async () => {
    const answers = drawn();
    const statuses = new Set<string>();
    let next = 0;
    await Promise.all(
      Array.from({ length: LANES }, async (_, lane) => {
        await using its = await RawReplica.start();
        while (next < ANSWERS) {
          const number = next++;
          statuses.add(await told(`lane-${lane}`, its, answers[number] ?? "", number + 1));
        }
        await expect.poll(async () => (await router.view(`lane-${lane}`)).in_flight).toBe(0);
      }),
    );
    expect([...statuses]).toEqual(expect.arrayContaining(["200", "404", "502"]));
    expect(router.log.filter((line) => line.includes("failed in the router"))).toEqual([]);
  });
});

test("hints in band: parts that can't be hints are skipped, and none ends a line", async () => {
  const hints = "a\x01b, sdxl, \xe9, x%0d%0aX-Evil: 1, \x7f, \xc3\xa9, y\\r\\n, ,, flux";
  const { response } = await answerTo(`${OK}X-Fal-Runner-Hints: ${hints}\r\n${BODY}`);
  expectServed(response);
  await expect
    .poll(async () => (await router.view("a")).replicas[0]?.hints)
    .toEqual(["sdxl", "x%0d%0aX-Evil: 1", "y\\r\\n", "flux"]);
});

test("an id and hints of every character that is allowed come through headers as they are", async () => {
  const printable = Array.from({ length: 95 }, (_, index) => String.fromCharCode(0x20 + index)).join("");
  const [id, hint] = [printable.slice(1), `x${printable.replace(",", "")}x`];
  await router.join({ app: "odd", replica: id, origin: replica.origin, hints: [hint], hint_slots: 1 });
  replica.answer = `${OK}${BODY}`;
  const warm = await router.send("/odd/x", { headers: { "x-fal-runner-hint": hint } });
  expect(warm.headers).toMatchObject({ "x-fal-served-from": id, "x-warmpath-reason": "hint_match" });
});
