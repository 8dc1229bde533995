// Contract, "Over a WebSocket": the handshake, frames and their answers, and how the socket closes.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter, validBeat } from "../support/conformance.ts";
import { HeartbeatSocket, type Message } from "../support/heartbeat-socket.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const TOKENS = JSON.stringify({ mine: "mine-token", theirs: "their-token", "*": "any-token" });
const router = sharedRouter({ HEARTBEAT_TOKENS: TOKENS });
const MOST_BYTES = 261 * 1024;
const ACCEPTED = { time_to_live_ms: 180_000, next_heartbeat_ms: 60_000 };

const HANDSHAKE = {
  authorization: "Bearer mine-token",
  connection: "upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};
const handshake = (target: string, change: Record<string, string> = {}, method = "GET") =>
  router().send(target, { method, headers: { ...HANDSHAKE, ...change } });
const open = (app: string) => HeartbeatSocket.open(router(), app, "any-token");

async function joined(app: string, change: Record<string, unknown> = {}): Promise<HeartbeatSocket> {
  const socket = await open(app);
  expect(await socket.ask(validBeat(app, change))).toEqual(ACCEPTED);
  return socket;
}

const closing = async (socket: HeartbeatSocket) => {
  await until("the WebSocket is closed", () => socket.closed !== null);
  return socket.closed?.code;
};

const replicasOf = async (app: string) => (await router().view(app)).replicas ?? [];

describe("the handshake", () => {
  test("SOCK-1 without a valid token: 401, before anything else", async () => {
    for (const authorization of ["Bearer wrong", "mine-token", ""]) {
      const reply = await handshake("/-/heartbeat", { authorization, "sec-websocket-version": "12" });
      expectProblem(reply, 401, "unauthorized");
      expect(reply.headers["www-authenticate"]).toBe("Bearer");
    }
  });

  test.each([
    ["sec-websocket-version", "12"],
    ["sec-websocket-key", "short"],
    ["connection", "close"],
  ])("SOCK-2 with a wrong %s: 400", async (name, value) => {
    expectProblem(await handshake("/-/heartbeat", { [name]: value }), 400, "bad_request");
  });

  test("SOCK-3 without an app, or with a name that is none: 422; with another app's token: 403", async () => {
    for (const query of ["", "?app=", "?app=-", "?App=mine"]) {
      const problem = expectProblem(await handshake(`/-/heartbeat${query}`), 422, "invalid_heartbeat");
      expect(problem.field).toBe("app");
    }
    expectProblem(await handshake("/-/heartbeat?app=theirs"), 403, "forbidden");
  });

  test("SOCK-4 without Upgrade: websocket: 405, as any other GET", async () => {
    for (const upgrade of ["h2c", ""]) {
      const reply = await handshake("/-/heartbeat?app=mine", { upgrade });
      expectProblem(reply, 405, "method_not_allowed");
      expect(reply.headers.allow).toBe("POST");
    }
    expect((await handshake("/-/heartbeat?app=mine", {}, "HEAD")).status).toBe(400);
  });

  test("SOCK-5 the app's own token and one for all apps are admitted; a / in the app's name is written %2F or not", async () => {
    for (const token of ["mine-token", "any-token"]) {
      const socket = await HeartbeatSocket.open(router(), "mine", token);
      expect(await socket.ask(validBeat("mine"))).toEqual(ACCEPTED);
    }
    await joined("owner/app");
  });

  test("SOCK-6 a socket without a report makes no app", async () => {
    const app = freshApp("quiet");
    await open(app);
    expectProblem(await router().send(`/${app}/x`), 404, "app_not_found");
  });
});

describe("frames", () => {
  test("SOCK-7 a report is answered like a POST, its warnings too, and its replica serves requests", async () => {
    await using replica = await TestReplica.start((_request, response) => response.end("served"));
    const app = freshApp();
    const beat = { ...validBeat(app, { hints: ["m"], hint_slot: 1 }), origin: replica.origin };
    const socket = await open(app);
    const answer = await socket.ask(beat);
    expect(answer).toEqual({ ...ACCEPTED, warnings: ["unknown field hint_slot: did you mean hint_slots?"] });
    expect((await router().beat(beat, { authorization: "Bearer any-token" })).json()).toEqual(answer);
    const reply = await router().send(`/${app}/x`, { headers: { "x-fal-runner-hint": "m" } });
    expect([reply.text, reply.headers["x-fal-served-from"], reply.headers["x-warmpath-reason"]]).toEqual([
      "served",
      "r1",
      "hint_match",
    ]);
  });

  test.each<[string, (app: string) => unknown, Message]>([
    ["no JSON", () => "{", { status: 400, error_type: "bad_request" }],
    ["no object", () => "[1]", { status: 422, error_type: "invalid_heartbeat", field: "app" }],
    ["another app", () => validBeat("mine"), { status: 422, error_type: "invalid_heartbeat", field: "app" }],
    ["a bad field", (app) => validBeat(app, { concurrency: 0 }), { status: 422, field: "concurrency" }],
    ["another replica", (app) => validBeat(app, { replica: "r2" }), { status: 422, field: "replica" }],
    ["a refused origin", (app) => validBeat(app, { origin: "https://gpu.example.com" }), { status: 422, field: "origin" }],
    ["the router's own origin", (app) => validBeat(app, { origin: router().url }), { status: 422, field: "origin" }],
    ["a late report", (app) => validBeat(app, { sequence: 1 }), { status: 409, known: { incarnation: 0, sequence: 5 } }],
  ])("SOCK-8 %s is answered by the problem, changes nothing and closes nothing", async (_fault, frame, problem) => {
    const app = freshApp();
    const socket = await joined(app, { sequence: 5, hints: ["before"] });
    const bad = frame(app);
    const answer = await socket.ask(typeof bad === "string" ? bad : (bad as object));
    expect(answer).toMatchObject(problem);
    expect(answer["type"]).toBe(`urn:warmpath:error:${String(answer["error_type"])}`);
    expect([answer["title"], answer["detail"]]).toEqual([expect.stringMatching(/\S/), expect.stringMatching(/\S/)]);
    expect(await replicasOf(app)).toMatchObject([{ replica: "r1", hints: ["before"] }]);
    expect(await socket.ask(validBeat(app, { sequence: 6 }))).toEqual(ACCEPTED);
  });

  test("SOCK-9 frames are answered in their order", async () => {
    const app = freshApp();
    const socket = await open(app);
    for (let sequence = 1; sequence <= 16; sequence++) {
      socket.send(sequence % 2 === 0 ? `{"sequence":${sequence}}` : validBeat(app, { sequence }));
    }
    for (let sequence = 1; sequence <= 16; sequence++) {
      expect(await socket.next()).toMatchObject(sequence % 2 === 0 ? { field: "app" } : ACCEPTED);
    }
  });

  test("SOCK-10 above 4 x HEARTBEAT_RATE_MAX of the app a second: 429 with retry_after_ms", async () => {
    await using rated = await TestRouter.start({ HEARTBEAT_RATE_MAX: "1" });
    const socket = await HeartbeatSocket.open(rated, "storm");
    await until("a frame is refused", async () => {
      const answer = await socket.ask(validBeat("storm"));
      if (answer["status"] !== 429) return false;
      expect(answer).toMatchObject({ error_type: "rate_limited", retry_after_ms: 1000 });
      return true;
    });
    expect(socket.closed).toBe(null);
  });

  test("SOCK-11 the same origin in another replica's socket: the older entry ends, with a warning", async () => {
    const app = freshApp();
    await joined(app);
    const socket = await open(app);
    const answer = await socket.ask({ ...validBeat(app), replica: "r2" });
    expect(answer).toMatchObject({ ...ACCEPTED, warnings: [expect.stringMatching(/\br1\b/)] });
    expect(await replicasOf(app)).toMatchObject([{ replica: "r2" }]);
  });
});

describe("the end of a socket", () => {
  test("SOCK-12 a frame of 261 KiB is admitted; a longer one closes with 1009", async () => {
    const app = freshApp();
    const socket = await open(app);
    const fits = JSON.stringify(validBeat(app)).padEnd(MOST_BYTES, " ");
    expect(await socket.ask(fits)).toEqual(ACCEPTED);
    const bytes = JSON.stringify(validBeat(app, { "\u20ac": "\u20ac".repeat(MOST_BYTES / 3) }));
    socket.send(bytes);
    expect(await closing(socket)).toBe(1009);
    const other = await open(app);
    other.send(`${fits} `);
    expect(await closing(other)).toBe(1009);
  });

  test("SOCK-13 a binary frame closes with 1003", async () => {
    const app = freshApp();
    const socket = await open(app);
    socket.send(Buffer.from(JSON.stringify(validBeat(app))));
    expect(await closing(socket)).toBe(1003);
    expect(await replicasOf(app)).toEqual([]);
  });

  test("SOCK-14 more than 20 frames in a second close with 1008", async () => {
    const app = freshApp();
    const socket = await open(app);
    for (let frame = 0; frame < 100; frame++) socket.send(validBeat(app));
    expect(await closing(socket)).toBe(1008);
    expect(socket.messages.length).toBeLessThanOrEqual(40);
  });

  test("SOCK-15 a report through a newer socket closes the older one with 1000", async () => {
    const app = freshApp();
    const older = await joined(app);
    const newer = await joined(app);
    expect(await closing(older)).toBe(1000);
    expect(await newer.ask(validBeat(app))).toEqual(ACCEPTED);
  });

  test("SOCK-16 a replica whose socket is closed or reset lives for its time to live; POST and a new socket go on", async () => {
    await using quick = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "1000" });
    for (const end of ["close", "reset"] as const) {
      const app = freshApp();
      const socket = await HeartbeatSocket.open(quick, app);
      expect(await socket.ask(validBeat(app, { sequence: 1 }))).toMatchObject({ time_to_live_ms: 3000 });
      await socket[end]();
      const closedAtMs = Date.now();
      expect((await quick.beat(validBeat(app, { sequence: 2 }))).status).toBe(200);
      const again = await HeartbeatSocket.open(quick, app);
      expect(await again.ask(validBeat(app, { sequence: 2 }))).toMatchObject({ status: 409 });
      expect(await again.ask(validBeat(app, { sequence: 3 }))).toMatchObject({ time_to_live_ms: 3000 });
      await again[end]();
      expect((await quick.view(app)).replicas).toHaveLength(1);
      await until("it has left", async () => (await quick.admin(`/-/apps/${app}`)).status === 404);
      expect(Date.now() - closedAtMs).toBeGreaterThan(2500);
    }
  });

  test("SOCK-17 after a restart of the router the replica is there, and a new socket goes on", async () => {
    await using restarts = await TestRouter.start();
    const socket = await HeartbeatSocket.open(restarts, "restarts");
    expect(await socket.ask(validBeat("restarts", { sequence: 1 }))).toEqual(ACCEPTED);
    await restarts.restart();
    await until("the socket is gone", () => socket.closed !== null);
    expect((await restarts.view("restarts")).replicas).toMatchObject([{ replica: "r1" }]);
    const again = await HeartbeatSocket.open(restarts, "restarts");
    expect(await again.ask(validBeat("restarts", { sequence: 2 }))).toEqual(ACCEPTED);
  });
});
