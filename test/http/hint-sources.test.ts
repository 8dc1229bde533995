// Hints from paths, queries and JSON bodies: whatever a body is and however it comes, the replica gets it byte for byte, and its hint is JSON.parse's answer.
import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BOUNDS } from "../../src/limits.ts";
import { hintOf } from "../../src/wire/hints.ts";
import { seeded } from "../routing/support/seeded.ts";
import { json, textsAt, written } from "../support/json-text.ts";
import { TestReplica, type Answer } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

/** Longer bodies are streamed, as those of unknown length are. */
const KEPT_BYTES = 300;
const TIMEOUT_MS = 600;

let router: TestRouter;
let replica: TestReplica;
/** Answers as soon as the first bytes of the body are there. */
let early: TestReplica;
let earlyBytes = 0;
/** Answers only a body that has come to its end. */
let patient: TestReplica;
let wholeBodies = 0;
beforeAll(async () => {
  router = await TestRouter.start({
    HINT_FROM_JSON: "/model",
    HINT_FROM_QUERY: "model",
    HINT_FROM_PATH: "/models/{hint}/*",
    HINT_ALIASES: JSON.stringify({ alias: "sdxl" }),
    RETRY_BODY_MAX_BYTES: String(KEPT_BYTES),
    FIRST_BYTE_TIMEOUT_MS: String(TIMEOUT_MS),
  });
  replica = await TestReplica.start();
  await router.join({ app: "app", replica: "r", origin: replica.origin, hints: ["sdxl", "flux"], concurrency: 64 });
  const answersEarly: Answer = (request, response) => {
    request.on("error", () => {});
    request.on("data", (bytes: Buffer) => {
      earlyBytes += bytes.length;
      if (!response.headersSent) response.writeHead(200).write("begun");
    });
    request.on("end", () => response.end());
  };
  early = await TestReplica.start(answersEarly, { raw: true });
  await router.join({ app: "early", replica: "r", origin: early.origin, hints: ["sdxl"], concurrency: 4 });
  const answersWhole: Answer = (request, response) => {
    request.on("error", () => {});
    request.on("end", () => {
      // The router asks a replica OPTIONS whose request broke off.
      if (request.method === "POST") wholeBodies++;
      response.end();
    });
    request.resume();
  };
  patient = await TestReplica.start(answersWhole, { raw: true });
  await router.join({ app: "patient", replica: "r", origin: patient.origin, hints: ["sdxl"], concurrency: 4 });
});
afterAll(async () => {
  await patient[Symbol.asyncDispose]();
  await early[Symbol.asyncDispose]();
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

const inFlight = async (app: string) => (await router.view(app)).in_flight;
const sha = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const JSON_TYPE = { "content-type": "application/json" };

interface Sent {
  readonly status: number;
  readonly reason: string | undefined;
}

/** A POST whose body goes out in these pieces: chunks, or with a length the parts of it. */
function post(pieces: readonly Uint8Array[], headers: Readonly<Record<string, string>>, target = "/app/run"): Promise<Sent> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest(
      { host: "127.0.0.1", port: router.port, path: target, method: "POST", headers, agent: false },
      (incoming) => {
        incoming.resume();
        incoming.on("error", reject);
        incoming.on("end", () => {
          resolve({ status: incoming.statusCode ?? 0, reason: incoming.headers["x-warmpath-reason"] as string | undefined });
        });
      },
    );
    outgoing.on("error", reject);
    outgoing.setNoDelay(true);
    for (const piece of pieces) if (piece.length > 0) outgoing.write(piece);
    outgoing.end();
  });
}

/** By the hint, as far as it tells: the replica holds `sdxl` and `flux`. */
function reasonFor(hint: string | null): RegExp {
  if (hint === null) return /^least_loaded$/;
  return hint === "sdxl" || hint === "flux" ? /^hint_match$/ : /^(hint_match|hash_owner)$/;
}

