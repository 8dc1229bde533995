// Heartbeats over WebSockets in workerd: what survives the object's hibernation, what keeps it awake, and what each frame writes.
import { env, exports } from "cloudflare:workers";
import { evictDurableObject, runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { expect, inject, test, vi } from "vitest";
import { Directory } from "../../durable-objects/directory.ts";
import { FleetStore } from "../../durable-objects/fleet-store.ts";
import { HeartbeatSockets } from "../../durable-objects/heartbeat-sockets.ts";
import { BOUNDS } from "../../src/limits.ts";
import { LIMITS } from "../../src/routing/limits.ts";
import { DIRECTORY_NAME } from "../../src/settings/directory-name.ts";
import { until } from "../support/until.ts";

/** With HEARTBEAT_INTERVAL_MS of vitest.config.ts: three intervals. */
const TIME_TO_LIVE_MS = 6000;

let apps = 0;
const freshApp = () => `sockets-${++apps}`;
const fleet = (app: string) => env.FLEET.getByName(app);
const view = (app: string) => fleet(app).view();

/** A replica's end of a WebSocket, and what came through it. */
class Client {
  readonly messages: Record<string, unknown>[] = [];
  closed: { readonly code: number; readonly reason: string } | null = null;
  readonly #socket: WebSocket;
  #read = 0;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    socket.addEventListener("message", ({ data }) => {
      this.messages.push(JSON.parse(String(data)) as Record<string, unknown>);
    });
    socket.addEventListener("close", ({ code, reason }) => {
      this.closed = { code, reason };
    });
    socket.accept();
  }

  static async open(app: string): Promise<Client> {
    const response = await exports.default.fetch(`http://router/-/heartbeat?app=${app}`, {
      headers: {
        authorization: "Bearer beat-token",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    });
    if (response.webSocket === null) throw new Error(`${response.status} ${await response.text()}`);
    return new Client(response.webSocket);
  }

  send(frame: string | Uint8Array | object): void {
    this.#socket.send(typeof frame === "string" || frame instanceof Uint8Array ? frame : JSON.stringify(frame));
  }

  close(): void {
    this.#socket.close(1000, "done");
  }

  /** The next message that nobody has read yet. */
  async next(): Promise<Record<string, unknown>> {
    await until("a message comes", () => this.messages.length > this.#read);
    return this.messages[this.#read++] ?? {};
  }

  /** Sends a frame and gives the next message. */
  ask(frame: string | object): Promise<Record<string, unknown>> {
    this.send(frame);
    return this.next();
  }
}

const ORIGIN = () => inject("replicaOrigin");
const report = (app: string, more: object = {}) => ({ app, replica: "r", origin: ORIGIN(), hints: ["m"], ...more });
const ACCEPTED = { time_to_live_ms: TIME_TO_LIVE_MS, next_heartbeat_ms: 2000 };

async function joined(app: string, more: object = {}): Promise<Client> {
  const client = await Client.open(app);
  expect(await client.ask(report(app, more))).toEqual(ACCEPTED);
  return client;
}

async function post(app: string, more: object = {}): Promise<number> {
  const init = { method: "POST", headers: { authorization: "Bearer beat-token" }, body: JSON.stringify(report(app, more)) };
  return (await exports.default.fetch("http://router/-/heartbeat", init)).status;
}

const rowsChanged = (app: string) =>
  runInDurableObject(fleet(app), (_fleet, { storage }) => Number(storage.sql.exec("SELECT total_changes() AS n").one()["n"]));

/** The bound on frames counts by the second. */
const nextSecond = () => sleep(1000 - (Date.now() % 1000));

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

test("1,000 unchanged frames write no row and leave the alarm alone", async () => {
  const app = freshApp();
  const clients: Client[] = [];
  const beatOf = (index: number, sequence: number) =>
    report(app, { replica: `r${index}`, origin: `https://r${index}.example.com`, sequence, in_flight: sequence % 3 });
  for (let index = 0; index < 50; index++) clients.push(await joined(app, beatOf(index, 0)));
  const alarm = () => runInDurableObject(fleet(app), (_fleet, { storage }) => storage.getAlarm());
  const before = [await rowsChanged(app), await alarm()];
  await nextSecond();
  for (let sequence = 1; sequence <= BOUNDS.framesPerSecond; sequence++) {
    const answers = await Promise.all(clients.map((client, index) => client.ask(beatOf(index, sequence))));
    for (const answer of answers) expect(answer).toEqual(ACCEPTED);
  }
  expect([await rowsChanged(app), await alarm()]).toEqual(before);
});

test("a socket outlives its object's memory: the next frame is answered, and a sequence that was used is refused", async () => {
  const app = freshApp();
  const client = await joined(app, { sequence: 5 });
  await evictDurableObject(fleet(app));
  const known = { incarnation: 0, sequence: 5 };
  expect(await client.ask(report(app, { sequence: 5 }))).toMatchObject({ status: 409, error_type: "stale_heartbeat", known });
  expect(await client.ask(report(app, { sequence: 6 }))).toEqual(ACCEPTED);
  expect(client.closed).toBe(null);
});

test("what a socket is for outlives the object's memory: its app, its replica, the router's own host", async () => {
  const app = freshApp();
  const client = await joined(app);
  await evictDurableObject(fleet(app));
  const invalid = (field: string) => ({ status: 422, error_type: "invalid_heartbeat", field });
  expect(await client.ask(report("another-app"))).toMatchObject(invalid("app"));
  expect(await client.ask(report(app, { replica: "another" }))).toMatchObject(invalid("replica"));
  expect(await client.ask(report(app, { origin: "http://router" }))).toMatchObject(invalid("origin"));
  expect((await view(app))?.replicas).toHaveLength(1);
});

test("after hibernation a replica has the rest of its time to live, and a request is granted without a wait", async () => {
  const app = freshApp();
  const client = await joined(app);
  await sleep(1500);
  await evictDurableObject(fleet(app));
  const response = await exports.default.fetch(`http://router/${app}/x`);
  expect([response.status, response.headers.get("x-fal-served-from")]).toEqual([200, "r"]);
  const waited = /queue;dur=(\d+)/.exec(response.headers.get("server-timing") ?? "");
  expect(Number(waited?.[1])).toBeLessThan(BOUNDS.recoveryMs);
  expect((await view(app))?.replicas[0]?.expires_in_ms).toBeLessThan(TIME_TO_LIVE_MS - 1400);
  expect(client.messages).toHaveLength(1);
});

test("after hibernation no request is taken to run because a replica says so, and the Directory is not told again", async () => {
  const app = freshApp();
  const client = await joined(app, { in_flight: 1 });
  const told = vi.spyOn(Directory.prototype, "arrived");
  await evictDurableObject(fleet(app));
  expect(await client.ask(report(app, { in_flight: 1 }))).toEqual(ACCEPTED);
  expect((await view(app))?.replicas).toMatchObject([{ in_flight: 0, concurrency: 1 }]);
  expect((await exports.default.fetch(`http://router/${app}/x`)).headers.get("x-warmpath-reason")).toBe("least_loaded");
  expect(told).not.toHaveBeenCalled();
  told.mockRestore();
});

test("requests do not keep the object in memory once they are over", async () => {
  const app = freshApp();
  await joined(app);
  await (await exports.default.fetch(`http://router/${app}/x`)).text();
  await until("the slot is free", async () => (await view(app))?.in_flight === 0);
  const startedAtMs = Date.now();
  await evictDurableObject(fleet(app));
  expect(Date.now() - startedAtMs).toBeLessThan(TIME_TO_LIVE_MS / 2);
  expect((await view(app))?.counters.granted.hint_match).toBe(0);
});

test.concurrent("a replica that reports by POST keeps the object in memory, also if it has a socket", async () => {
  const app = freshApp();
  const client = await joined(app);
  expect(await post(app)).toBe(200);
  const startedAtMs = Date.now();
  // It waits for the object's timer.
  await evictDurableObject(fleet(app));
  expect(Date.now() - startedAtMs).toBeGreaterThan(TIME_TO_LIVE_MS / 2);
  expect(await view(app)).toBe(null);
  expect(await client.ask(report(app))).toEqual(ACCEPTED);
});

test.concurrent("a replica whose socket closes has its time to live, and the others are asked for a report if the object woke for that", async () => {
  const app = freshApp();
  const client = await joined(app);
  const other = { replica: "other", origin: "https://other.example.com" };
  const stays = await joined(app, other);
  await evictDurableObject(fleet(app));
  const closedAtMs = Date.now();
  client.close();
  await until("the close is answered", () => client.closed !== null);
  expect(client.closed?.code).toBe(1000);
  expect(await stays.next()).toEqual({ type: "beat_now" });
  expect((await view(app))?.replicas.map(({ replica }) => replica).sort()).toEqual(["other", "r"]);
  await until("it has left", async () => {
    expect(await stays.ask(report(app, other))).toEqual(ACCEPTED);
    await sleep(500);
    return (await view(app))?.replicas.length === 1;
  });
  expect(Date.now() - closedAtMs).toBeGreaterThanOrEqual(TIME_TO_LIVE_MS);
});

test.concurrent("a replica that is silent leaves, although no timer runs", async () => {
  const app = freshApp();
  const saidAtMs = Date.now();
  const client = await joined(app);
  await until("it has left", async () => (await view(app)) === null);
  expect(Date.now() - saidAtMs).toBeGreaterThanOrEqual(TIME_TO_LIVE_MS);
  expect(client.closed).toBe(null);
  expect(await client.ask(report(app))).toEqual(ACCEPTED);
});

test.concurrent("one that was silent while the object was out of memory leaves with the alarm, and its socket is closed", async () => {
  const app = freshApp();
  const client = await joined(app);
  const never = await Client.open(app);
  await evictDurableObject(fleet(app));
  await sleep(TIME_TO_LIVE_MS + 100);
  await runDurableObjectAlarm(fleet(app));
  await until("both are closed", () => client.closed !== null && never.closed !== null);
  expect([client.closed?.code, never.closed?.code]).toEqual([1008, 1008]);
  expect(await view(app)).toBe(null);
  const listed = await env.DIRECTORY.getByName(DIRECTORY_NAME).list("", 1000);
  expect(listed.some((each) => each.app === app)).toBe(false);
});

test("without a timer frames make the object read storage now and then, so that one that was replaced finds out", async () => {
  const app = freshApp();
  const client = await joined(app);
  const touched = vi.spyOn(FleetStore.prototype, "touch");
  await until("storage is read", async () => {
    expect(await client.ask(report(app))).toEqual(ACCEPTED);
    await sleep(100);
    return touched.mock.calls.length > 0;
  });
  touched.mockRestore();
});

test("a newer socket of a replica closes the older one, whose end changes nothing", async () => {
  const app = freshApp();
  const older = await joined(app);
  const newer = await joined(app);
  await until("the older one is closed", () => older.closed !== null);
  expect(older.closed?.code).toBe(1000);
  await evictDurableObject(fleet(app));
  expect(await newer.ask(report(app))).toEqual(ACCEPTED);
  expect(newer.messages).toHaveLength(2);
});

test("an object that crashes loses its sockets and no replica; the next socket goes on", async () => {
  const app = freshApp();
  const client = await joined(app, { sequence: 7 });
  await runInDurableObject(fleet(app), (_fleet, state) => state.abort("killed by the test")).catch(() => {});
  await until("the socket is gone", () => client.closed !== null);
  expect(client.closed?.code).toBe(1006);
  expect((await view(app))?.replicas).toHaveLength(1);
  await joined(app, { sequence: 8 });
});

test("advice comes with the next frame; announcements keep the object awake, and are forgotten with its memory", async () => {
  const app = freshApp();
  const full = { hints: ["held-here-alone"], hint_slots: 1 };
  const client = await joined(app, full);
  const asked = vi.spyOn(HeartbeatSockets.prototype, "suffice");
  /** Whether the object, when it looked last, could do without its memory. */
  const mayRest = async () => {
    await runDurableObjectAlarm(fleet(app));
    const its = asked.mock.calls.findLastIndex(([{ fleet }]) => fleet.holders.count("held-here-alone") > 0);
    return asked.mock.results[its]?.value as unknown;
  };
  expect(await mayRest()).toBe(true);
  await fleet(app).prewarm(["n", "o"]);
  expect(await mayRest()).toBe(false);
  asked.mockRestore();
  expect(await client.ask(report(app, full))).toEqual({ ...ACCEPTED, load: ["n"], evict: ["held-here-alone"] });
  await evictDurableObject(fleet(app));
  expect(await client.ask(report(app, full))).toEqual(ACCEPTED);
});

test("a replica that stops through its socket has left", async () => {
  const app = freshApp();
  const client = await joined(app, { sequence: 1 });
  expect(await client.ask(report(app, { sequence: 2, status: "stopped" }))).toEqual(ACCEPTED);
  expect(await view(app)).toBe(null);
});

test("an app has at most as many sockets as replicas, and a silent one makes room", async () => {
  const bound = LIMITS as { replicasPerApp: number };
  const most = bound.replicasPerApp;
  bound.replicasPerApp = 2;
  try {
    const app = freshApp();
    const client = await joined(app);
    const silent = await Client.open(app);
    await expect(Client.open(app)).rejects.toThrow(/^422 .*fleet_full/);
    await sleep(TIME_TO_LIVE_MS / 2);
    expect(await client.ask(report(app))).toEqual(ACCEPTED);
    await sleep(TIME_TO_LIVE_MS / 2 + 100);
    await Client.open(app);
    await until("the silent one is closed", () => silent.closed !== null);
    expect([silent.closed?.code, client.closed]).toEqual([1008, null]);
  } finally {
    bound.replicasPerApp = most;
  }
});
