// AFFINITY_WAIT: whether a request waits for a busy warm replica while a cold one is free, what its answer then says, and what `explain` says
// beforehand. Tests in `core` say how long a wait is worth. Waits in this file are clearly short or clearly long.
import { describe, expect, test } from "vitest";
import { freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { TestRouter, type Reply } from "../support/router.ts";
import { until } from "../support/until.ts";

const router = sharedRouter();
/** COLD_START_MS in seconds: a request waits for the rest of such a load, but not for all of it. */
const SHORT_LOAD_S = 3;

interface Explained {
  readonly decision: {
    readonly outcome: string;
    readonly replica?: string;
    readonly reason?: string;
    readonly expected_wait_s?: number | null;
    readonly worth_waiting_s?: number | null;
  };
  readonly waiting: number;
  readonly candidates: readonly {
    readonly replica: string;
    readonly warm_for: string | null;
    readonly passed_over: string | null;
    readonly chosen: boolean;
    readonly wait_s: number;
    readonly load_s: number;
    readonly eviction_s: number;
    readonly cost_s: number;
  }[];
}

/**
 * Replicas of one slot each, which answer at once but hold requests to /hold. Those in `advertises` say in band that they hold `h`. The router has learned
 * that requests are short, and nothing of loads.
 */
async function fleet(replicas: Readonly<Record<string, Record<string, unknown>>>, through: TestRouter = router()) {
  const app = freshApp("fleet");
  const held = holdAnswers((response) => response.setHeader("x-fal-runner-hints", "h").end());
  const servers: TestReplica[] = [];
  const send = (hint: string, path = "x") =>
    through.send(`/${app}/${path}`, { headers: hint === "" ? {} : { "x-fal-runner-hint": hint } });
  for (const [replica, says] of Object.entries(replicas)) {
    const server = await TestReplica.start((request, response) => {
      if (request.url === "/hold") void held.answer(request, response);
      else response.end();
    });
    servers.push(server);
    await through.join({ app, replica, origin: server.origin, ...says });
  }
  for (let taught = 0; taught < 10; taught++) expect((await send("")).status).toBe(200);
  await until("all slots are free", async () => (await through.view(app)).in_flight === 0);
  return {
    app,
    held,
    send,
    explain: async (hint: string) => (await through.admin(`/-/apps/${app}/explain?hint=${hint}`)).json<Explained>(),
    waiting: (count: number) => until(`${count} wait`, async () => (await through.view(app)).waiting === count),
    /** A request that holds its slot until the test lets all go. */
    occupies: async (hint: string) => {
      const before = held.holding;
      const reply = send(hint, "hold");
      await until("the slot is taken", () => held.holding === before + 1);
      return { reply };
    },
    [Symbol.asyncDispose]: async () => {
      held.releaseAll();
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

const WARM_AND_FREE = { warm: { hints: ["h"], hint_slots: 1 }, b: { hints: [] }, c: { hints: [] }, d: { hints: [] } };
const queueMs = ({ headers }: Reply) => Number(/\bqueue;dur=([\d.]+)/.exec(String(headers["server-timing"]))?.[1]);

describe("auto, the default: while the warm replica is busy for a moment", () => {
  test("AFF-1 a burst waits for it, though others are free; the answers say so, and for how long", async () => {
    await using its = await fleet(WARM_AND_FREE);
    const { reply: first } = await its.occupies("h");
    const sentAt = Date.now();
    const burst = Array.from({ length: 4 }, () => its.send("h"));
    await its.waiting(4);
    const waitsFrom = Date.now();
    await until("they have waited a while", () => Date.now() - waitsFrom >= 100);
    its.held.releaseAll();
    expect(await first).toMatchObject({ headers: { "x-warmpath-reason": "hint_match", "x-fal-served-from": "warm" } });
    expect(queueMs(await first)).toBe(0);
    for (const reply of await Promise.all(burst)) {
      expect(reply.headers).toMatchObject({ "x-warmpath-reason": "hint_wait", "x-fal-served-from": "warm" });
      expect(queueMs(reply)).toBeGreaterThanOrEqual(95);
      expect(queueMs(reply)).toBeLessThanOrEqual(Date.now() - sentAt + 5);
    }
    expect((await router().view(its.app)).counters.cold).toBe(0);
  });

  test("AFF-2 the free ones are there for others meanwhile, who do not wait", async () => {
    await using its = await fleet(WARM_AND_FREE);
    const { reply: first } = await its.occupies("h");
    const waits = its.send("h");
    await its.waiting(1);
    for (const hint of ["", "cold"]) {
      const reply = await its.send(hint);
      expect(["b", "c", "d"]).toContain(reply.headers["x-fal-served-from"]);
      expect(queueMs(reply)).toBe(0);
    }
    await its.waiting(1);
    its.held.releaseAll();
    await first;
    expect((await waits).headers["x-warmpath-reason"]).toBe("hint_wait");
  });

  test("AFF-3 those that come while a load is about to end wait for it: one hint is loaded once", async () => {
    await using short = await TestRouter.start({ COLD_START_MS: String(SHORT_LOAD_S * 1000) });
    await using its = await fleet({ a: { hints: [] }, b: { hints: [] }, c: { hints: [] } }, short);
    const { reply: loads } = await its.occupies("h");
    await until("the load is about to end", async () => {
      const { outcome, expected_wait_s, worth_waiting_s } = (await its.explain("h")).decision;
      return outcome === "wait" && (expected_wait_s ?? Infinity) < (worth_waiting_s ?? 0) / 2;
    });
    const burst = [its.send("h"), its.send("h"), its.send("h")];
    await its.waiting(3);
    its.held.releaseAll();
    const loader = (await loads).headers["x-fal-served-from"];
    for (const reply of await Promise.all(burst)) {
      expect(reply.headers).toMatchObject({ "x-warmpath-reason": "hint_wait", "x-fal-served-from": loader });
    }
    expect((await short.view(its.app)).counters.cold).toBe(1);
  });

  test("AFF-4 the wait ends in time before the request's deadline: it takes a free replica then", async () => {
    await using its = await fleet(WARM_AND_FREE);
    const { reply: first } = await its.occupies("h");
    const sentAt = Date.now();
    const headers = { "x-fal-runner-hint": "h", "x-fal-request-timeout": "2" };
    const reply = await router().send(`/${its.app}/x`, { headers });
    expect(reply.headers["x-warmpath-reason"]).toMatch(/^hash_(owner|spill)$/);
    expect(["b", "c", "d"]).toContain(reply.headers["x-fal-served-from"]);
    expect(queueMs(reply)).toBeGreaterThan(0);
    expect(queueMs(reply)).toBeLessThanOrEqual(Date.now() - sentAt + 5);
    its.held.releaseAll();
    await first;
  });

  test("AFF-5 if the warm replica leaves, the request takes a free one at once", async () => {
    await using its = await fleet(WARM_AND_FREE);
    const { reply: first } = await its.occupies("h");
    const waits = its.send("h");
    await its.waiting(1);
    await router().admin(`/-/apps/${its.app}/replicas/warm/drain`, "POST");
    expect((await waits).headers["x-warmpath-reason"]).toMatch(/^hash_(owner|spill)$/);
    its.held.releaseAll();
    await first;
  });
});

describe("never", () => {
  const impatient = sharedRouter({ AFFINITY_WAIT: "never" });

  test("AFF-6 the request takes another free replica at once", async () => {
    await using its = await fleet(WARM_AND_FREE, impatient());
    const { reply: first } = await its.occupies("h");
    expect((await its.explain("h")).decision).toMatchObject({ outcome: "grant", warm: false });
    const reply = await its.send("h");
    expect(["b", "c", "d"]).toContain(reply.headers["x-fal-served-from"]);
    expect(reply.headers["x-warmpath-reason"]).toMatch(/^hash_(owner|spill)$/);
    expect(queueMs(reply)).toBe(0);
    its.held.releaseAll();
    await first;
  });
});

describe("explain", () => {
  const FLEET = { ...WARM_AND_FREE, full: { hints: ["other"], hint_slots: 1 } };

  test("AFF-7 a wait: how long it is expected to be, how long it would be worth, and no candidate is chosen", async () => {
    await using its = await fleet(FLEET);
    await its.send("other");
    const { reply: first } = await its.occupies("h");
    const told = await its.explain("h");
    const { outcome, expected_wait_s: expected, worth_waiting_s: worth } = told.decision;
    expect(outcome).toBe("wait");
    expect(expected).toBeGreaterThanOrEqual(0);
    expect(worth).toBeGreaterThan(expected ?? Infinity);
    expect(told.candidates.filter(({ chosen }) => chosen)).toEqual([]);
    const rows = Object.fromEntries(told.candidates.map((candidate) => [candidate.replica, candidate]));
    expect(Object.keys(rows).toSorted()).toEqual(["b", "c", "d", "full", "warm"]);
    expect(rows["warm"]).toMatchObject({ warm_for: "h", passed_over: "full", load_s: 0, eviction_s: 0 });
    // The router has seen no load, so it expects COLD_START_MS.
    for (const name of ["b", "c", "d"]) {
      expect(rows[name]).toMatchObject({ warm_for: null, passed_over: null, wait_s: 0, load_s: 12, eviction_s: 0 });
    }
    expect(rows["full"]).toMatchObject({ warm_for: null, passed_over: null, wait_s: 0, load_s: 12 });
    expect(rows["full"]?.eviction_s).toBeGreaterThan(0);
    for (const { cost_s, wait_s, load_s, eviction_s } of told.candidates) {
      expect(cost_s).toBeCloseTo(wait_s + load_s + eviction_s, 3);
    }
    its.held.releaseAll();
    await first;
  });

  test("AFF-8 a grant: the replica it names is chosen and no other, and then gets the request", async () => {
    await using its = await fleet(FLEET);
    for (const hint of ["h", "other", "cold"]) {
      const told = await its.explain(hint);
      expect(told.decision).toMatchObject({ outcome: "grant" });
      expect(told.candidates.filter(({ chosen }) => chosen).map(({ replica }) => replica)).toEqual([told.decision.replica]);
      const reply = await its.send(hint);
      expect(reply.headers).toMatchObject({
        "x-fal-served-from": told.decision.replica,
        "x-warmpath-reason": told.decision.reason,
      });
      await until("the slot is free", async () => (await router().view(its.app)).in_flight === 0);
    }
  });

  test("AFF-9 a wait because no slot is free: neither time is told", async () => {
    await using its = await fleet({ warm: { hints: ["h"] } });
    const { reply: first } = await its.occupies("h");
    expect((await its.explain("h")).decision).toEqual({ outcome: "wait", expected_wait_s: null, worth_waiting_s: null });
    its.held.releaseAll();
    await first;
  });

  test("AFF-10 load_s is learned from cold answers against warm ones", async () => {
    await using its = await fleet({ a: { hints: [] }, b: { hints: [] } });
    const loadOf = async (hint: string) => (await its.explain(hint)).candidates[0]?.load_s ?? 0;
    const seen = [await loadOf("z")];
    expect(seen).toEqual([12]);
    for (let load = 0; load < 5; load++) {
      await its.send(`cold-${load}`);
      await until("it has been learned", async () => (await loadOf("z")) < (seen.at(-1) ?? 0));
      seen.push(await loadOf("z"));
    }
    // The first guess counts as one load, and the five loads took no time.
    expect(seen.at(-1)).toBeGreaterThan(1.5);
    expect(seen.at(-1)).toBeLessThan(2.5);
  });
});
