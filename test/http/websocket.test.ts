// WebSockets through the router: subprotocol, text and bytes, close codes both ways, the slot for exactly as long as the connection.
import { once } from "node:events";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
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

test("a replica that breaks off ends the client's connection and frees the slot; it counts as its failure", async () => {
  const { client } = await open();
  const closed = once(client, "close");
  served.at(-1)?.socket.terminate();
  const [code] = (await closed) as [number];
  expect([1006, 1011]).toContain(code);
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
