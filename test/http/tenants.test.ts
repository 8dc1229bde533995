// One tenant's token is used against another tenant's app, with tokens by app and origins by {app}. Nothing of the other app changes.
import { describe, expect, test } from "vitest";
import { expectProblem, sharedRouter, validBeat } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";
import { ADMIN, type Beat, type Reply, type TestRouter } from "../support/router.ts";

const TOKENS = { HEARTBEAT_TOKENS: '{"mine": ["token-of-mine", "next-of-mine"], "theirs": "token-of-theirs"}' };
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** The app as the administrator sees it, without the members that change with time. */
async function stateOf(router: TestRouter, app: string): Promise<unknown> {
  const { replicas, ...rest } = await router.view(app);
  return { ...rest, replicas: replicas.map((replica) => ({ ...replica, expires_in_ms: null })) };
}

describe("heartbeats", () => {
  const router = sharedRouter(TOKENS);

  async function join(beat: Beat, token: string): Promise<void> {
    expect((await router().beat(beat, bearer(token))).status).toBe(200);
  }

  test.each([
    ["a replica of its own", { replica: "intruder" }],
    ["another origin", { origin: "http://127.0.0.1:10" }],
    ["stopped", { status: "stopped" }],
    ["draining", { status: "draining" }],
    ["a later report", { sequence: 1000, hints: ["other"] }],
    ["a later process", { incarnation: 9, hints: [], concurrency: 100 }],
  ])("%s for another app is 403 and changes nothing", async (_, change) => {
    await using replica = await TestReplica.start();
    const theirs = { ...validBeat("theirs"), origin: replica.origin, incarnation: 1, hints: ["h"] };
    await join(theirs, "token-of-theirs");
    await join(validBeat("mine", { incarnation: 1 }), "token-of-mine");
    const before = await stateOf(router(), "theirs");
    for (const token of ["token-of-mine", "next-of-mine"]) {
      expectProblem(await router().beat({ ...theirs, ...change }, bearer(token)), 403, "forbidden");
    }
    expect(await stateOf(router(), "theirs")).toEqual(before);
    const reply = await router().send("/theirs/x", { headers: { "x-fal-runner-hint": "h" } });
    expect([reply.status, reply.headers["x-fal-served-from"], replica.received.length]).toEqual([200, "r1", 1]);
  });

  test("a replica of the same id in the own app is another one", async () => {
    await join(validBeat("theirs", { incarnation: 50 }), "token-of-theirs");
    await join(validBeat("mine", { incarnation: 50 }), "token-of-mine");
    const before = await stateOf(router(), "theirs");
    await join(validBeat("mine", { incarnation: 50, status: "stopped" }), "token-of-mine");
    expect(await stateOf(router(), "theirs")).toEqual(before);
  });

  test("nor does a heartbeat token open the administrator's calls, for the own app neither", async () => {
    await join(validBeat("theirs", { incarnation: 60 }), "token-of-theirs");
    const before = await stateOf(router(), "theirs");
    const calls: readonly (readonly [string, string])[] = [
      ["GET", ""],
      ["GET", "/explain"],
      ["POST", "/replicas/r1/drain"],
      ["POST", "/replicas/r1/undrain"],
      ["DELETE", "/replicas/r1"],
    ];
    for (const [method, rest] of calls) {
      for (const app of ["mine", "theirs"]) {
        const reply = await router().send(`/-/apps/${app}${rest}`, { method, headers: bearer("token-of-mine") });
        expectProblem(reply, 401, "unauthorized");
      }
    }
    expect(await stateOf(router(), "theirs")).toEqual(before);
  });

  test("nor the administrator's token heartbeats", async () => {
    expectProblem(await router().beat(validBeat("mine"), bearer(ADMIN)), 401, "unauthorized");
  });
});

describe("origins by {app}, outside development", () => {
  const router = sharedRouter({
    ...TOKENS,
    ALLOW_PRIVATE_ORIGINS: "false",
    ORIGIN_ALLOW: "*.{app}.gpu.example.com, {app}.gpu.example.com:8443",
  });
  const beat = (app: string, token: string, origin: string): Promise<Reply> =>
    router().beat(validBeat(app, { replica: origin, origin }), bearer(token));

  test("each app has its own", async () => {
    expect((await beat("theirs", "token-of-theirs", "https://one.theirs.gpu.example.com")).status).toBe(200);
    expect((await beat("mine", "token-of-mine", "https://one.mine.gpu.example.com")).status).toBe(200);
    expect((await beat("mine", "token-of-mine", "https://mine.gpu.example.com:8443")).status).toBe(200);
  });

  test.each(["https://one.theirs.gpu.example.com", "https://theirs.gpu.example.com:8443", "https://one.gpu.example.com"])(
    "%s is not for the other, who lists no more than before",
    async (origin) => {
      await beat("mine", "token-of-mine", "https://one.mine.gpu.example.com");
      const before = await stateOf(router(), "mine");
      const reply = await beat("mine", "token-of-mine", origin);
      expect(expectProblem(reply, 422, "invalid_heartbeat").field).toBe("origin");
      expect(await stateOf(router(), "mine")).toEqual(before);
    },
  );
});
