// DISPATCH=edge and auto: warm requests go to replicas that clearly have room without a call to the Fleet object. While the object fails every call, an answer
// with `hint_match` shows that the edge sent the request by its own copy of the fleet; `snapshot_hash` shows that it had asked the object.
import { randomBytes } from "node:crypto";
import { request as httpRequest } from "node:http";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LiveRouter } from "../../bench/live/router.ts";
import { bundle } from "../../scripts/bundle.ts";
import { BOUNDS } from "../../src/limits.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica, type Answer } from "../support/replica.ts";
import { until } from "../support/until.ts";

const HINT = { "x-fal-runner-hint": "h" };
const OUTAGE_MS = 500;

const routers = new Map<string, LiveRouter>();

beforeAll(async () => {
  for (const dispatch of ["edge", "auto", "registry"]) {
    const settings = { DISPATCH: dispatch, ALLOW_PRIVATE_ORIGINS: "true", HEARTBEAT_INTERVAL_MS: "60000" };
    const chaos = bundle({ name: "chaos", folder: "bench/chaos/worker" });
    routers.set(dispatch, await LiveRouter.start({ name: `dispatch-${dispatch}`, settings, bundle: chaos }));
    const shortLived = { ...settings, HEARTBEAT_INTERVAL_MS: "1000" };
    if (dispatch === "edge")
      routers.set("short-lived", await LiveRouter.start({ name: "short-lived", settings: shortLived, bundle: chaos }));
  }
});
beforeAll(async () => {
  const settings = { DISPATCH: "edge", ALLOW_PRIVATE_ORIGINS: "true", HEARTBEAT_INTERVAL_MS: "60000" };
  routers.set("deployed", await LiveRouter.start({ name: "dispatch-deployed", settings }));
});
afterAll(async () => {
  for (const router of routers.values()) await router[Symbol.asyncDispose]();
});

let apps = 0;

/** A fleet of replicas that hold `h`. */
async function fleet(dispatch: string, answers: readonly Answer[], concurrency = 16) {
  const router = routers.get(dispatch)!;
  const app = `direct-${++apps}`;
  const stack = new AsyncDisposableStack();
  const replicas: TestReplica[] = [];
  const beat = async (index: number, more: object = {}) => {
    const said = { app, replica: `r${index}`, origin: replicas[index]!.origin, hints: ["h"], concurrency, ...more };
    const headers = { authorization: `Bearer ${router.token}` };
    return fetch(`${router.url}/-/heartbeat`, { method: "POST", headers, body: JSON.stringify(said) });
  };
  for (const answer of answers) {
    replicas.push(stack.use(await TestReplica.start(answer)));
    expect((await beat(replicas.length - 1)).status).toBe(200);
  }
  const send = (headers: Record<string, string> = HINT, path = "x") => fetch(`${router.url}/${app}/${path}`, { headers });
  const reasonOf = async (headers?: Record<string, string>) => {
    const reply = await send(headers);
    await reply.arrayBuffer();
    return reply.headers.get("x-warmpath-reason");
  };
  const turn = (what: string, ms: number) => fetch(`${router.url}/__chaos/${app}/${what}?ms=${ms}`, { method: "POST" });
  /** Why a request is sent where it is while the object fails. */
  const reasonWithoutObject = async (headers?: Record<string, string>) => {
    await turn("throwing", OUTAGE_MS);
    return reasonOf(headers);
  };
  const view = async () => (await router.view(app))!;
  const dispose = () => stack.disposeAsync();
  return { router, app, replicas, beat, send, reasonOf, turn, reasonWithoutObject, view, [Symbol.asyncDispose]: dispose };
}

const serves: Answer = (_request, response) => response.end("ok");

/** So many requests, a few at a time. */
async function sendMany(its: Awaited<ReturnType<typeof fleet>>, requests: number): Promise<void> {
  for (let sent = 0; sent < requests; sent += 5) await Promise.all(Array.from({ length: 5 }, () => its.reasonOf()));
}

/** The edge sends by itself, once it has a fresh copy. */
async function isDirect(its: Awaited<ReturnType<typeof fleet>>): Promise<void> {
  await until("the edge sends by itself", async () => {
    await its.turn("throwing", 0);
    await sendMany(its, 10);
    return (await its.reasonWithoutObject()) === "hint_match";
  });
  await its.turn("throwing", 0);
}

