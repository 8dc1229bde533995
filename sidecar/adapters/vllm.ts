/**
 * vLLM. `GET /v1/models` lists the base model and the LoRA adapters that are registered, each with `parent`: https://docs.vllm.ai/en/latest/features/lora/
 * Which adapters are in the GPU's `max_loras` slots it does not list. The metric `vllm:lora_requests_info` names those that have requests, with the time as its
 * value, and a series stays for each set of names that ever was. So the adapters that were used last are known, and vLLM evicts the least recently used one: https://docs.vllm.ai/en/latest/usage/metrics/ and https://docs.vllm.ai/en/latest/design/metrics/
 */
import { LIMITS } from "../limits.ts";
import { samplesOf, sumOf } from "../metrics.ts";
import { faultOf, type Server } from "../server.ts";
import type { Adapter, Look } from "./adapter.ts";
import { registeredModels } from "./openai-models.ts";

export const vllm: Adapter = {
  title: "vLLM",
  url: "http://127.0.0.1:8000",
  isApart: false,
  concurrency: LIMITS.batchConcurrency,
  pollMs: LIMITS.pollMs,
  async look(server) {
    const { base, adapters } = await registeredModels(server);
    if (adapters.length === 0) return { models: [base], slots: 1, concurrency: null };
    const metrics = await metricsOf(server);
    return metrics === null ? { models: null, slots: null, concurrency: null } : lookOf(base, new Set(adapters), metrics);
  },
  async load(server) {
    const metrics = await metricsOf(server);
    const [running, waiting] = ["vllm:num_requests_running", "vllm:num_requests_waiting"].map((name) =>
      sumOf(metrics ?? "", name),
    );
    return running === null || running === undefined ? null : running + (waiting ?? 0);
  },
};

/** Null: the server was started without metrics. */
async function metricsOf(server: Server): Promise<string | null> {
  const answer = await server.ask("/metrics");
  if (answer.status === 404) return null;
  if (answer.status !== 200) throw faultOf("/metrics", answer);
  return answer.text;
}

function lookOf(base: readonly string[], registered: ReadonlySet<string>, metrics: string): Look {
  const lastUsedAt = new Map<string, number>();
  let slots = 0;
  for (const { labels, value } of samplesOf(metrics, "vllm:lora_requests_info")) {
    slots = Math.max(slots, Number(labels["max_lora"]) || 0);
    for (const name of (labels["running_lora_adapters"] ?? "").split(",")) {
      if (registered.has(name)) lastUsedAt.set(name, Math.max(lastUsedAt.get(name) ?? 0, value));
    }
  }
  // Before the first request there is no series. Then no adapter was used either.
  const byUse = [...lastUsedAt].sort(([, one], [, other]) => one - other).map(([name]) => name);
  const resident = slots === 0 ? [] : byUse.slice(-slots);
  return { models: [...resident.map((name) => [name]), base], slots: slots === 0 ? null : slots + 1, concurrency: null };
}