describe("a body", () => {
  const body = fc
    .tuple(
      json,
      fc.infiniteStream(fc.nat({ max: 999 })),
      fc.constantFrom("sdxl", "flux", null, "other"),
      fc.array(fc.nat({ max: 9999 }), { maxLength: 5 }),
      fc.constantFrom(0, 0, KEPT_BYTES, 10_000, BOUNDS.hintBodyBytes, 150_000),
      fc.boolean(),
      fc.boolean(),
    )
    .map(([tree, numbers, model, places, padding, first, isChunked]) => {
      const draw = (below: number) => (numbers.next().value as number) % below;
      const members: (readonly [string, typeof tree])[] = tree.kind === "object" ? [...tree.members] : [];
      // One of that name at most, since of several the one that counts depends on how the body is read.
      const others = members.filter(([name]) => name !== "model");
      const own: typeof members = model === null ? [] : [["model", { kind: "text", text: model }]];
      const long: typeof members = padding === 0 ? [] : [["image", { kind: "text", text: "A".repeat(padding) }]];
      const whole = { kind: "object", members: first ? [...own, ...others, ...long] : [...long, ...others, ...own] } as const;
      const text = written(whole, draw);
      const bytes = Buffer.from(text);
      const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
      const pieces = cuts.slice(1).map((cut, index) => bytes.subarray(cuts[index], cut));
      const [its = null] = textsAt(whole, ["model"]);
      // Far enough inside or outside of what is looked through, with the spaces that may stand around it.
      const isSeen = first || bytes.length < BOUNDS.hintBodyBytes;
      return { bytes, pieces, hint: isSeen && its !== null ? hintOf(its) : null, isChunked };
    });

  test("of any JSON and any framing reaches the replica as it was sent, by its hint", { timeout: 60_000 }, async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(body, async ({ bytes, pieces, hint, isChunked }) => {
        const framing: Record<string, string> = isChunked
          ? { "transfer-encoding": "chunked" }
          : { "content-length": String(bytes.length) };
        const { status, reason } = await post(pieces, { ...JSON_TYPE, ...framing });
        expect(status).toBe(200);
        expect(reason).toMatch(reasonFor(hint));
        const { body: got, headers } = replica.last;
        expect(sha(got)).toBe(sha(bytes));
        expect([headers["content-length"], headers["transfer-encoding"]]).toEqual(
          isChunked ? [undefined, "chunked"] : [String(bytes.length), undefined],
        );
        const kind = `${isChunked ? "chunked" : bytes.length > KEPT_BYTES ? "long" : "short"}, ${hint === null ? "none" : "hint"}`;
        seen.set(kind, (seen.get(kind) ?? 0) + 1);
      }),
      seeded(250),
    );
    expect([...seen.keys()].toSorted()).toEqual([
      "chunked, hint",
      "chunked, none",
      "long, hint",
      "long, none",
      "short, hint",
      "short, none",
    ]);
    for (const [kind, count] of seen) expect(count, kind).toBeGreaterThan(5);
  });

  test("with an image of megabytes, one byte a chunk at first", async () => {
    const bytes = Buffer.from(JSON.stringify({ model: "flux", image: `data:image/png;base64,${"iVBORw0KGgo".repeat(300_000)}` }));
    const pieces = [...Array.from({ length: 40 }, (_, index) => bytes.subarray(index, index + 1)), bytes.subarray(40)];
    for (const framing of [{ "content-length": String(bytes.length) }, { "transfer-encoding": "chunked" }]) {
      expect(await post(pieces, { ...JSON_TYPE, ...framing } as Record<string, string>)).toEqual({
        status: 200,
        reason: "hint_match",
      });
      expect(sha(replica.last.body)).toBe(sha(bytes));
    }
  });

  test.each<[string, Buffer, Record<string, string>]>([
    ["that is no JSON", Buffer.from('{"model": sdxl'), JSON_TYPE],
    ["of another type", Buffer.from('{"model":"sdxl"}'), { "content-type": "text/plain" }],
    ["without a type", Buffer.from('{"model":"sdxl"}'), {}],
    ["that is compressed", gzipSync('{"model":"sdxl"}'), { ...JSON_TYPE, "content-encoding": "gzip" }],
    ["whose model can't be a hint", Buffer.from('{"model":"sdxl,flux"}'), JSON_TYPE],
    ["whose model is no text", Buffer.from('{"model":{"name":"sdxl"}}'), JSON_TYPE],
    ["without a byte", Buffer.alloc(0), JSON_TYPE],
  ])("%s has no hint, and passes", async (_, bytes, headers) => {
    for (const framing of [{ "content-length": String(bytes.length) }, { "transfer-encoding": "chunked" }]) {
      expect(await post([bytes], { ...headers, ...framing } as Record<string, string>)).toEqual({
        status: 200,
        reason: "least_loaded",
      });
      expect(replica.last.body.equals(bytes)).toBe(true);
      expect(replica.last.headers["content-encoding"]).toBe(headers["content-encoding"]);
    }
  });

  test("of a GET is left alone", async () => {
    const reply = await router.send("/app/x", { headers: { ...JSON_TYPE, "content-length": "16" }, body: '{"model":"sdxl"}' });
    expect([reply.status, reply.headers["x-warmpath-reason"]]).toEqual([200, "least_loaded"]);
    expect(replica.last.body.toString()).toBe('{"model":"sdxl"}');
  });

  test("whose client waits for 100 Continue is asked for", async () => {
    const { socket, text } = await begin("app", "content-length: 16\r\nexpect: 100-continue", "");
    await until(
      "it is asked for, or the client sends anyway",
      async () => text().includes("100 Continue") || socket.write('{"model":"sdxl"}'),
    );
    if (text().includes("100 Continue")) socket.write('{"model":"sdxl"}');
    await until("it is answered", () => /HTTP\/1\.1 200 .*x-warmpath-reason: hint_match/s.test(text()));
    socket.destroy();
  });
});

