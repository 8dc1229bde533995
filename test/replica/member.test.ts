// The client against the real router: it joins, tells changes at once, drains, ends, and outlives a router that is away. Both ways of sending.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { joinFleet, type Advice, type FleetMember, type FleetOptions } from "../../replica/node/index.ts";
import { TestReplica, type Answer } from "../support/replica.ts";
import { TestRouter, TOKEN } from "../support/router.ts";
import { until } from "../support/until.ts";

let router: TestRouter;
let slow: TestRouter;
const members: FleetMember[] = [];
const log: string[] = [];
/** Heartbeats that were POSTed by this process. */
let posts = 0;
const realFetch = globalThis.fetch;
globalThis.fetch = (...args) => {
  posts++;
  return realFetch(...args);
};

beforeAll(async () => {
  router = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "200" });
  slow = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "60000" });
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
  await slow[Symbol.asyncDispose]();
  globalThis.fetch = realFetch;
});
afterEach(async () => {
  for (const member of members.splice(0)) await member.stop();
  log.length = 0;
});

function join(its: TestRouter, options: Partial<FleetOptions> & { readonly app: string }): FleetMember {
  const common = {
    router: its.url,
    token: TOKEN,
    replica: "r",
    origin: "http://127.0.0.1:1",
    log: (line: string) => log.push(line),
  };
  const member = joinFleet({ ...common, ...options });
  members.push(member);
  return member;
}

const seen = async (its: TestRouter, app: string) => (await its.view(app)).replicas?.[0];

