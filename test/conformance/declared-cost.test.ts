// The header beyond fal's protocol: what a client says its request costs.
import { describe, expect, test } from "vitest";
import { expectProblem, freshApp, sharedRouter } from "../support/conformance.ts";
import { TestReplica } from "../support/replica.ts";

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
