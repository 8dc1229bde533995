// The sidecar and a real Ollama. Skipped, with a notice, where Ollama is not installed.
import { describe, expect, test } from "vitest";
import { hasOllama, ModelServer } from "../support/model-servers.ts";
import { Sidecar } from "../support/sidecar.ts";
import { TestRouter } from "../support/router.ts";
import { until } from "../support/until.ts";

const isThere = hasOllama();
if (!isThere) console.warn("skipped: Ollama is not installed (OLLAMA or ollama in PATH)");

describe.skipIf(!isThere)("Ollama", () => {
  test("models that it loads and unloads are known, by both names", async () => {
    await using router = await TestRouter.start({ HEARTBEAT_INTERVAL_MS: "60000" });
    await using server = await ModelServer.ollama(["blue", "red"]);
    const sidecar = Sidecar.start(router, [
      "ollama",
      "--app",
      "o",
      "--replica",
      "one",
      "--server",
      server.url,
      "--hint-slots",
      "2",
    ]);
    try {
      const hints = async () => (await router.view("o")).replicas?.[0]?.hints?.toSorted();
      await until("it is ready", async () => (await hints())?.length === 0);
      const body = { model: "red", prompt: "hi", stream: false, options: { num_predict: 3 } };
      const ask = (its: object) =>
        router.send("/o/api/generate", {
          method: "POST",
          headers: { "x-fal-runner-hint": "red" },
          body: JSON.stringify({ ...body, ...its }),
        });
      const cold = await ask({});
      expect([cold.status, cold.headers["x-warmpath-reason"]]).toEqual([200, "hash_owner"]);
      await until("it is loaded", async () => (await hints())?.join() === "red,red:latest");
      const warm = await ask({});
      expect([warm.status, warm.headers["x-warmpath-reason"]]).toEqual([200, "hint_match"]);
      expect((await router.view("o")).replicas?.[0]?.hint_slots).toBe(3);
      await fetch(`${server.url}/api/generate`, { method: "POST", body: JSON.stringify({ model: "red", keep_alive: 0 }) });
      await until("it is unloaded", async () => (await hints())?.length === 0);
      // The heartbeat of that has been answered. The next one is that of another load.
      await router.admin("/-/apps/o/warm?hint=blue", "POST");
      await fetch(`${server.url}/api/generate`, { method: "POST", body: JSON.stringify({ model: "red", stream: false }) });
      await until("what was announced is loaded too", async () => (await hints())?.includes("blue") === true);
      await server.kill();
      await until("it drains", async () => (await router.view("o")).replicas?.[0]?.status === "draining");
    } finally {
      sidecar.kill();
    }
  }, 90_000);
});
