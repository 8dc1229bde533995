// What the router learns from answers: only from those that served the request. A replica that fails one hint is ineligible for that hint.
import { connect } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freshApp } from "../support/conformance.ts";
import { TestReplica, type Answer } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const FIRST_GUESS_S = 12;

interface Explained {
  readonly candidates: readonly {
    readonly replica: string;
    readonly hash_rank: number;
    readonly load_s: number;
    readonly wait_s: number;
    readonly warm_for: string | null;
    readonly passed_over: string | null;
    readonly hint_failed_for_ms: number;
  }[];
}

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start({ COLD_START_MS: String(1000 * FIRST_GUESS_S) });
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

const says =
  (status: number, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, headers).end("bad");

/** Replicas of one app, one for each answer. They specialise and hold nothing yet. */
async function fleet(...answers: readonly Answer[]) {
  const stack = new AsyncDisposableStack();
  const app = freshApp("counts");
  const replicas: TestReplica[] = [];
  for (const [index, answer] of answers.entries()) {
    const replica = stack.use(await TestReplica.start(answer));
    replicas.push(replica);
    await router.join({ app, replica: `r${index}`, origin: replica.origin, hints: [], hint_slots: 100, concurrency: 4 });
  }
  const send = async (hint: string, path = "x") => {
    const reply = await router.send(`/${app}/${path}`, { headers: { "x-fal-runner-hint": hint } });
    await until("its slot is free", async () => (await router.view(app)).in_flight === 0);
    return reply;
  };
  const explain = async (hint: string) => {
    const { candidates } = (await router.admin(`/-/apps/${app}/explain?hint=${hint}`)).json<Explained>();
    return candidates;
  };
  return { app, replicas, send, explain, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

describe("an answer that is no success", () => {
  const ok: Answer = (_request, response) => response.end("ok");

  /** Sends a request without a load, with which a load can be compared. Then sends requests for 20 cold hints. */
  async function loads(answer: Answer) {
    const its = await fleet((request, response) => (request.url === "/taught" ? ok : answer)(request, response));
    expect((await its.send("", "taught")).status).toBe(200);
    for (let n = 0; n < 20; n++) await its.send(`h${n}`);
    return its;
  }

  test.each<[string, Answer]>([
    ["404", says(404)],
    ["422", says(422)],
    ["429", says(429)],
    ["500", says(500)],
    ["500 with the replica's own word", says(500, { "x-fal-needs-retry": "0" })],
  ])("%s: teaches no load time, and makes no replica warm", async (_, answer) => {
    await using its = await loads(answer);
    const [candidate] = await its.explain("new");
    expect(candidate?.load_s).toBeGreaterThan(0.9 * FIRST_GUESS_S);
    expect((await its.explain("h19"))[0]?.warm_for).toBe(null);
  });

  test("a success teaches a load time and makes its replica warm", async () => {
    await using its = await loads(ok);
    expect((await its.explain("new"))[0]?.load_s).toBeLessThan(0.5 * FIRST_GUESS_S);
    expect((await its.explain("h19"))[0]?.warm_for).toBe("h19");
  });
});

describe("a hint that one replica can't load and others can", () => {
  /** Three replicas, of which the first in the hint's hash order can't load it. */
  async function unlucky(bad: Answer) {
    let owner = "";
    const answer =
      (name: string): Answer =>
      (request, response) =>
        name === owner && request.headers["x-fal-endpoint"] === "/x" && request.headers["x-model"] === "big"
          ? bad(request, response)
          : response.end("ok");
    const its = await fleet(answer("r0"), answer("r1"), answer("r2"));
    owner = (await its.explain("big")).find(({ hash_rank: rank }) => rank === 1)?.replica ?? "";
    const ask = async (model: string) => {
      const headers = { "x-fal-runner-hint": model, "x-model": model };
      const reply = await router.send(`/${its.app}/x`, { headers });
      await until("its slot is free", async () => (await router.view(its.app)).in_flight === 0);
      return reply;
    };
    return { ...its, owner, ask };
  }

  test.each<[string, Record<string, string>]>([
    ["500", {}],
    ["500 with the replica's own word", { "x-fal-needs-retry": "0" }],
  ])("after two failures it is ineligible for that hint, and serves others (%s)", async (_, headers) => {
    const its = await unlucky(says(500, headers));
    await using _its = its;
    for (let n = 0; n < 2; n++) {
      expect((await its.explain("big")).find(({ replica }) => replica === its.owner)?.passed_over).toBe(null);
      expect((await its.ask("big")).status).toBe(500);
    }
    const candidate = (await its.explain("big")).find(({ replica }) => replica === its.owner);
    expect(candidate?.passed_over).toBe("hint_failed");
    expect(candidate?.hint_failed_for_ms).toBeGreaterThan(25_000);
    expect(candidate?.hint_failed_for_ms).toBeLessThanOrEqual(30_000);
    for (let n = 0; n < 5; n++) {
      const { status, headers } = await its.ask("big");
      expect(status).toBe(200);
      expect(headers["x-fal-served-from"]).not.toBe(its.owner);
    }
    const other = (await its.explain("small")).find(({ replica }) => replica === its.owner);
    expect([other?.passed_over, other?.hint_failed_for_ms]).toEqual([null, 0]);
    expect((await router.view(its.app)).counters.ejected).toBe(0);
  });

  test("a new process of the replica is asked again", async () => {
    const its = await unlucky(says(500));
    await using _ = its;
    for (let n = 0; n < 2; n++) await its.ask("big");
    const replica = (await router.view(its.app)).replicas.find((each) => each.replica === its.owner);
    const origin = replica?.origin ?? "";
    await router.join({ app: its.app, replica: its.owner, origin, hints: [], hint_slots: 100, concurrency: 4, incarnation: 1 });
    expect((await its.explain("big")).find((each) => each.replica === its.owner)?.passed_over).toBe(null);
  });

  test.each([404, 422])("%i says the same only once another has served the hint", async (status) => {
    const its = await unlucky(says(status));
    await using _ = its;
    for (let n = 0; n < 4; n++) expect((await its.ask("big")).status).toBe(status);
    expect((await its.explain("big")).find(({ replica }) => replica === its.owner)?.passed_over).toBe(null);
    await router.admin(`/-/apps/${its.app}/replicas/${its.owner}/drain`, "POST");
    expect((await its.ask("big")).status).toBe(200);
    await router.admin(`/-/apps/${its.app}/replicas/${its.owner}/undrain`, "POST");
    // The other replica is not warm any more, so the first in hash order is asked again.
    for (const { replica, origin } of (await router.view(its.app)).replicas) {
      await router.join({ app: its.app, replica, origin, hints: [], hint_slots: 100, concurrency: 4 });
    }
    for (let n = 0; n < 2; n++) expect((await its.ask("big")).status).toBe(status);
    expect((await its.explain("big")).find(({ replica }) => replica === its.owner)?.passed_over).toBe("hint_failed");
    expect((await its.ask("big")).status).toBe(200);
  });

  test("503 and 429 with the word that another should be asked say nothing of the hint", async () => {
    let status = 503;
    const its = await unlucky((request, response) => says(status, { "x-fal-needs-retry": "1" })(request, response));
    await using _ = its;
    for (status of [503, 429, 503]) {
      expect((await its.ask("big")).status).toBe(200);
      // The replica that served the hint is not warm any more.
      for (const { replica, origin } of (await router.view(its.app)).replicas) {
        await router.join({ app: its.app, replica, origin, hints: [], hint_slots: 100, concurrency: 4 });
      }
    }
    const candidate = (await its.explain("big")).find(({ replica }) => replica === its.owner);
    expect([candidate?.passed_over, candidate?.hint_failed_for_ms]).toEqual([null, 0]);
    expect((await router.view(its.app)).counters).toMatchObject({ ejected: 0, failed: { declined: 3, unavailable: 0 } });
  });

  test("if every replica has failed the hint, all are tried", async () => {
    await using its = await fleet(says(500), says(500));
    for (let n = 0; n < 6; n++) expect((await its.send("big")).status).toBe(500);
  });
});

describe("how many answers in a row eject a lone replica", () => {
  /** A replica gives these answers, one a request. Returns how often it was ejected. */
  async function ejections(statuses: readonly number[]): Promise<number> {
    let status = 200;
    await using its = await fleet((request, response) => says(status)(request, response));
    for (status of statuses) expect((await its.send("", "x")).status).toBe(status);
    return (await router.view(its.app)).counters.ejected;
  }

  test.each<[readonly number[], number]>([
    [[503, 503], 1],
    [[500, 503], 0],
    [[500, 500, 500, 500, 503], 0],
    [[503, 500, 503], 0],
    [[503, 404, 503], 0],
    [[503, 200, 503], 0],
    [[500, 503, 503], 1],
    [[500, 500, 503, 500, 500, 500], 1],
    [[500, 500, 500, 500, 200, 500], 0],
  ])("%j: %i ejections", async (statuses, count) => {
    expect(await ejections(statuses)).toBe(count);
  });
});

describe("a stream that its client cuts off at the first byte", () => {
  const WHOLE_MS = 300;
  /** Streams one byte and never ends, unless the request says how to answer. */
  async function streaming() {
    const its = await fleet((request, response) => {
      if (request.url === "/500") return says(500)(request, response);
      response.writeHead(200).write("x");
      return request.url === "/whole" && setTimeout(() => response.end("y"), WHOLE_MS);
    });
    const cutOff = async (hint: string, meanwhile = async () => {}) => {
      const socket = connect({ port: router.port, host: "127.0.0.1" });
      socket.on("error", () => {});
      socket.write(`GET /${its.app}/stream HTTP/1.1\r\nHost: r\r\nX-Fal-Runner-Hint: ${hint}\r\n\r\n`);
      await new Promise<void>((resolve) => socket.once("data", () => resolve()));
      await meanwhile();
      socket.resetAndDestroy();
      await until("its slot is free", async () => (await router.view(its.app)).in_flight === 0);
    };
    return { ...its, cutOff };
  }

  test("teaches no service time", async () => {
    const its = await streaming();
    await using _ = its;
    const [origin] = its.replicas.map((replica) => replica.origin);
    await router.join({ app: its.app, replica: "r0", origin: origin ?? "", hints: ["m"], hint_slots: 100, concurrency: 1 });
    for (let n = 0; n < 4; n++) await its.send("m", "whole");
    /** The expected wait for a request that has just begun. */
    const waitS = async () => {
      let expectedS = 0;
      await its.cutOff("m", async () => {
        expectedS = (await its.explain("m"))[0]?.wait_s ?? 0;
      });
      return expectedS;
    };
    const beforeS = await waitS();
    expect(beforeS).toBeGreaterThan(0.3 * (WHOLE_MS / 1000));
    for (let n = 0; n < 20; n++) await its.cutOff("m");
    expect(await waitS()).toBeGreaterThan(0.5 * beforeS);
  });

  test.each([
    ["cut off", 1],
    ["whole", 0],
  ])("clears no count of failures: one that is %s after four errors, then another: %i ejections", async (how, count) => {
    const its = await streaming();
    await using _ = its;
    for (let n = 0; n < 4; n++) await its.send("", "500");
    if (how === "whole") await its.send("", "whole");
    else await its.cutOff("");
    await its.send("", "500");
    expect((await router.view(its.app)).counters).toMatchObject({ ejected: count, failed: { error: 5, broken: 0 } });
  });
});
