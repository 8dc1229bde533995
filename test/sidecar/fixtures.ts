// What each kind of server answers, in its documented shapes, in two states: holding something, and up but holding nothing. The pages are cited in the
// adapters.
import type { Look } from "../../sidecar/adapters/adapter.ts";

/** By method and target: JSON, or text as it is. A target that is not listed is answered 404. */
export type Routes = Readonly<Record<string, unknown>>;

export interface Fixture {
  readonly server: string;
  readonly holding: Routes;
  readonly look: Look;
  /** Requests in progress in `holding`; null: the server does not say. */
  readonly load: number | null;
  readonly empty: Routes;
  readonly emptyLook: Look;
}

const NOTHING: Look = { models: [], slots: null, concurrency: null };

const vllmModels = {
  object: "list",
  data: [
    {
      id: "meta-llama/Llama-3.2-3B-Instruct",
      object: "model",
      created: 1,
      owned_by: "vllm",
      root: "meta-llama/Llama-3.2-3B-Instruct",
      parent: null,
    },
    { id: "llama-3", object: "model", created: 1, owned_by: "vllm", root: "meta-llama/Llama-3.2-3B-Instruct", parent: null },
    ...["sql-lora", "poem-lora", "law-lora", "idle-lora"].map((id) => ({
      ...{ id, object: "model", created: 2, owned_by: "vllm", root: `/loras/${id}`, parent: "meta-llama/Llama-3.2-3B-Instruct" },
    })),
  ],
};

/** The value is the time of the last update; a series stays for each set of names that there ever was. */
const vllmMetrics = `# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="meta-llama/Llama-3.2-3B-Instruct"} 3.0
# TYPE vllm:num_requests_waiting gauge
vllm:num_requests_waiting{engine="0",model_name="meta-llama/Llama-3.2-3B-Instruct"} 2.0
# HELP vllm:lora_requests_info Running stats on lora requests.
# TYPE vllm:lora_requests_info gauge
vllm:lora_requests_info{max_lora="2",running_lora_adapters="",waiting_lora_adapters=""} 1.7640000e+09
vllm:lora_requests_info{max_lora="2",running_lora_adapters="law-lora",waiting_lora_adapters=""} 1.7640001e+09
vllm:lora_requests_info{max_lora="2",running_lora_adapters="sql-lora,poem-lora",waiting_lora_adapters="law-lora"} 1.7640002e+09
vllm:lora_requests_info{max_lora="2",running_lora_adapters="sql-lora",waiting_lora_adapters=""} 1.7640003e+09
vllm:lora_requests_info{max_lora="2",running_lora_adapters="unloaded-lora",waiting_lora_adapters=""} 1.7640004e+09
`;

const llamaModel = (id: string, value: string, aliases: readonly string[] = []) => ({
  ...{ id, aliases, tags: [], object: "model", owned_by: "llamacpp", created: 1 },
  status: { value, args: ["llama-server", "--port", "0"], ...(value === "unloaded" && { failed: true, exit_code: 1 }) },
});

const comfyPrompt = (number: number, id: string, files: Readonly<Record<string, string>>) => [
  ...[number, id],
  {
    "3": { class_type: "KSampler", inputs: { seed: 1, model: ["4", 0] } },
    ...Object.fromEntries(
      Object.entries(files).map(([input, file], index) => [`${4 + index}`, { class_type: "Loader", inputs: { [input]: file } }]),
    ),
  },
  ...[{ client_id: "c" }, ["9"]],
];

const ran = (prompt: unknown) => ({ prompt, outputs: {}, status: { status_str: "success", completed: true, messages: [] } });

