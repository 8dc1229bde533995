// WebSockets through the router: subprotocol, text and bytes, and close codes both ways. A slot is held for exactly as long as the connection, and none for a
// handshake that the runtime would refuse.
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { exchange } from "../support/raw.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
let replica: TestReplica;
let sockets: WebSocketServer;
const served: { socket: WebSocket; closed: [number, string] | null }[] = [];

beforeAll(async () => {
  router = await TestRouter.start();
  replica = await TestReplica.start();
  sockets = new WebSocketServer({ server: replica.server, handleProtocols: (offered) => (offered.has("v2") ? "v2" : false) });
  sockets.on("connection", (socket) => {
    const one: (typeof served)[number] = { socket, closed: null };
    served.push(one);
    socket.on("message", (data: Buffer, binary) => socket.send(binary ? data : `echo ${data.toString()}`, { binary }));
    socket.on("close", (code, reason) => (one.closed = [code, reason.toString()]));
    socket.on("error", () => {});
  });
  await router.join({ app: "ws", replica: "r", origin: replica.origin, hints: ["live"] });
});
afterAll(async () => {
  sockets.close();
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

const inFlight = async () => (await router.view("ws")).in_flight;

async function open(protocols: string[] = []): Promise<{ client: WebSocket; headers: Record<string, unknown> }> {
  const client = new WebSocket(`ws://127.0.0.1:${router.port}/ws/live?x=1`, protocols, {
    headers: { "x-fal-runner-hint": "live" },
  });
  client.on("error", () => {});
  const upgraded = once(client, "upgrade") as Promise<[{ headers: Record<string, unknown> }]>;
  await once(client, "open");
  const [{ headers }] = await upgraded;
  return { client, headers };
}

test("text and bytes go both ways, and the answer says who serves", async () => {
  const { client, headers } = await open(["v1", "v2"]);
  expect(client.protocol).toBe("v2");
  expect([headers["x-fal-served-from"], headers["x-warmpath-reason"]]).toEqual(["r", "hint_match"]);
  client.send("hello");
  expect(String((await once(client, "message"))[0])).toBe("echo hello");
  client.send(Buffer.from([0, 255, 7]));
  expect((await once(client, "message"))[0]).toEqual(Buffer.from([0, 255, 7]));
  expect(await inFlight()).toBe(1);
  client.close(4001, "done here");
  await once(client, "close");
  await until("the replica has closed", () => served.at(-1)?.closed !== null);
  expect(served.at(-1)?.closed).toEqual([4001, "done here"]);
  await until("the slot is free", async () => (await inFlight()) === 0);
});

test("a replica's close code reaches the client", async () => {
  const { client } = await open();
  served.at(-1)?.socket.close(4009, "busy");
  const [code, reason] = (await once(client, "close")) as [number, Buffer];
  expect([code, reason.toString()]).toEqual([4009, "busy"]);
  await until("the slot is free", async () => (await inFlight()) === 0);
});

test("a client that resets frees the slot and ends the replica's connection", async () => {
  const { client } = await open();
  expect(await inFlight()).toBe(1);
  (client as unknown as { _socket: { resetAndDestroy(): void } })._socket.resetAndDestroy();
  await until("the slot is free", async () => (await inFlight()) === 0);
  await until("the replica's connection has ended", () => served.at(-1)?.closed !== null);
});

test.each(["client", "replica"] as const)(
  "after three breaks a connection that the %s closes in an orderly way is trusted",
  async (who) => {
    const app = `broken-by-${who}`;
    await router.join({ app, replica: "r", origin: replica.origin });
    const connect = async () => {
      const client = new WebSocket(`ws://127.0.0.1:${router.port}/${app}/live`);
      client.on("error", () => {});
      await once(client, "open");
      return client;
    };
    const its = async () => (await router.view(app)).replicas[0];
    for (let n = 1; n <= 3; n++) {
      const closed = once(await connect(), "close");
      served.at(-1)?.socket.terminate();
      await closed;
      await until("it counts", async () => (await router.view(app)).counters.failed["broken"] === n);
    }
    await until("time passes", async () => ((await its())?.ejected_for_ms ?? 0) < 10_000);
    const client = await connect();
    if (who === "client") client.close(1000);
    else served.at(-1)?.socket.close(1000);
    await until("it is trusted", async () => (await its())?.on_probation === false);
  },
);

test("a replica that breaks off ends the client's connection and frees the slot; it counts as its failure", async () => {
  const { client } = await open();
  const closed = once(client, "close");
  served.at(-1)?.socket.terminate();
  const [code] = (await closed) as [number];
  expect(code).toBe(1011);
  await until("the slot is free", async () => (await inFlight()) === 0);
  expect((await router.view("ws")).counters.failed).toMatchObject({ broken: 1 });
});

test("a long quiet connection keeps its slot", async () => {
  const { client } = await open();
  for (let polls = 0; polls < 60; polls++) {
    expect(await inFlight()).toBe(1);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  client.close();
  await until("the slot is free", async () => (await inFlight()) === 0);
});

interface Handshake {
  readonly request?: string;
  /** Header lines with their line ends. */
  readonly connection?: string;
  readonly upgrade?: string;
  readonly version?: string;
  readonly key?: string;
  readonly more?: string;
  readonly body?: string;
}

const KEY = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

function handshake({
  request = "GET /ws/live HTTP/1.1",
  connection = "Connection: Upgrade\r\n",
  upgrade = "Upgrade: websocket\r\n",
  version = "Sec-WebSocket-Version: 13\r\n",
  key = KEY,
  more = "",
  body = "",
}: Handshake): string {
  return `${request}\r\nHost: router.test\r\n${connection}${upgrade}${version}${key}${more}\r\n${body}`;
}

/** The answer to a handshake. Then the client closes, and the function waits until no slot is taken and no connection is left at the replica. */
async function answerTo(changes: Handshake): Promise<string> {
  const answer = await exchange(router.port, handshake(changes));
  await until("no slot is taken", async () => (await inFlight()) === 0);
  await until("the replica's connections have ended", () => served.every(({ closed }) => closed !== null));
  return answer;
}

const REFUSED: readonly (readonly [string, Handshake, string])[] = [
  ["no key", { key: "" }, "Sec-WebSocket-Key"],
  ["an empty key", { key: "Sec-WebSocket-Key:\r\n" }, "Sec-WebSocket-Key"],
  ["a short key", { key: "Sec-WebSocket-Key: dGhlIHNhbXBsZQ==\r\n" }, "Sec-WebSocket-Key"],
  ["a key with a space in it", { key: "Sec-WebSocket-Key: dGhlIHNhbXBs ZSBub25jZQ==\r\n" }, "Sec-WebSocket-Key"],
  ["a key in another base64", { key: "Sec-WebSocket-Key: __hlIHNhbXBsZSBub25jZQ==\r\n" }, "Sec-WebSocket-Key"],
  ["a key that is no ASCII", { key: "Sec-WebSocket-Key: \xff\xfelIHNhbXBsZSBub25jZQ==\r\n" }, "Sec-WebSocket-Key"],
  ["a key of 5000 characters", { key: `Sec-WebSocket-Key: ${"a".repeat(5000)}\r\n` }, "Sec-WebSocket-Key"],
  ["a key twice", { key: KEY + KEY }, "Sec-WebSocket-Key"],
  ["no version", { version: "" }, "Sec-WebSocket-Version"],
  ["version 8", { version: "Sec-WebSocket-Version: 8\r\n" }, "Sec-WebSocket-Version"],
  ["versions 13 and 8", { version: "Sec-WebSocket-Version: 13, 8\r\n" }, "Sec-WebSocket-Version"],
  ["version 13 twice", { version: "Sec-WebSocket-Version: 13\r\n".repeat(2) }, "Sec-WebSocket-Version"],
  ["version 013", { version: "Sec-WebSocket-Version: 013\r\n" }, "Sec-WebSocket-Version"],
  ["version 13 and a non-breaking space", { version: "Sec-WebSocket-Version: 13\xa0\r\n" }, "Sec-WebSocket-Version"],
  ["a connection to be closed", { connection: "Connection: close\r\n" }, "Connection"],
  ["a connection to be kept", { connection: "Connection: keep-alive\r\n" }, "Connection"],
  ["POST", { request: "POST /ws/live HTTP/1.1" }, "GET"],
  ["POST without a body", { request: "POST /ws/live HTTP/1.1", more: "Content-Length: 0\r\n" }, "GET"],
  ["PUT", { request: "PUT /ws/live HTTP/1.1" }, "GET"],
  ["DELETE", { request: "DELETE /ws/live HTTP/1.1" }, "GET"],
  ["OPTIONS", { request: "OPTIONS /ws/live HTTP/1.1" }, "GET"],
  ["HEAD, whose answer has no body", { request: "HEAD /ws/live HTTP/1.1" }, ""],
  ["POST, and all else missing", { request: "POST /ws/live HTTP/1.1", connection: "", version: "", key: "" }, "GET"],
  ["a body", { more: "Content-Length: 5\r\n", body: "hello" }, "body"],
  ["a body that breaks off", { more: "Content-Length: 5\r\n", body: "he" }, "body"],
  ["a body in chunks", { more: "Transfer-Encoding: chunked\r\n", body: "5\r\nhello\r\n0\r\n\r\n" }, "body"],
  ["an empty body in chunks", { more: "Transfer-Encoding: chunked\r\n", body: "0\r\n\r\n" }, "body"],
  ["HTTP/1.0 and no key", { request: "GET /ws/live HTTP/1.0", key: "" }, "Sec-WebSocket-Key"],
];

test.each(REFUSED)("a handshake with %s is refused before a slot is taken", async (_, changes, named) => {
  const before = served.length;
  const answer = await answerTo(changes);
  expect(answer).toMatch(/^HTTP\/1\.[01] 400 .*\r\nx-fal-error-type: bad_request\r\n/is);
  expect(answer).toContain(named);
  expect(served).toHaveLength(before);
});

test.each<[string, number, Handshake]>([
  ["as it should be", 101, {}],
  ["in other letters", 101, { upgrade: "UPGRADE: WebSocket\r\n", connection: "connection: keep-alive, upgrade\r\n" }],
  ["as Firefox makes it", 101, { connection: "Connection: keep-alive, Upgrade\r\n" }],
  [
    "with spaces around its values",
    101,
    { version: "Sec-WebSocket-Version: \t 13 \t\r\n", upgrade: "Upgrade:  websocket  \r\n" },
  ],
  ["on folded lines", 400, { version: "Sec-WebSocket-Version:\r\n 13\r\n", upgrade: "Upgrade:\r\n\twebsocket\r\n" }],
  ["without Connection", 101, { connection: "" }],
  ["with two lines of Connection", 101, { connection: "Connection: keep-alive\r\nConnection: Upgrade\r\n" }],
  ["with a length of 0", 101, { more: "Content-Length: 0\r\n" }],
  ["with extensions that are none", 101, { more: 'Sec-WebSocket-Extensions: ;;,="\r\n' }],
  ["with frames that are none at once", 101, { body: "\xff\xff\xff\xff\xff\xff" }],
  ["with another request after it", 101, { body: "GET /ws/x HTTP/1.1\r\nHost: router.test\r\n\r\n" }],
  ["in HTTP/1.0", 101, { request: "GET /ws/live HTTP/1.0" }],
])("a handshake %s leaves nothing behind once its client has gone", async (_, status, changes) => {
  expect(Number(/^HTTP\/1\.[01] (\d+) /.exec(await answerTo(changes))?.[1])).toBe(status);
});

test.each([
  ["h2c", "Upgrade: h2c\r\n"],
  ["a list of protocols", "Upgrade: websocket, h2c\r\n"],
  ["websocket twice", "Upgrade: websocket\r\nUpgrade: websocket\r\n"],
  ["a version of the protocol", "Upgrade: websocket/13\r\n"],
  ["letters that only look the same", "Upgrade: webSoc\xe2\x84\xaaet\r\n"],
  ["nothing", "Upgrade:\r\n"],
])("an upgrade to %s is ignored", async (_, upgrade) => {
  expect(await answerTo({ upgrade })).toMatch(/^HTTP\/1\.1 200 .*\r\n\r\nok/s);
  expect(replica.last.headers).not.toHaveProperty("upgrade");
});

test("a refused upgrade is answered as a response", async () => {
  sockets.shouldHandle = () => false;
  const client = new WebSocket(`ws://127.0.0.1:${router.port}/ws/live`, { headers: { "x-fal-runner-hint": "live" } });
  client.on("error", () => {});
  const [, response] = (await once(client, "unexpected-response")) as [
    unknown,
    { statusCode: number; headers: Record<string, string> },
  ];
  expect([response.statusCode, response.headers["x-fal-served-from"]]).toEqual([400, "r"]);
  await until("the slot is free", async () => (await inFlight()) === 0);
});
