// How a WebSocket through the router ends: with messages under way, with a Close that is never answered, with a message that is too large.
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { afterAll, beforeAll, expect, test } from "vitest";
import { WebSocket, WebSocketServer } from "ws";
import { BOUNDS } from "../../src/limits.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const COUNT = 500;
/** A run of numbered messages, which shows losses and order. */
const RUN = Array.from({ length: COUNT }, (_, number) => number);
const MESSAGE_MOST_BYTES = 32 * 1024 * 1024;
const OPTIONS = { maxPayload: 2 * MESSAGE_MOST_BYTES, perMessageDeflate: false, closeTimeout: 60_000 };

let router: TestRouter;
let replica: TestReplica;
let sockets: WebSocketServer;
let apps = 0;

beforeAll(async () => {
  router = await TestRouter.start();
  replica = await TestReplica.start();
  sockets = new WebSocketServer({ server: replica.server, ...OPTIONS });
});
afterAll(async () => {
  sockets.close();
  await replica[Symbol.asyncDispose]();
  await router[Symbol.asyncDispose]();
});

class End {
  readonly got: number[] = [];
  closed: [number, string] | null = null;
  readonly socket: WebSocket;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data: Buffer) => this.got.push(Number(data.toString())));
    socket.on("close", (code, reason) => (this.closed = [code, reason.toString()]));
    socket.on("error", () => {});
  }

  send(numbers: readonly number[]): void {
    for (const number of numbers) this.socket.send(String(number));
  }

  get connection(): Socket {
    return (this.socket as unknown as { _socket: Socket })._socket;
  }

  /** Takes over the answer to the other side's Close, which `ws` would send at once. */
  onClose(answer: (code: number, reason: string) => void): void {
    const inner = this.socket as unknown as Record<string, unknown> & { _receiver: NodeJS.EventEmitter };
    inner._receiver.removeAllListeners("conclude");
    inner._receiver.on("conclude", (code: number, reason: Buffer) => {
      Object.assign(inner, { _closeFrameReceived: true, _closeCode: code, _closeMessage: reason });
      answer(code, reason.toString());
    });
  }
}

/** A new app with one replica, and both ends of a connection to that replica. */
async function connect(app = `app-${++apps}`): Promise<{ app: string; client: End; server: End }> {
  await router.join({ app, replica: "r", origin: replica.origin });
  const accepted = once(sockets, "connection") as Promise<[WebSocket, IncomingMessage]>;
  const socket = new WebSocket(`ws://127.0.0.1:${router.port}/${app}/live`, OPTIONS);
  const client = new End(socket);
  await once(socket, "open");
  return { app, client, server: new End((await accepted)[0]) };
}

const inFlight = async (app: string) => (await router.view(app)).in_flight;
const freed = (app: string, withinMs?: number) => until("the slot is free", async () => (await inFlight(app)) === 0, withinMs);
const bothClosed = ({ client, server }: { client: End; server: End }) =>
  until("both have closed", () => client.closed !== null && server.closed !== null);

test("a client closes: what it has sent arrives, and so does what the replica sends before its own Close; the slot is held till then", async () => {
  const { app, client, server } = await connect();
  let held = 0;
  server.onClose((code, reason) => {
    expect([code, reason]).toEqual([4001, "enough"]);
    server.send(RUN.slice(0, COUNT / 2));
    void inFlight(app).then((now) => {
      held = now;
      server.send(RUN.slice(COUNT / 2));
      server.socket.close(4002, "all sent");
    });
  });
  client.send(RUN);
  client.socket.close(4001, "enough");
  await bothClosed({ client, server });
  expect(server.got).toEqual(RUN);
  expect(client.got).toEqual(RUN);
  expect(server.closed).toEqual([4001, "enough"]);
  expect(client.closed).toEqual([4002, "all sent"]);
  expect(held).toBe(1);
  await freed(app);
});

