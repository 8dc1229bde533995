// The main job over TCP: the hint decides the replica.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { TestReplica } from "../support/replica.ts";
import { TestRouter } from "../support/router.ts";

let router: TestRouter;
beforeAll(async () => {
  router = await TestRouter.start();
});
afterAll(async () => {
  await router[Symbol.asyncDispose]();
});

describe("a request with a hint", () => {
  test("goes to the replica that advertises it, and to the hash owner if none does", async () => {
    const replicas = await Promise.all(["a", "b", "c"].map(() => TestReplica.start()));
    for (const [index, name] of ["a", "b", "c"].entries()) {
      await router.join({
        app: "pick",
        replica: name,
        origin: replicas[index]?.origin ?? "",
        hints: [`model-${name}`],
        concurrency: 8,
      });
    }
    for (const name of ["a", "b", "c", "a"]) {
      const reply = await router.send("/pick/run", { headers: { "x-fal-runner-hint": `model-${name}` } });
      expect(reply.status).toBe(200);
      expect(reply.headers["x-fal-served-from"]).toBe(name);
      expect(reply.headers["x-warmpath-reason"]).toBe("hint_match");
    }
    const owners = new Set<unknown>();
    for (let round = 0; round < 8; round++) {
      const reply = await router.send("/pick/run", { headers: { "x-fal-runner-hint": "nobody-has-it" } });
      expect(reply.headers["x-warmpath-reason"]).toBe(round === 0 ? "hash_owner" : "hint_match");
      owners.add(reply.headers["x-fal-served-from"]);
    }
    expect(owners.size).toBe(1);
    for (const replica of replicas) await replica[Symbol.asyncDispose]();
  });
});