describe.each(["post", "websocket"] as const)("%s", (transport) => {
  const app = (name: string) => `${name}-${transport}`;

  test("it joins with all that it says", async () => {
    const options = { hints: ["sdxl", "flux"], hintSlots: 3, concurrency: 4, inFlight: () => 2 };
    const member = join(slow, { app: app("joins"), transport, ...options });
    await member.joined;
    expect(await seen(slow, app("joins"))).toMatchObject({
      ...{ replica: "r", origin: "http://127.0.0.1:1", hints: ["sdxl", "flux"], hint_slots: 3, concurrency: 4, status: "ready" },
      incarnation: expect.closeTo(Date.now(), -5) as number,
    });
    expect(member.problem).toBeNull();
    expect(log).toEqual([]);
  });

  test("a change is told at once, and many changes in few heartbeats", async () => {
    let hints = ["a"];
    const member = join(slow, { app: app("changes"), transport, hints: () => hints });
    await member.joined;
    for (let index = 0; index < 50; index++) {
      hints = [`m${index}`];
      member.changed();
    }
    await until("the last list is there", async () => (await seen(slow, app("changes")))?.hints?.[0] === "m49");
    expect((await seen(slow, app("changes")))?.sequence).toBeLessThan(5);
  });

  test("changes without an end are told ten times a second at most", async () => {
    const member = join(slow, { app: app("restless"), transport });
    await member.joined;
    const startedAtMs = performance.now();
    while (performance.now() - startedAtMs < 500) {
      member.changed();
      await new Promise((resolve) => setImmediate(resolve));
    }
    const { sequence } = (await seen(slow, app("restless"))) ?? {};
    expect(sequence).toBeGreaterThan(1);
    expect(sequence).toBeLessThanOrEqual((performance.now() - startedAtMs) / 100 + 2);
  });

  test("a drain that begins while a heartbeat is under way ends when the next one has told it", async () => {
    const member = join(slow, { app: app("early-drain"), transport });
    expect(await member.drain()).toBe(true);
    expect((await seen(slow, app("early-drain")))?.status).toBe("draining");
  });

  test("it beats at the router's pace, and the sequence rises", async () => {
    posts = 0;
    join(router, { app: app("pace"), transport });
    const sequence = async () => (await seen(router, app("pace")))?.sequence ?? 0;
    await until("there were five heartbeats", async () => (await sequence()) >= 5);
    expect((await seen(router, app("pace")))?.status).toBe("ready");
    if (transport === "websocket") expect(posts).toBe(0);
    else expect(posts).toBeGreaterThanOrEqual(5);
  });

  test("starting, ready, draining, ready, stopped", async () => {
    const member = join(slow, { app: app("life"), transport, status: "starting" });
    const status = async () => (await seen(slow, app("life")))?.status;
    await member.joined;
    expect(await status()).toBe("starting");
    member.ready();
    await until("it is ready", async () => (await status()) === "ready");
    expect(await member.drain()).toBe(true);
    expect(await status()).toBe("draining");
    member.ready();
    await until("it is ready again", async () => (await status()) === "ready");
    expect(await member.stop()).toBe(true);
    expect(await status()).toBeUndefined();
    member.ready();
    member.changed();
    expect(await member.drain()).toBe(true);
    expect(member.status).toBe("stopped");
  });

  test("advice is followed, one call at a time, and what has changed is told at once", async () => {
    const name = app("advice");
    const held = ["old"];
    const calls: object[] = [];
    let loaded = () => {};
    const onAdvice = (advice: Advice) => {
      calls.push(advice);
      return new Promise<void>((resolve) => (loaded = resolve));
    };
    const member = join(slow, { app: name, transport, hints: () => held, hintSlots: 1, onAdvice });
    await member.joined;
    await slow.admin(`/-/apps/${name}/warm?hint=new`, "POST");
    member.changed();
    await until("it is advised", () => calls.length > 0);
    expect(calls).toEqual([{ load: ["new"], evict: ["old"] }]);
    expect(await seen(slow, name)).toMatchObject({ hints: ["old"], loading: ["new"] });
    held[0] = "new";
    loaded();
    await until("it is told", async () => (await seen(slow, name))?.hints?.[0] === "new");
    expect([(await seen(slow, name))?.loading, calls.length, log]).toEqual([[], 1, []]);
  });

  test("advice that can't be followed is a line in the log, and advice is ignored where nobody follows it", async () => {
    const name = app("bad-advice");
    const onAdvice = () => Promise.reject(new Error("no memory"));
    const member = join(slow, { app: name, transport, hints: [], hintSlots: 1, onAdvice });
    await member.joined;
    await slow.admin(`/-/apps/${name}/warm?hint=new`, "POST");
    member.changed();
    await until("it is said", () => log.length > 0);
    expect(log).toEqual(["advice could not be followed: no memory"]);
    log.length = 0;
    const deaf = join(slow, { app: app("deaf"), transport, hints: [], hintSlots: 1 });
    await deaf.joined;
    await slow.admin(`/-/apps/${app("deaf")}/warm?hint=new`, "POST");
    deaf.changed();
    await until("it was advised", async () => (await seen(slow, app("deaf")))?.loading[0] === "new");
    expect([deaf.problem, log]).toEqual([null, []]);
  });

  test("a drain ends when the requests end, or when its time is over", async () => {
    const member = join(slow, { app: app("drains"), transport });
    await member.joined;
    const over = member.begin();
    expect(await member.drain({ withinMs: 50 })).toBe(false);
    const drained = member.drain();
    over();
    expect(await drained).toBe(true);
    let isIdle = false;
    const asked = member.drain({ isIdle: () => isIdle });
    isIdle = true;
    expect(await asked).toBe(true);
    const endless = member.drain({ isIdle: () => false });
    const running = member.begin();
    const alsoEndless = member.drain();
    await member.stop();
    expect([await endless, await alsoEndless]).toEqual([false, false]);
    running();
    await expect(member.drain({ withinMs: -1 })).rejects.toMatchObject({ option: "withinMs" });
  });

  test("a restart of the server has a new incarnation, and late reports of the old one change nothing", async () => {
    const member = join(slow, { app: app("restarts"), transport });
    await member.joined;
    const incarnation = async () => (await seen(slow, app("restarts")))?.incarnation ?? 0;
    const before = await incarnation();
    member.restarted();
    await until("the incarnation is higher", async () => (await incarnation()) > before);
    const late = { app: app("restarts"), replica: "r", origin: "http://127.0.0.1:1", incarnation: before, sequence: 1000 };
    expect((await slow.beat(late)).status).toBe(409);
  });

  test("it is listed again after its router was away, and says once that it was", async () => {
    const its = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "100" });
    try {
      const member = join(its, { app: app("away"), transport });
      await member.joined;
      await its.restart(() => until("heartbeats fail", () => member.problem !== null));
      await until("it is accepted again", () => member.problem === null);
      await until("it is listed", async () => (await seen(its, app("away")))?.status === "ready");
      expect(log.filter((line) => line.includes("again"))).toHaveLength(1);
      expect(log.length).toBeLessThan(10);
      await member.stop();
    } finally {
      await its[Symbol.asyncDispose]();
    }
  });

  test("a refusal is told once, with the option, and ends nothing", async () => {
    const member = join(router, { app: app("refused"), transport, origin: "http://127.0.0.1:1", token: "wrong" });
    await until("it is refused", () => member.problem !== null);
    expect(member.problem).toMatch(/^401 unauthorized/);
    const other = join(router, { app: app("refused"), transport, origin: router.url });
    await until("it is refused", () => other.problem !== null);
    expect(other.problem).toMatch(/option origin/);
    await until("it tries again", () => other.problem !== null);
    expect(log).toHaveLength(2);
  });
});