test("a replica closes: what it has sent arrives, and so does what the client sends before its own Close; the slot is free at once", async () => {
  const { app, client, server } = await connect();
  let heard: [number, string] | null = null;
  client.onClose((code, reason) => {
    heard = [code, reason];
    client.send(RUN.slice(0, COUNT / 2));
    void freed(app).then(() => {
      client.send(RUN.slice(COUNT / 2));
      client.socket.close(4002, "all sent");
    });
  });
  server.send(RUN);
  server.socket.close(4001, "enough");
  await bothClosed({ client, server });
  expect(client.got).toEqual(RUN);
  expect(server.got).toEqual(RUN);
  expect(heard).toEqual([4001, "enough"]);
  expect(server.closed).toEqual([4002, "all sent"]);
});

test("both close at once: each gets what the other had sent", async () => {
  const { app, client, server } = await connect();
  for (const end of [client, server]) end.send(RUN);
  client.socket.close(4001, "client");
  server.socket.close(4002, "replica");
  await bothClosed({ client, server });
  expect([client.got, server.got]).toEqual([RUN, RUN]);
  expect(server.closed).toEqual([4001, "client"]);
  // The replica ends its connection once it has the client's Close. Now and then the runtime sees that end before the replica's own Close.
  expect([
    [4002, "replica"],
    [1011, "the other side broke off"],
  ]).toContainEqual(client.closed);
  await freed(app);
  expect((await router.view(app)).counters.failed).toMatchObject({ broken: 0 });
});

test("a Close without a code has no code on the other side either", async () => {
  const { client, server } = await connect();
  client.socket.close();
  await bothClosed({ client, server });
  expect([client.closed, server.closed]).toEqual([
    [1005, ""],
    [1005, ""],
  ]);
});

test("a Close that is never answered is answered by the router; no slot is held for longer", async () => {
  const [byClient, byReplica] = [await connect(), await connect()];
  byClient.server.onClose(() => {});
  byReplica.client.onClose(() => {});
  byClient.client.socket.close(4001, "enough");
  byReplica.server.socket.close(4001, "enough");
  await freed(byReplica.app);
  expect(await inFlight(byClient.app)).toBe(1);
  const withinMs = BOUNDS.closeHandshakeMs + 5000;
  await until("they have closed", () => byClient.client.closed !== null && byReplica.server.closed !== null, withinMs);
  expect([byClient.client.closed, byReplica.server.closed]).toEqual([
    [4001, "enough"],
    [4001, "enough"],
  ]);
  await freed(byClient.app);
  for (const { app } of [byClient, byReplica]) expect((await router.view(app)).counters.failed).toMatchObject({ broken: 0 });
  byClient.server.socket.terminate();
  byReplica.client.socket.terminate();
});

test("a replica that breaks off after its client's Close is not blamed", async () => {
  const { app, client, server } = await connect();
  server.onClose(() => server.connection.resetAndDestroy());
  client.socket.close(4001);
  await bothClosed({ client, server });
  expect(client.closed?.[0]).toBe(1011);
  await freed(app);
  expect((await router.view(app)).counters.failed).toMatchObject({ broken: 0 });
});

test("a message of 32 MiB passes, both ways", async () => {
  const { app, client, server } = await connect();
  const data = Buffer.alloc(MESSAGE_MOST_BYTES, 7);
  for (const [from, to] of [
    [client, server],
    [server, client],
  ] as const) {
    const arrived = once(to.socket, "message") as Promise<[Buffer]>;
    from.socket.send(data);
    expect((await arrived)[0].equals(data)).toBe(true);
  }
  client.socket.close(1000);
  await freed(app);
});

test.each(["client", "server"] as const)(
  "a message of more than 32 MiB from the %s closes both with 1009, and blames nobody",
  async (who) => {
    const app = `too-large-from-${who}`;
    for (let time = 0; time < LIMITS.failuresToEject; time++) {
      const ends = await connect(app);
      ends[who].socket.send(Buffer.alloc(MESSAGE_MOST_BYTES + 1));
      await bothClosed(ends);
      const other = who === "client" ? ends.server : ends.client;
      expect(other.closed).toEqual([1009, "a message of more than 32 MiB"]);
      expect([1009, 1006]).toContain(ends[who].closed?.[0]);
      await freed(app);
    }
    const { counters, replicas } = await router.view(app);
    expect(counters.failed).toMatchObject({ broken: 0 });
    expect(replicas[0]).toMatchObject({ ejected_for_ms: 0, on_probation: false });
  },
);
