/**
 * LM Studio. `GET /api/v1/models` lists the models on disk, each with `loaded_instances`: https://lmstudio.ai/docs/developer/rest/list
 * Releases before 0.4 have `GET /api/v0/models` with `state`: https://lmstudio.ai/docs/developer/rest/endpoints
 * An unknown path there may be answered 200 with an error, so the shape decides. How many models fit it does not say.
 */
import { LIMITS } from "../limits.ts";
import { isObject, objectOf, objectsOf, textOf } from "../json.ts";
import type { Adapter, Names } from "./adapter.ts";

export const lmStudio: Adapter = {
  title: "LM Studio",
  url: "http://127.0.0.1:1234",
  isApart: false,
  concurrency: LIMITS.concurrency,
  pollMs: LIMITS.pollMs,
  async look(server) {
    const list = await server.jsonIfThere("/api/v1/models");
    if (isObject(list) && Array.isArray(list["models"]))
      return { models: loadedV1(list["models"]), slots: null, concurrency: null };
    const { data } = objectOf(await server.json("/api/v0/models"), "/api/v0/models");
    const loaded = objectsOf(data, "/api/v0/models data").filter(({ state }) => state === "loaded");
    return { models: loaded.map(({ id }) => [textOf(id, "/api/v0/models id")]), slots: null, concurrency: null };
  },
  load: async () => null,
};

/** A model goes by its key, and each instance by its id, which is the key or begins with it. */
function loadedV1(models: readonly unknown[]): readonly Names[] {
  const where = "/api/v1/models";
  return objectsOf(models, `${where} models`).flatMap(({ key, loaded_instances: loaded }) => {
    const ids = objectsOf(loaded ?? [], `${where} loaded_instances`).map(({ id }) => textOf(id, `${where} id`));
    return ids.length === 0 ? [] : [[...new Set([textOf(key, `${where} key`), ...ids])]];
  });
}
