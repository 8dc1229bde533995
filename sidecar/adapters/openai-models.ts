// The list of vLLM and SGLang at `/v1/models`: base models, and LoRA adapters, which name their base as `parent`. It is what is registered, which for
// adapters is more than what is in the GPU's memory.
import { LIMITS } from "../limits.ts";
import { objectOf, objectsOf, textOf } from "../json.ts";
import type { Server } from "../server.ts";
import type { Names } from "./adapter.ts";

export interface Registered {
  /** The base model by all of its served names. */
  readonly base: Names;
  readonly adapters: readonly string[];
}

export async function registeredModels(server: Server): Promise<Registered> {
  const path = "/v1/models";
  const { data } = objectOf(await server.json(path), path);
  const models = objectsOf(data, `${path} data`).slice(0, LIMITS.models);
  const ids = (isAdapter: boolean) =>
    models.filter(({ parent }) => (typeof parent === "string") === isAdapter).map(({ id }) => textOf(id, `${path} id`));
  return { base: ids(false), adapters: ids(true) };
}