export const FIXTURES: readonly Fixture[] = [
  {
    server: "ollama",
    holding: {
      "GET /api/ps": {
        models: [
          {
            ...{
              name: "mistral:latest",
              model: "mistral:latest",
              size: 5_137_025_024,
              size_vram: 5_137_025_024,
              context_length: 4096,
            },
            details: {
              parent_model: "",
              format: "gguf",
              family: "llama",
              families: ["llama"],
              parameter_size: "7.2B",
              quantization_level: "Q4_0",
            },
            ...{
              digest: "2ae6f6dd7a3dd734790bbbf58b8909a606e0e7e97e94b7604e0aa7ae4490e6d8",
              expires_at: "2024-06-04T14:38:31.83753-07:00",
            },
          },
          { name: "llama3.2:3b-instruct-q4_K_M", model: "llama3.2:3b-instruct-q4_K_M", size: 1, size_vram: 0 },
        ],
      },
    },
    look: { models: [["mistral:latest", "mistral"], ["llama3.2:3b-instruct-q4_K_M"]], slots: null, concurrency: null },
    load: null,
    empty: { "GET /api/ps": { models: [] } },
    emptyLook: NOTHING,
  },
  {
    server: "vllm",
    holding: { "GET /v1/models": vllmModels, "GET /metrics": vllmMetrics },
    look: { models: [["poem-lora"], ["sql-lora"], ["meta-llama/Llama-3.2-3B-Instruct", "llama-3"]], slots: 3, concurrency: null },
    load: 5,
    empty: { "GET /v1/models": { object: "list", data: [{ id: "base", object: "model", root: "base", parent: null }] } },
    emptyLook: { models: [["base"]], slots: 1, concurrency: null },
  },
  {
    server: "sglang",
    holding: {
      "GET /v1/models": {
        object: "list",
        data: [
          {
            id: "qwen/qwen2.5-0.5b-instruct",
            object: "model",
            created: 1,
            owned_by: "sglang",
            root: "qwen/qwen2.5-0.5b-instruct",
            parent: null,
          },
          {
            id: "sql_expert",
            object: "model",
            root: "path/to/sql_adapter",
            parent: "qwen/qwen2.5-0.5b-instruct",
            max_model_len: null,
          },
        ],
      },
      "GET /get_server_info": {
        model_path: "qwen/qwen2.5-0.5b-instruct",
        max_loras_per_batch: 8,
        max_running_requests: 48,
        internal_states: [{}],
      },
      "GET /metrics": `sglang:num_running_reqs{model_name="qwen"} 4.0\nsglang:num_queue_reqs{model_name="qwen"} 1.0\n`,
    },
    look: {
      models: [["sql_expert", "qwen/qwen2.5-0.5b-instruct:sql_expert"], ["qwen/qwen2.5-0.5b-instruct"]],
      ...{ slots: 9, concurrency: 48 },
    },
    load: 5,
    empty: {
      "GET /v1/models": { object: "list", data: [{ id: "base", object: "model", parent: null }] },
      "GET /server_info": { max_running_requests: null },
    },
    emptyLook: { models: [["base"]], slots: 1, concurrency: null },
  },
  {
    server: "llama-cpp",
    holding: {
      "GET /props": { role: "router", max_instances: 4, models_autoload: true, build_info: "b1-7e4c0a9" },
      "GET /v1/models": {
        object: "list",
        data: [
          llamaModel("ggml-org/gemma-3-4b-it-GGUF:Q4_K_M", "loaded", ["gemma"]),
          ...["unloaded", "loading", "sleeping", "downloading"].map((value) => llamaModel(`is-${value}`, value)),
        ],
      },
      "GET /slots?autoload=false&model=ggml-org%2Fgemma-3-4b-it-GGUF%3AQ4_K_M": [
        { id: 0, n_ctx: 4096, is_processing: true },
        { id: 1, n_ctx: 4096, is_processing: false },
      ],
    },
    look: { models: [["ggml-org/gemma-3-4b-it-GGUF:Q4_K_M", "gemma"]], slots: 4, concurrency: null },
    load: 1,
    empty: {
      "GET /props": { role: "router", max_instances: 0 },
      "GET /v1/models": { object: "list", data: [llamaModel("a", "unloaded")] },
    },
    emptyLook: NOTHING,
  },
  {
    server: "llama-cpp",
    holding: {
      "GET /props": { total_slots: 4, model_alias: "gemma", is_sleeping: false, endpoint_slots: true },
      "GET /v1/models": {
        object: "list",
        data: [{ id: "gemma", aliases: ["gemma", "g"], object: "model", owned_by: "llamacpp", meta: { n_ctx: 256 } }],
      },
      "GET /slots": [0, 1, 2, 3].map((id) => ({ id, is_processing: id > 1 })),
    },
    look: { models: [["gemma", "g"]], slots: 1, concurrency: 4 },
    load: 2,
    empty: {
      "GET /props": { total_slots: 1, is_sleeping: true },
      "GET /v1/models": { object: "list", data: [{ id: "gemma", object: "model" }] },
    },
    emptyLook: { models: [], slots: 1, concurrency: 1 },
  },
  {
    server: "lm-studio",
    holding: {
      "GET /api/v1/models": {
        models: [
          {
            ...{
              type: "llm",
              publisher: "lmstudio-community",
              key: "gemma-3-270m-it-qat",
              display_name: "Gemma 3 270m Instruct Qat",
            },
            loaded_instances: [
              { id: "gemma-3-270m-it-qat", config: { context_length: 4096 } },
              { id: "gemma-3-270m-it-qat:2", config: { context_length: 4096 } },
            ],
          },
          {
            type: "embedding",
            publisher: "gaianet",
            key: "text-embedding-nomic-embed-text-v1.5-embedding",
            loaded_instances: [],
          },
        ],
      },
    },
    look: { models: [["gemma-3-270m-it-qat", "gemma-3-270m-it-qat:2"]], slots: null, concurrency: null },
    load: null,
    empty: { "GET /api/v1/models": { models: [{ key: "a", loaded_instances: [] }] } },
    emptyLook: NOTHING,
  },
  {
    server: "lm-studio",
    holding: {
      "GET /api/v1/models": { error: "Unexpected endpoint or method. (GET /api/v1/models)" },
      "GET /api/v0/models": {
        object: "list",
        data: [
          {
            id: "qwen2-vl-7b-instruct",
            object: "model",
            type: "vlm",
            publisher: "mlx-community",
            state: "not-loaded",
            max_context_length: 32_768,
          },
          { id: "meta-llama-3.1-8b-instruct", object: "model", type: "llm", state: "loaded", max_context_length: 131_072 },
        ],
      },
    },
    look: { models: [["meta-llama-3.1-8b-instruct"]], slots: null, concurrency: null },
    load: null,
    empty: { "GET /api/v0/models": { object: "list", data: [] } },
    emptyLook: NOTHING,
  },
  {
    server: "llama-swap",
    holding: {
      "GET /running": {
        running: [
          {
            model: "gptoss-120B-med",
            state: "ready",
            cmd: "llama-server",
            proxy: "http://localhost:5800",
            ttl: 0,
            name: "",
            description: "",
          },
          { model: "DeepSeek-V3-Q4_K_M", state: "starting" },
        ],
      },
    },
    look: { models: [["gptoss-120B-med"]], slots: null, concurrency: null },
    load: null,
    empty: { "GET /running": { running: [] } },
    emptyLook: NOTHING,
  },
  {
    server: "triton",
    holding: {
      "POST /v2/repository/index": [
        { name: "resnet", version: "1", state: "READY", reason: "" },
        { name: "resnet", version: "2", state: "READY" },
        { name: "bert", version: "1", state: "UNAVAILABLE", reason: "unloaded" },
      ],
    },
    look: { models: [["resnet"]], slots: null, concurrency: null },
    load: null,
    empty: { "POST /v2/repository/index": [] },
    emptyLook: NOTHING,
  },
  {
    server: "torchserve",
    holding: {
      "GET /models?limit=100": { nextPageToken: "2", models: [{ modelName: "noop", modelUrl: "noop.mar" }] },
      "GET /models?limit=100&next_page_token=2": {
        models: [
          { modelName: "idle", modelUrl: "idle.mar" },
          { modelName: "gone", modelUrl: "" },
        ],
      },
      "GET /models/noop": [
        {
          ...{ modelName: "noop", modelVersion: "1.0", modelUrl: "noop.mar", minWorkers: 1, maxWorkers: 2, batchSize: 1 },
          workers: ["READY", "READY", "UNLOADING"].map((status, id) => ({
            id: `${9000 + id}`,
            status,
            gpu: false,
            memoryUsage: 89_247_744,
          })),
          jobQueueStatus: { remainingCapacity: 100, pendingRequests: 0 },
        },
      ],
      "GET /models/idle": [{ modelName: "idle", modelVersion: "1.0", workers: [] }],
    },
    look: { models: [["noop"]], slots: null, concurrency: 2 },
    load: null,
    empty: { "GET /models?limit=100": { models: [] } },
    emptyLook: NOTHING,
  },
  {
    server: "comfyui",
    holding: {
      "GET /queue": {
        queue_running: [comfyPrompt(4, "p4", { ckpt_name: "flux1-dev.safetensors" })],
        queue_pending: [comfyPrompt(5, "p5", { ckpt_name: "never-yet.safetensors" })],
      },
      "GET /history?max_items=64": {
        p1: ran(comfyPrompt(1, "p1", { ckpt_name: "sdxl.safetensors", lora_name: "styles/ink.safetensors" })),
        p2: ran(comfyPrompt(2, "p2", { unet_name: "wan2.1" })),
        p3: ran(comfyPrompt(3, "p3", { ckpt_name: "sdxl.safetensors" })),
      },
    },
    look: {
      models: [
        ["styles/ink.safetensors", "styles/ink"],
        ["wan2.1"],
        ["sdxl.safetensors", "sdxl"],
        ["flux1-dev.safetensors", "flux1-dev"],
      ],
      ...{ slots: 1, concurrency: null },
    },
    load: 2,
    empty: { "GET /queue": { queue_running: [], queue_pending: [] }, "GET /history?max_items=64": {} },
    emptyLook: { models: [], slots: 1, concurrency: null },
  },
  {
    server: "hints-url",
    holding: {
      "GET /v1/models/status": {
        models: [
          { id: "mlx-a", loaded: true },
          { id: "mlx-b", loaded: false },
          { id: "mlx-c", loaded: true },
        ],
      },
    },
    look: { models: [["mlx-a"], ["mlx-c"]], slots: null, concurrency: null },
    load: null,
    empty: { "GET /v1/models/status": { models: [] } },
    emptyLook: NOTHING,
  },
];
