/**
 * TorchServe. Its management port's `GET /models` lists what is registered, in pages, and `GET /models/{name}` the workers, of which a READY one holds the model:
 * https://github.com/pytorch/serve/blob/master/docs/management_api.md
 * Requests go to another port, so --origin must name that. Each worker takes one request at a time. A token is needed unless it is switched off:
 * https://github.com/pytorch/serve/blob/master/docs/token_authorization_api.md
 */
import { LIMITS } from "../limits.ts";
import { isObject, listOf, objectOf, objectsOf, textOf } from "../json.ts";
import type { Server } from "../server.ts";
import type { Adapter } from "./adapter.ts";

export const torchserve: Adapter = {
  title: "TorchServe",
  url: "http://127.0.0.1:8081",
  isApart: true,
  concurrency: LIMITS.concurrency,
  pollMs: LIMITS.slowPollMs,
  async look(server) {
    const names = await registered(server);
    const counts = await eachOf(names, (name) => readyWorkers(server, name));
    const held = names.filter((_, index) => (counts[index] ?? 0) > 0);
    const workers = counts.reduce((sum, count) => sum + count, 0);
    return { models: held.map((name) => [name]), slots: null, concurrency: workers > 0 ? workers : null };
  },
  load: async () => null,
};

async function registered(server: Server): Promise<readonly string[]> {
  const names = new Set<string>();
  let after = "";
  for (let page = 0; page < LIMITS.pages; page++) {
    const path = `/models?limit=${LIMITS.pageSize}${after}`;
    const { models, nextPageToken } = objectOf(await server.json(path), "/models");
    for (const { modelName } of objectsOf(models, "/models models")) names.add(textOf(modelName, "/models modelName"));
    if (nextPageToken === undefined || nextPageToken === null || nextPageToken === "") break;
    after = `&next_page_token=${encodeURIComponent(String(nextPageToken as string | number))}`;
  }
  return [...names].slice(0, LIMITS.models);
}

/** A model that was unregistered since the list was read has none. */
async function readyWorkers(server: Server, name: string): Promise<number> {
  const path = `/models/${encodeURIComponent(name)}`;
  const described = await server.jsonIfThere(path);
  if (described === null) return 0;
  const workers = objectsOf(described, path).flatMap((version) => listOf(version["workers"] ?? [], `${path} workers`));
  return workers.filter((worker) => isObject(worker) && worker["status"] === "READY").length;
}

/** A few at a time. */
async function eachOf<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<readonly R[]> {
  const results: R[] = [];
  for (let at = 0; at < items.length; at += LIMITS.asksAtOnce) {
    results.push(...(await Promise.all(items.slice(at, at + LIMITS.asksAtOnce).map(ask))));
  }
  return results;
}
