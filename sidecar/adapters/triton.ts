/**
 * Triton. `POST /v2/repository/index` with `{"ready":true}` lists the models that are ready for inference:
 * https://github.com/triton-inference-server/server/blob/main/docs/protocol/extension_model_repository.md
 * A model of several versions is listed once for each. Without `--model-control-mode=explicit` nothing is ever unloaded.
 */
import { LIMITS } from "../limits.ts";
import { objectsOf, textOf } from "../json.ts";
import type { Adapter } from "./adapter.ts";

export const triton: Adapter = {
  title: "Triton Inference Server",
  url: "http://127.0.0.1:8000",
  isApart: false,
  concurrency: LIMITS.concurrency,
  pollMs: LIMITS.pollMs,
  async look(server) {
    const path = "/v2/repository/index";
    const index = objectsOf(await server.json(path, { method: "POST", body: { ready: true } }), path);
    const ready = index
      .filter(({ state }) => state === undefined || state === "READY")
      .map(({ name }) => textOf(name, `${path} name`));
    return { models: [...new Set(ready)].map((name) => [name]), slots: null, concurrency: null };
  },
  load: async () => null,
};
