// The two headers beyond fal's protocol: what a client says its request costs, and what a replica is advised to evict for a load.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter } from "../support/conformance.ts";
import { holdAnswers } from "../support/held.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

const router = sharedRouter();

describe("x-warmpath-cost", () => {
  const ask = async (cost: string | readonly string[]) => {
    await using replica = await TestReplica.start();
    const app = freshApp("cost");
    await router().join({ app, replica: "r1", origin: replica.origin });
    const reply = await router().send(`/${app}/x`, { headers: { "x-warmpath-cost": cost } });
    return { reply, received: replica.received };
  };

  test.each(["0", "0.0", "-1", "+1", "", "abc", "1s", "1e3", "1,5", ".5", "5.", "0x10", "NaN", "Infinity", "1 2"])(
    "COST-1 %j is malformed: 400 bad_request that names the header, and no replica is asked",
    async (cost) => {
      const { reply, received } = await ask(cost);
      expect(expectProblem(reply, 400, "bad_request").detail).toContain("x-warmpath-cost");
      expect(received).toHaveLength(0);
    },
  );

  test("COST-1 two costs are refused too, even if they are the same", async () => {
    for (const costs of [
      ["1", "2"],
      ["1", "1"],
    ]) {
      const { reply } = await ask(costs);
      expect(expectProblem(reply, 400, "bad_request").detail).toContain("x-warmpath-cost");
    }
  });

  test.each(["86401", "86400.001", "999999999999", "9999999999999"])("COST-2 %j is more than a day: 400", async (cost) => {
    const { reply } = await ask(cost);
    expect(expectProblem(reply, 400, "bad_request").detail).toContain("x-warmpath-cost");
  });

  test.each(["1", "0.5", "30.25", "007", " 12 ", "0.000000000001", "86400", "86400.000"])(
    "COST-3 %j is well formed: the request is served, and the replica is not told",
    async (cost) => {
      const { reply, received } = await ask(cost);
      expect(reply.status, reply.text).toBe(200);
      expect(received).toHaveLength(1);
      expect(received[0]?.headers["x-warmpath-cost"]).toBeUndefined();
    },
  );
});

describe("x-warmpath-evict", () => {
  /** A replica that answers at once, but for requests to /hold. Gives the eviction that a request for the hint advised. */
  async function one(says: Record<string, unknown>) {
    const held = holdAnswers();
    const replica = await TestReplica.start((request, response) => {
      if (request.url === "/hold") void held.answer(request, response);
      else response.end();
    });
    const app = freshApp("advice");
    const join = (more: Record<string, unknown>) =>
      router().join({ app, replica: "r1", origin: replica.origin, ...says, ...more });
    await join({});
    const send = (hint: string, path: string, headers: Record<string, string> = {}, method = "GET") => {
      const hinted = hint === "" ? headers : { ...headers, "x-fal-runner-hint": hint };
      return router().send(`/${app}/${path}`, { method, headers: hinted });
    };
    const advised = async (hint: string, headers: Record<string, string> = {}, method = "GET") => {
      expect((await send(hint, "x", headers, method)).status).toBe(200);
      await until("the slot is free", async () => (await router().view(app)).in_flight === held.holding);
      return replica.last.headers["x-warmpath-evict"];
    };
    const hold = async (hint: string) => {
      const before = held.holding;
      const reply = send(hint, "hold");
      await until("the request is held", () => held.holding === before + 1);
      return reply;
    };
    const dispose = async () => {
      held.releaseAll();
      await replica[Symbol.asyncDispose]();
    };
    return { join, advised, hold, held, replica, [Symbol.asyncDispose]: dispose };
  }

  test("EVICT-1 is sent to a full replica with the request that will load, and names what it holds", async () => {
    await using its = await one({ hints: ["old"], hint_slots: 1 });
    expect(await its.advised("new")).toBe("old");
  });

  test("EVICT-2 comes with no request that finds its hint warm or has none, and names what the last report listed", async () => {
    await using its = await one({ hints: ["old"], hint_slots: 1 });
    for (const hint of ["old", "", "old"]) expect(await its.advised(hint)).toBeUndefined();
    expect(await its.advised("new")).toBe("old");
    await its.join({ hints: ["new"] });
    expect(await its.advised("new")).toBeUndefined();
    expect(await its.advised("old")).toBe("new");
  });

  test("EVICT-2 comes with no request after an answered load, until a report says that the hint is not held", async () => {
    await using its = await one({ hints: ["old"], hint_slots: 1 });
    expect(await its.advised("new")).toBe("old");
    for (let again = 0; again < 3; again++) expect(await its.advised("new")).toBeUndefined();
    await its.join({});
    expect(await its.advised("new")).toBe("old");
  });

  test("EVICT-2 comes with the request that starts a load, not with those that share it", async () => {
    await using its = await one({ hints: ["old"], hint_slots: 1, concurrency: 3 });
    const loading = its.hold("new");
    await until("the load runs", () => its.held.holding === 1);
    expect(its.replica.last.headers["x-warmpath-evict"]).toBe("old");
    expect(await its.advised("new")).toBeUndefined();
    its.held.releaseAll();
    await loading;
  });

  test.each([
    ["has a free hint slot", { hints: ["old"], hint_slots: 2 }],
    ["lists nothing", { hints: [], hint_slots: 1 }],
    ["does not say how many hint slots it has", { hints: ["old"] }],
    ["does not say what it holds", {}],
  ])("EVICT-3 is not sent to a replica that %s", async (_, says) => {
    await using its = await one(says);
    expect(await its.advised("new")).toBeUndefined();
  });

  test("EVICT-4 names nothing that a request runs with", async () => {
    await using its = await one({ hints: ["one", "two"], hint_slots: 2, concurrency: 3 });
    const runs = its.hold("one");
    await until("it runs", () => its.held.holding === 1);
    expect(await its.advised("new")).toBe("two");
    await its.join({});
    const alsoRuns = its.hold("two");
    await until("both run", () => its.held.holding === 2);
    expect(await its.advised("new")).toBeUndefined();
    its.held.releaseAll();
    await Promise.all([runs, alsoRuns]);
  });

  test("EVICT-5 is the router's word alone: a client's own is dropped, whatever the replica is advised", async () => {
    await using its = await one({ hints: ["old"], hint_slots: 1 });
    const spoofing = { "x-warmpath-evict": "spoofed" };
    for (const hint of ["old", ""]) expect(await its.advised(hint, spoofing)).toBeUndefined();
    expect(await its.advised("new", spoofing)).toBe("old");
    await its.join({});
    expect(await its.advised("newer", { ...spoofing, connection: "x-warmpath-evict" })).toBe("old");
  });

  test("EVICT-5 OPTIONS loads nothing and comes without", async () => {
    await using its = await one({ hints: ["old"], hint_slots: 1 });
    expect(await its.advised("new", { "x-warmpath-evict": "spoofed" }, "OPTIONS")).toBeUndefined();
  });
});
