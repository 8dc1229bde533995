// The workloads that constants are chosen on, and those that they are judged on. The traces are not part of this repository. Without them
// the synthetic workloads are left.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { GENTD26_LIKE, synthetic } from "../simulate/synthetic.ts";
import { readTrace } from "../simulate/trace.ts";
import type { Workload } from "../simulate/workload.ts";

interface Shape {
  /** `choose`: constants may be chosen on the workload. */
  readonly role: "choose" | "judge";
  readonly slots: number;
  readonly coldMs: number;
  /** Resampled paths beside the workload itself. */
  readonly bootstraps: number;
}

export interface AblationWorkload extends Shape {
  readonly name: string;
  readonly requests: Workload;
}

/** Makes the requests. `trace` gives none if the trace is not at hand. */
type Make = (trace: (name: string, serviceScale?: number) => Workload) => Workload;

const JUDGED: Shape = { role: "judge", slots: 12, coldMs: 12_000, bootstraps: 0 };
const FEW_SLOTS: Shape = { ...JUDGED, slots: 3 };
const GENAI_SCALE = 0.63;
/** Service time of a request whose trace gives none. */
const SERVICE_MS = 8000;
const REQUESTS_MOST = 20_000;

const made = (seed: number): Make => {
  const half = { ...GENTD26_LIKE, requests: GENTD26_LIKE.requests / 2, spanMs: GENTD26_LIKE.spanMs / 2 };
  return () => synthetic(half, seed);
};

/** The first or the second half of a workload's time. */
function halfOf(workload: Workload, which: "first" | "second"): Workload {
  const halfMs = ((workload[0]?.atMs ?? 0) + (workload.at(-1)?.atMs ?? 0)) / 2;
  return workload.filter(({ atMs }) => atMs < halfMs === (which === "first"));
}

/** In the order of the tables. */
const WORKLOADS: Readonly<Record<string, readonly [Shape, Make]>> = {
  "genai-first-half": [
    { ...FEW_SLOTS, role: "choose", bootstraps: 3 },
    (trace) => halfOf(trace("genai-lora", GENAI_SCALE), "first"),
  ],
  "genai-second-half": [{ ...FEW_SLOTS, bootstraps: 3 }, (trace) => halfOf(trace("genai-lora", GENAI_SCALE), "second")],
  "claude-code": [{ ...JUDGED, coldMs: 4400 }, (trace) => trace("claude-code").slice(0, REQUESTS_MOST)],
  "azure-http": [JUDGED, (trace) => trace("azure-http").slice(0, REQUESTS_MOST)],
  "mooncake-conv": [{ ...JUDGED, slots: 64, coldMs: 4000 }, (trace) => trace("mooncake-conv")],
  "synthetic-2": [FEW_SLOTS, made(2)],
  "synthetic-3": [FEW_SLOTS, made(3)],
  "synthetic-4": [FEW_SLOTS, made(4)],
};
export const WORKLOAD_NAMES = Object.keys(WORKLOADS);

/** Those of the named workloads that are at hand. `directory`: where the traces are; null: there are none. */
export function ablationWorkloads(names: readonly string[], directory: string | null): readonly AblationWorkload[] {
  const trace = (name: string, serviceScale = 1): Workload => {
    const path = directory === null ? "" : join(directory, `${name}.csv.gz`);
    return existsSync(path) ? readTrace(path, { serviceScale, serviceMs: SERVICE_MS }) : [];
  };
  const wanted = Object.entries(WORKLOADS).filter(([name]) => names.includes(name));
  return wanted
    .map(([name, [shape, make]]) => ({ name, ...shape, requests: make(trace) }))
    .filter(({ requests }) => requests.length > 0);
}
