/**
 * llama.cpp's server. As a router of models, `GET /models` lists them with `status.value`, and `GET /props` says `max_instances`. With one model,
 * `GET /v1/models` names it and `GET /props` has `total_slots` and `is_sleeping`. Neither wakes a model that sleeps, but `GET /slots` may, so that is asked in a
 * drain alone. While a model loads the one-model server answers 503. https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md
 * The router of models ends running requests of a model that has to go (https://github.com/ggml-org/llama.cpp/issues/22447), so its concurrency is 1 unless
 * --concurrency says that all fit. `POST /models/load` has the router load a model.
 */
import { LIMITS } from "../limits.ts";
import { countOf, isObject, listOf, objectOf, objectsOf, textOf, textsOf, type Json } from "../json.ts";
import type { Server } from "../server.ts";
import type { Adapter } from "./adapter.ts";

export const llamaCpp: Adapter = {
  title: "llama.cpp's server",
  url: "http://127.0.0.1:8080",
  isApart: false,
  concurrency: LIMITS.concurrency,
  pollMs: LIMITS.pollMs,
  async look(server) {
    const props = objectOf(await server.json("/props"), "/props");
    const models = await modelsOf(server);
    if (models.some(isRouted)) {
      return { models: models.filter(isLoaded).map(namesOf), slots: countOf(props["max_instances"]), concurrency: null };
    }
    const held = props["is_sleeping"] === true ? [] : models.map(namesOf);
    return { models: held, slots: Math.max(models.length, 1), concurrency: countOf(props["total_slots"]) };
  },
  async preload(server, model) {
    await server.json("/models/load", { method: "POST", body: { model } });
  },
  async load(server) {
    const models = await modelsOf(server);
    if (!models.some(isRouted)) return busySlots(server, "/slots");
    let sum = 0;
    for (const { id } of models.filter(isLoaded)) {
      const busy = await busySlots(server, `/slots?autoload=false&model=${encodeURIComponent(textOf(id, "/models id"))}`);
      if (busy === null) return null;
      sum += busy;
    }
    return sum;
  },
};

async function modelsOf(server: Server): Promise<readonly Json[]> {
  const { data } = objectOf(await server.json("/v1/models"), "/v1/models");
  return objectsOf(data, "/v1/models data");
}

function statusOf({ status }: Json): unknown {
  return isObject(status) ? status["value"] : undefined;
}

const isRouted = (model: Json) => statusOf(model) !== undefined;
const isLoaded = (model: Json) => statusOf(model) === "loaded";

function namesOf({ id, aliases }: Json): readonly string[] {
  return [...new Set([textOf(id, "/v1/models id"), ...textsOf(aliases)])];
}

/** Null: the server was started with `--no-slots`. */
async function busySlots(server: Server, path: string): Promise<number | null> {
  const slots = await server.jsonIfThere(path);
  return slots === null ? null : listOf(slots, path).filter((slot) => isObject(slot) && slot["is_processing"] === true).length;
}
