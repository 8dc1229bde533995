// The servers that the sidecar knows, by the name that its command line takes.
import type { Adapter } from "./adapter.ts";
import { comfyui } from "./comfyui.ts";
import { llamaCpp } from "./llama-cpp.ts";
import { llamaSwap } from "./llama-swap.ts";
import { lmStudio } from "./lm-studio.ts";
import { ollama } from "./ollama.ts";
import { sglang } from "./sglang.ts";
import { torchserve } from "./torchserve.ts";
import { triton } from "./triton.ts";
import { vllm } from "./vllm.ts";

export const ADAPTERS = {
  ollama,
  vllm,
  sglang,
  "llama-cpp": llamaCpp,
  "lm-studio": lmStudio,
  "llama-swap": llamaSwap,
  triton,
  torchserve,
  comfyui,
} as const satisfies Readonly<Record<string, Adapter>>;