describe("the edge sends a request by itself", () => {
  test("to a warm replica that clearly has room; a cold hint is the object's", async () => {
    await using its = await fleet("edge", [serves, serves]);
    await isDirect(its);
    expect(await its.reasonWithoutObject({ "x-fal-runner-hint": "cold" })).toBe("snapshot_hash");
    await until("the object is back", async () => (await its.reasonOf({ "x-fal-runner-hint": "cold" })) === "hash_owner");
  });

  test("and the object counts such requests when the edge next refreshes its copy", async () => {
    await using its = await fleet("edge", [serves]);
    await isDirect(its);
    await its.turn("throwing", 0);
    const sent = its.replicas[0]!.received.length;
    await until("all are counted", async () => {
      await its.reasonOf();
      return (await its.view()).replicas[0]!.served > sent;
    });
  });

  test("with `auto` only to replicas that take several requests at once, and only if many requests come", async () => {
    await using narrow = await fleet("auto", [serves], 1);
    await sendMany(narrow, 3 * BOUNDS.directRequests);
    expect(await narrow.reasonWithoutObject()).toBe("snapshot_hash");
    await using wide = await fleet("auto", [serves]);
    for (let sent = 0; sent < 5; sent++) expect(await wide.reasonOf()).toBe("hint_match");
    expect(await wide.reasonWithoutObject()).toBe("snapshot_hash");
    await until("the edge sends by itself", async () => {
      await wide.turn("throwing", 0);
      await sendMany(wide, 2 * BOUNDS.directRequests);
      return (await wide.reasonWithoutObject()) === "hint_match";
    });
  });

  test("with `registry` never", async () => {
    await using its = await fleet("registry", [serves]);
    await sendMany(its, 3 * BOUNDS.directRequests);
    expect(await its.reasonWithoutObject()).toBe("snapshot_hash");
  });
});

describe("what the edge sends by itself", () => {
  test("is passed on byte for byte, with the contract's headers", async () => {
    const body = gzipSync(randomBytes(300_000));
    const headers = { "content-encoding": "gzip", "content-length": String(body.length), etag: '"1"', "x-warmpath-x": "no" };
    await using its = await fleet("edge", [(_request, response) => response.writeHead(200, headers).end(body)]);
    await isDirect(its);
    await its.turn("throwing", OUTAGE_MS);
    const { promise, resolve, reject } = Promise.withResolvers<{ readonly headers: object; readonly bytes: Buffer }>();
    httpRequest(`${its.router.url}/${its.app}/x`, { headers: HINT }, (response) => {
      const parts: Buffer[] = [];
      response.on("data", (part: Buffer) => parts.push(part));
      response.on("end", () => resolve({ headers: response.headers, bytes: Buffer.concat(parts) }));
    })
      .on("error", reject)
      .end();
    const answer = await promise;
    expect(answer.bytes.equals(body)).toBe(true);
    const { "x-warmpath-x": _, ...kept } = headers;
    const own = { "x-fal-served-from": "r0", "x-warmpath-reason": "hint_match", "x-fal-request-id": expect.stringMatching(/./) };
    expect(answer.headers).toMatchObject({ ...kept, ...own, "server-timing": expect.stringContaining("route;dur=") });
    expect(answer.headers).not.toHaveProperty("x-warmpath-x");
    expect(its.replicas[0]!.received.at(-1)?.headers).toMatchObject({ via: "1.1 warmpath", "x-fal-endpoint": "/x" });
  });

  test("takes slots in the object's view while it runs, and no more once its client has reset", async () => {
    const held = holdAnswers();
    const answer: Answer = (request, response) => (request.url === "/hold" ? held.answer(request, response) : response.end());
    await using its = await fleet("edge", [answer]);
    await isDirect(its);
    const clients = Array.from({ length: 3 }, () => {
      const client = httpRequest(`${its.router.url}/${its.app}/hold`, { headers: HINT }).on("error", () => {});
      client.end();
      return client;
    });
    const inFlight = async () => {
      await its.reasonOf();
      return (await its.view()).in_flight;
    };
    await until("the object knows of them", async () => held.holding === 3 && (await inFlight()) >= 3);
    for (const client of clients) client.socket?.resetAndDestroy();
    await until("they are forgotten", async () => (await inFlight()) === 0, 15_000);
  });

  test("and is over is told though others run and no more come", async () => {
    const held = holdAnswers();
    const answer: Answer = (request, response) => (request.url === "/hold" ? held.answer(request, response) : response.end());
    await using its = await fleet("deployed", [answer]);
    const served = async () => (await its.view()).replicas[0]!.served;
    await until("the edge sends by itself, so that the object does not know of it at once", async () => {
      const before = await served();
      await its.reasonOf();
      return (await served()) === before;
    });
    const [a, b] = [its.send(HINT, "hold"), its.send(HINT, "hold")];
    const inFlight = async () => (await its.view()).in_flight;
    await until("both are there", () => held.holding === 2);
    await until("the object knows of both", async () => {
      await its.reasonOf();
      return (await inFlight()) >= 2;
    });
    held.releaseOne();
    await Promise.race([a, b]);
    // Sooner than the object is told in any case that requests run.
    await until("one is counted", async () => (await inFlight()) === 1, BOUNDS.snapshotAgeMs / 2);
    held.releaseOne();
    await Promise.all([a, b]);
    await until("none is counted", async () => (await inFlight()) === 0);
  });

  test("and is over is told again if the object failed when it was told, with whatever request comes next", async () => {
    const held = holdAnswers();
    const answer: Answer = (request, response) => (request.url === "/hold" ? held.answer(request, response) : response.end());
    await using its = await fleet("edge", [answer]);
    await isDirect(its);
    const waits = its.send(HINT, "hold");
    const inFlight = async () => (await its.view()).in_flight;
    await until("the object knows of it", async () => {
      await its.reasonOf();
      return held.holding === 1 && (await inFlight()) >= 1;
    });
    await its.turn("throwing", 60_000);
    held.releaseAll();
    await waits;
    await its.turn("throwing", 0);
    // These go by the object, so the isolate has nothing else to tell.
    await until("none is counted", async () => {
      await its.reasonOf({ "x-fal-runner-hint": "cold" });
      return (await inFlight()) === 0;
    });
  });

  test("and is refused there is sent elsewhere, and the edge passes the replica over from then on", async () => {
    let isFull = false;
    const full: Answer = (_request, response) => void (isFull ? response.writeHead(503).end() : response.end());
    await using its = await fleet("edge", [full, serves]);
    await isDirect(its);
    isFull = true;
    const before = its.replicas[0]!.received.length;
    for (let sent = 0; sent < 30; sent++) expect((await its.send()).status).toBe(200);
    expect(its.replicas[0]!.received.length - before).toBeLessThanOrEqual(2);
  });
});