/** A request whose body has begun. The caller sends the rest. */
async function begin(
  app: string,
  headers: string,
  body: string,
): Promise<{ readonly socket: Socket; readonly text: () => string }> {
  const socket = connect(router.port, "127.0.0.1");
  socket.on("error", () => {});
  let text = "";
  socket.on("data", (bytes: Buffer) => (text += bytes.toString()));
  socket.write(
    `POST /${app}/run HTTP/1.1\r\nhost: r\r\nconnection: close\r\ncontent-type: application/json\r\n${headers}\r\n\r\n${body}`,
  );
  return { socket, text: () => text };
}

const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;

/** Another client's request, which is over when this ends: by then the router has read what was written before it. */
async function another(): Promise<void> {
  const sent = await post([Buffer.from('{"model":"sdxl"}')], { ...JSON_TYPE, "transfer-encoding": "chunked" });
  expect(sent).toEqual({ status: 200, reason: "hint_match" });
}

describe("a client that sends slowly", () => {
  test.each([
    ["chunks", "transfer-encoding: chunked", chunk],
    ["a known length", "content-length: 5000", (text: string) => text],
  ])("holds no slot until the hint is there, in %s; then nothing waits for the rest", async (_, framing, framed) => {
    earlyBytes = 0;
    const { socket, text } = await begin("early", framing, framed('{"mod'));
    await another();
    expect([await inFlight("early"), early.running]).toEqual([0, 0]);
    socket.write(framed('el":"sd'));
    socket.write(framed('xl","prompt":"'));
    await until("the replica answers a body that has only begun", () => text().includes("begun"));
    expect(text()).toMatch(/x-warmpath-reason: hint_match/);
    expect(await inFlight("early")).toBe(1);
    const before = earlyBytes;
    socket.write(framed("more"));
    await until("more goes on as it comes", () => earlyBytes === before + 4);
    socket.resetAndDestroy();
    await until("the slot is free", async () => (await inFlight("early")) === 0);
  });

  test("has the time of a body that is kept, and then 408, without a slot", async () => {
    const received = replica.received.length;
    const { socket, text } = await begin("app", "transfer-encoding: chunked", chunk('{"mod'));
    await until("it is answered", () => /HTTP\/1\.1 408 .*x-fal-error-type: upload_timeout/s.test(text()));
    expect([await inFlight("app"), replica.received.length]).toEqual([0, received]);
    socket.destroy();
  });

  test("has the request's own time, if that is shorter", async () => {
    const { socket, text } = await begin("app", "transfer-encoding: chunked\r\nx-fal-request-timeout: 0.2", chunk('{"mod'));
    await until("it is answered", () => /HTTP\/1\.1 504 .*x-fal-request-timeout-type: user/s.test(text()));
    socket.destroy();
  });

  test("and breaks off before the hint is there reaches nobody", async () => {
    const received = replica.received.length;
    for (const end of ["reset", "close"]) {
      const { socket } = await begin("app", "transfer-encoding: chunked", chunk('{"mod'));
      await another();
      if (end === "reset") socket.resetAndDestroy();
      else socket.end();
    }
    await another();
    expect([await inFlight("app"), replica.received.length]).toEqual([0, received + 3]);
  });

  test.each([
    ["resets", "transfer-encoding: chunked", chunk],
    ["closes", "transfer-encoding: chunked", chunk],
    ["resets", "content-length: 5000", (text: string) => text],
    ["closes", "content-length: 5000", (text: string) => text],
  ])("and %s after that shows the replica no whole body, with %s, and ejects nobody", async (how, framing, framed) => {
    const { aborted } = patient;
    const { socket } = await begin("patient", framing, framed('{"model":"sdxl",'));
    await until("the replica has its beginning", () => patient.running === 1);
    if (how === "resets") socket.resetAndDestroy();
    else socket.end();
    await until("its request has ended", () => patient.running === 0);
    await until("the slot is free", async () => (await inFlight("patient")) === 0);
    expect([wholeBodies, patient.aborted]).toEqual([0, aborted + 1]);
    expect((await router.view("patient")).replicas).toMatchObject([{ ejected_for_ms: 0, last_error: null }]);
    socket.destroy();
  });

  test("and closes once the replica answers frees the slot, and ejects nobody", async () => {
    const { socket, text } = await begin("early", "transfer-encoding: chunked", chunk('{"model":"sdxl",'));
    await until("the replica answers", () => text().includes("begun"));
    socket.end();
    await until("the slot is free", async () => (await inFlight("early")) === 0);
    expect((await router.view("early")).replicas).toMatchObject([{ ejected_for_ms: 0, last_error: null }]);
    socket.destroy();
  });
});

