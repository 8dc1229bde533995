/**
 * llama-swap. `GET /running` lists its processes with `model` and `state`, of which `ready` takes requests:
 * https://github.com/mostlygeek/llama-swap/pull/65 and https://github.com/mostlygeek/llama-swap/pull/474
 * It names neither the aliases of its configuration (--alias does) nor how many models its groups let run at once (--hint-slots does).
 */
import { LIMITS } from "../limits.ts";
import { objectOf, objectsOf, textOf } from "../json.ts";
import type { Adapter } from "./adapter.ts";

export const llamaSwap: Adapter = {
  title: "llama-swap",
  url: "http://127.0.0.1:8080",
  isApart: false,
  concurrency: LIMITS.concurrency,
  pollMs: LIMITS.pollMs,
  async look(server) {
    const { running } = objectOf(await server.json("/running"), "/running");
    const ready = objectsOf(running, "/running running").filter(({ state }) => state === "ready");
    return { models: ready.map(({ model }) => [textOf(model, "/running model")]), slots: null, concurrency: null };
  },
  load: async () => null,
};
