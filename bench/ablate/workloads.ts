// What constants are chosen on, and what they are judged on. The traces are not part of this repository; without them the synthetic workloads are left.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { GENTD26_LIKE, synthetic } from "../simulate/synthetic.ts";
import { readTrace } from "../simulate/trace.ts";
import type { Workload } from "../simulate/workload.ts";

export interface AblationWorkload {
  readonly name: string;
  /** `choose`: constants may be chosen on it. */
  readonly role: "choose" | "judge";
  readonly slots: number;
  readonly coldMs: number;
  /** Resampled paths beside the workload itself. */
  readonly bootstraps: number;
  readonly requests: Workload;
}

/** In the order of the tables. */
export const WORKLOAD_NAMES = [
  ...["genai-first-half", "genai-second-half", "claude-code", "azure-http", "mooncake-conv"],
  ...["synthetic-2", "synthetic-3", "synthetic-4"],
];

const SERVICE_SCALE = 0.63;
const SERVICE_MS = 8000;

/** `directory`: where the traces are; null: none are at hand. */
export function ablationWorkloads(directory: string | null): readonly AblationWorkload[] {
  const trace = (name: string, serviceScale: number): Workload | null => {
    const path = directory === null ? "" : join(directory, `${name}.csv.gz`);
    return existsSync(path) ? readTrace(path, { serviceScale, serviceMs: SERVICE_MS }) : null;
  };
  const genai = trace("genai-lora", SERVICE_SCALE) ?? [];
  const halfMs = ((genai[0]?.atMs ?? 0) + (genai.at(-1)?.atMs ?? 0)) / 2;
  const small = { slots: 3, coldMs: 12_000, bootstraps: 3 };
  const made = [2, 3, 4].map((seed) => ({
    ...{ name: `synthetic-${seed}`, role: "judge" as const, slots: 3, coldMs: 12_000, bootstraps: 0 },
    requests: synthetic({ ...GENTD26_LIKE, requests: 13_400, spanMs: GENTD26_LIKE.spanMs / 2 }, seed),
  }));
  return [
    { name: "genai-first-half", role: "choose" as const, ...small, requests: genai.filter(({ atMs }) => atMs < halfMs) },
    { name: "genai-second-half", role: "judge" as const, ...small, requests: genai.filter(({ atMs }) => atMs >= halfMs) },
    {
      ...{ name: "claude-code", role: "judge" as const, slots: 12, coldMs: 4400, bootstraps: 0 },
      requests: (trace("claude-code", 1) ?? []).slice(0, 20_000),
    },
    {
      ...{ name: "azure-http", role: "judge" as const, slots: 12, coldMs: 12_000, bootstraps: 0 },
      requests: (trace("azure-http", 1) ?? []).slice(0, 20_000),
    },
    {
      ...{ name: "mooncake-conv", role: "judge" as const, slots: 64, coldMs: 4000, bootstraps: 0 },
      requests: trace("mooncake-conv", 1) ?? [],
    },
    ...made,
  ].filter(({ requests }) => requests.length > 0);
}
