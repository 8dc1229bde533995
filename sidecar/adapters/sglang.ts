/**
 * SGLang. `GET /v1/models` lists the base model and the registered LoRA adapters, each with `parent` (https://github.com/sgl-project/sglang/pull/12229). A
 * request calls an adapter by its name or as `base:adapter` (https://docs.sglang.io/advanced_features/lora.html). `GET /server_info`, `/get_server_info` of
 * earlier releases, has the server's arguments: https://docs.sglang.io/basic_usage/native_api.html
 * Which adapters are in the GPU's `max_loras_per_batch` slots it does not say. If all fit they all count as held, else the router learns from answers.
 */
import { LIMITS } from "../limits.ts";
import { countOf, isObject, type Json } from "../json.ts";
import { sumOf } from "../metrics.ts";
import type { Server } from "../server.ts";
import type { Adapter } from "./adapter.ts";
import { registeredModels } from "./openai-models.ts";

export const sglang: Adapter = {
  title: "SGLang",
  url: "http://127.0.0.1:30000",
  isApart: false,
  concurrency: LIMITS.batchConcurrency,
  pollMs: LIMITS.pollMs,
  async look(server) {
    const { base, adapters } = await registeredModels(server);
    const info = await serverInfo(server);
    const concurrency = countOf(info["max_running_requests"]);
    if (adapters.length === 0) return { models: [base], slots: 1, concurrency };
    const most = countOf(info["max_loras_per_batch"]);
    const slots = most === null ? null : most + 1;
    if (most === null || adapters.length > most) return { models: null, slots, concurrency };
    const named = adapters.map((name) => [name, ...base.map((its) => `${its}:${name}`)]);
    return { models: [...named, base], slots, concurrency };
  },
  /** By its metrics, which `--enable-metrics` opens: https://docs.sglang.io/references/production_metrics.html */
  async load(server) {
    const { status, text } = await server.ask("/metrics");
    const running = status === 200 ? sumOf(text, "sglang:num_running_reqs") : null;
    return running === null ? null : running + (sumOf(text, "sglang:num_queue_reqs") ?? 0);
  },
};

async function serverInfo(server: Server): Promise<Json> {
  for (const path of ["/server_info", "/get_server_info"]) {
    const info = await server.jsonIfThere(path);
    if (isObject(info)) return info;
  }
  return {};
}