test("a replica that does not begin to answer a peeked body in time is the 504 of any other", async () => {
  await using silent = await TestReplica.start(() => {}, { raw: true });
  await router.join({ app: "silent", replica: "r", origin: silent.origin, hints: ["sdxl"] });
  const bytes = Buffer.from(JSON.stringify({ model: "sdxl", image: "A".repeat(2_000_000) }));
  const { status } = await post([bytes], { ...JSON_TYPE, "content-length": String(bytes.length) }, "/silent/run");
  expect(status).toBe(504);
  expect(await inFlight("silent")).toBe(0);
});

test("a replica that answers without reading the body is heard", async () => {
  await using full = await TestReplica.start((_request, response) => response.writeHead(413, { "content-length": 2 }).end("no"), {
    raw: true,
  });
  await router.join({ app: "full", replica: "r", origin: full.origin, hints: ["sdxl"] });
  const bytes = Buffer.from(JSON.stringify({ model: "sdxl", image: "A".repeat(100_000) }));
  const { status } = await post([bytes], { ...JSON_TYPE, "transfer-encoding": "chunked" }, "/full/run");
  expect(status).toBe(413);
  expect(await inFlight("full")).toBe(0);
});

test("a kept body is sent again with its hint, to another replica that holds it", async () => {
  let refused = 0;
  const refusesFirst: Answer = (request, response) => {
    if (request.method === "POST" && refused++ === 0) response.writeHead(503);
    response.end();
  };
  await using warm = await TestReplica.start(refusesFirst);
  await using cold = await TestReplica.start();
  for (const id of ["one", "two"]) await router.join({ app: "again", replica: id, origin: warm.origin, hints: ["sdxl"] });
  for (const id of ["three", "four"]) await router.join({ app: "again", replica: id, origin: cold.origin, hints: [] });
  const bytes = Buffer.from('{"model":"sdxl"}');
  const sent = await post([bytes], { ...JSON_TYPE, "content-length": String(bytes.length) }, "/again/run");
  expect(sent).toEqual({ status: 200, reason: "hint_match" });
  expect([refused, cold.received.length]).toEqual([2, 0]);
  expect(warm.received.filter(({ body }) => body.equals(bytes))).toHaveLength(2);
});

test("the router has no error of its own in all of this", () => {
  expect(router.log.filter((line) => /failed in the router|error:|Uncaught/i.test(line))).toEqual([]);
});
