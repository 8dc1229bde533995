/**
 * ComfyUI. It lists no loaded models, so what its last prompts loaded counts as held: the inputs `ckpt_name`, `unet_name` and `lora_name` of their nodes, from
 * `GET /queue` (what runs now) and `GET /history` (what ran, the latest last): https://docs.comfy.org/development/comfyui-server/comms_routes
 * How many models fit depends on the card, so --hint-slots should say; else only the last one counts. A file goes by its name and by that without extension.
 * `POST /prompt` is answered at once. The router's request is then over while the prompt still waits in ComfyUI's own queue.
 */
import { LIMITS } from "../limits.ts";
import { isObject, listOf, objectOf } from "../json.ts";
import type { Server } from "../server.ts";
import type { Adapter } from "./adapter.ts";

const LOADER_INPUTS = ["ckpt_name", "unet_name", "lora_name"];

export const comfyui: Adapter = {
  title: "ComfyUI",
  url: "http://127.0.0.1:8188",
  isApart: false,
  isGuess: true,
  concurrency: LIMITS.concurrency,
  pollMs: LIMITS.pollMs,
  async look(server) {
    const { running } = await queueOf(server);
    const history = objectOf(await server.json(`/history?max_items=${LIMITS.prompts}`), "/history");
    const done = Object.values(history).map((entry) => (isObject(entry) ? entry["prompt"] : undefined));
    // The latest use counts, so a file that is used again moves to the end.
    const files = new Set<string>();
    for (const file of [...done, ...running].flatMap(filesOf)) {
      files.delete(file);
      files.add(file);
    }
    return { models: [...files].slice(-LIMITS.models).map(namesOf), slots: 1, concurrency: null };
  },
  async load(server) {
    const { running, pending } = await queueOf(server);
    return running.length + pending.length;
  },
};

async function queueOf(server: Server) {
  const queue = objectOf(await server.json("/queue"), "/queue");
  const [running, pending] = ["queue_running", "queue_pending"].map((name) => listOf(queue[name], `/queue ${name}`));
  return { running: running ?? [], pending: pending ?? [] };
}

/** A prompt is `[number, id, nodes by id, …]`; a node is `{class_type, inputs}`. */
function filesOf(prompt: unknown): readonly string[] {
  const nodes: unknown = Array.isArray(prompt) ? prompt[2] : undefined;
  if (!isObject(nodes)) return [];
  return Object.values(nodes).flatMap((node) => {
    const inputs = isObject(node) ? node["inputs"] : undefined;
    if (!isObject(inputs)) return [];
    return LOADER_INPUTS.map((name) => inputs[name]).filter((file) => typeof file === "string");
  });
}

function namesOf(file: string): readonly string[] {
  const bare = file.replace(/\.(safetensors|ckpt|pt|pth|bin|gguf|sft)$/i, "");
  return bare === file || bare === "" ? [file] : [file, bare];
}