test("a replica that failed is tried again, though the edge could send every request elsewhere", async () => {
  let isBroken = false;
  const breaks: Answer = (request, response) => void (isBroken ? request.socket.destroy() : response.end("ok"));
  await using its = await fleet("edge", [breaks, serves]);
  await isDirect(its);
  isBroken = true;
  const isOnProbation = async () => {
    await sendMany(its, 10);
    return (await its.view()).replicas[0]!.on_probation === true;
  };
  await until("it is passed over", isOnProbation);
  isBroken = false;
  await until("it is trusted again", async () => !(await isOnProbation()));
});

test("a request at a replica that has been silent for its time to live goes elsewhere", async () => {
  let isFrozen = false;
  const freezes: Answer = (_request, response) => void (isFrozen || response.end("ok"));
  await using its = await fleet("short-lived", [freezes, serves]);
  const beating = setInterval(() => void its.beat(1), 500);
  try {
    const both = { hints: ["h", "g"], hint_slots: 3 };
    const G = { "x-fal-runner-hint": "g" };
    await until("the edge sends by itself", async () => {
      await its.turn("throwing", 0);
      await its.beat(0, both);
      await its.reasonOf(G);
      await sendMany(its, 10);
      return (await its.reasonWithoutObject(G)) === "hint_match";
    });
    isFrozen = true;
    const received = its.replicas[0]!.received.length;
    const waits = its.send(G);
    let reply: Response | null = null;
    void waits.then((its) => (reply = its));
    await until("the edge has sent it", () => its.replicas[0]!.received.length > received);
    await its.turn("throwing", 0);
    await until("it is answered", async () => {
      await its.reasonOf({});
      return reply !== null;
    });
    expect((await waits).headers.get("x-fal-served-from")).toBe("r1");
  } finally {
    clearInterval(beating);
  }
});

test("a client that resets while its request refreshes the copy keeps nobody else from doing so", async () => {
  await using its = await fleet("edge", [serves]);
  await isDirect(its);
  for (let round = 0; round < 3; round++) {
    await its.turn("throwing", 0);
    // Long enough for the next request to find the copy too old.
    await new Promise((resolve) => setTimeout(resolve, 1300));
    const stalled = its.turn("stalled", 600);
    const client = httpRequest(`${its.router.url}/${its.app}/x`, { headers: HINT }).on("error", () => {});
    client.end(() => setTimeout(() => client.socket?.resetAndDestroy(), 20));
    await stalled;
    await isDirect(its);
  }
});
