/**
 * Ollama. `GET /api/ps` lists the models that are loaded into memory: https://github.com/ollama/ollama/blob/main/docs/api.md#list-running-models
 * A request without a prompt loads its model, and pulls none: https://github.com/ollama/ollama/blob/main/docs/api.md#load-a-model
 * A name without a tag means the tag `latest`, so such a model goes by both. OLLAMA_MAX_LOADED_MODELS and OLLAMA_NUM_PARALLEL can't be asked for.
 */
import { LIMITS } from "../limits.ts";
import { objectOf, objectsOf, textOf } from "../json.ts";
import type { Adapter } from "./adapter.ts";

const LATEST = ":latest";

export const ollama: Adapter = {
  title: "Ollama",
  url: "http://127.0.0.1:11434",
  isApart: false,
  concurrency: LIMITS.concurrency,
  pollMs: LIMITS.pollMs,
  async look(server) {
    const { models } = objectOf(await server.json("/api/ps"), "/api/ps");
    const names = objectsOf(models, "/api/ps models").map(({ name }) => textOf(name, "/api/ps name"));
    const both = names.map((name) => (name.endsWith(LATEST) ? [name, name.slice(0, -LATEST.length)] : [name]));
    return { models: both, slots: null, concurrency: null };
  },
  async preload(server, model) {
    await server.json("/api/generate", { method: "POST", body: { model, stream: false } });
  },
  load: async () => null,
};