test("where a proxy lets no WebSocket through, heartbeats are POSTed", async () => {
  await using proxy = await TestReplica.start(async (request, response) => {
    const { authorization = "" } = request.headers;
    const sent = proxy.last.body.toString();
    const reply = await router.beat(sent, { authorization });
    response.writeHead(reply.status, { "content-type": "application/json" }).end(reply.text);
  });
  const member = join(slow, { app: "no-upgrade", transport: "websocket", router: proxy.origin });
  await member.joined;
  expect(member.problem).toBeNull();
  expect((await seen(router, "no-upgrade"))?.status).toBe("ready");
  await member.stop();
});

test("the router's own request for a report is answered at once", async () => {
  const its = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "60000" });
  try {
    const member = join(its, { app: "beat-now", transport: "websocket" });
    await member.joined;
    const socketCut = member.problem;
    await its.restart();
    // The WebSocket broke off with the router, which restores the replica from its row: the client reports within the pause for a new WebSocket.
    const sequence = async () => (await seen(its, "beat-now"))?.sequence ?? 0;
    await until("it has reported without waiting for its minute", async () => (await sequence()) >= 2);
    expect(socketCut).toBeNull();
    await member.stop();
  } finally {
    await its[Symbol.asyncDispose]();
  }
});

test("hints that can't be read are those of before, and one that can't be sent is left out", async () => {
  let list: () => readonly string[] = () => ["good", "bad,one"];
  const member = join(slow, { app: "odd-hints", hints: () => list() });
  await member.joined;
  expect((await seen(slow, "odd-hints"))?.hints).toEqual(["good"]);
  list = () => {
    throw new Error("the cache is locked");
  };
  expect(member.hintsHeader).toBe("good");
  expect(log).toHaveLength(2);
  expect(log[1]).toContain("the cache is locked");
  list = () => [];
  expect(member.hintsHeader).toBe("");
});

test.each<[string, Answer]>([
  ["nothing of a router's", (_request, response) => response.end("<html>")],
  [
    "without an end",
    (_request, response) => {
      const go = () => {
        while (response.write("x".repeat(65_536)));
        response.once("drain", go);
      };
      go();
    },
  ],
])("an answer that is %s is a failed heartbeat", async (_, answer) => {
  await using odd = await TestReplica.start(answer);
  const member = join(router, { app: "odd", router: odd.origin });
  await until("it fails", () => member.problem !== null);
  expect(member.problem).toContain("not as a router answers");
  expect(String(member.problem).length).toBeLessThan(400);
  await member.stop();
});

test("a router that never answers holds up neither the next try nor the end", async () => {
  const silent = createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => silent.once("listening", resolve));
  const member = join(router, { app: "silent", router: `http://127.0.0.1:${(silent.address() as AddressInfo).port}` });
  await until("it gives up", () => member.problem !== null, 8000);
  expect(member.problem).toContain("did not answer in time");
  expect(await member.stop()).toBe(false);
  silent.closeAllConnections();
  silent.close();
});
