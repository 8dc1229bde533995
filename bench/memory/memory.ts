// `npm run bench -- memory`: what a fleet at its declared limits takes of the object's memory, in an isolate of workerd.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { bundle } from "../../scripts/bundle.ts";
import { SERVICE, startRouter, type RouterProcess } from "../../scripts/router-process.ts";
import { job, number, program } from "../command.ts";
import { heapBytesCollected } from "../live/machine.ts";
import { table } from "../report.ts";

interface Taken {
  readonly part: string;
  readonly count: number;
  readonly mb: number;
}

/** A fleet at its limits is filled in some seconds. */
const PART_TIMEOUT_MS = 120_000;
const BUSY_EVERY_MS = 10;

const NOTES = `
Measured as the heap of an isolate of workerd after garbage collection, in MB, the router's code left out.`;

const command = program("memory", "Says how much memory a fleet takes at every limit that is declared for one.", NOTES)
  .option("--share <share>", "how much of each limit is used up", number(0.001, 1), 1)
  .option("--hint-length <number>", "characters of each hint", number(8, 80, "integer"), 32)
  .option("--json", "one JSON object a line for each part", false);

export const memory = job(command, async ({ share, hintLength, json }, { print, progress, signal }) => {
  const file = bundle({ name: "memory", folder: "bench/memory/worker" });
  const stateFolder = mkdtempSync(path.join(tmpdir(), "warmpath-memory-"));
  const taken: Taken[] = [];
  let worker: RouterProcess | null = null;
  try {
    worker = await startRouter({ port: 0, stateFolder, settings: {}, bundle: file, inspect: true });
    for (let before = await usedBytes(worker); ;) {
      const url = `${worker.url}/fill?share=${share}&hint-length=${hintLength}`;
      const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(PART_TIMEOUT_MS)]) });
      if (response.status === 204) break;
      if (!response.ok) throw new Error(`the fleet could not be filled: ${response.status} ${await response.text()}`);
      const { filled, ...part } = (await response.json()) as Omit<Taken, "mb"> & { readonly filled: number };
      progress(part.part, filled);
      const now = await usedBytes(worker);
      taken.push({ ...part, mb: Math.round((now - before) / 10_000) / 100 });
      before = now;
    }
  } finally {
    await worker?.stop();
    rmSync(stateFolder, { recursive: true, force: true });
  }
  const total = taken.reduce((sum, { mb }) => sum + mb, 0);
  const rows = taken.map(({ part, count, mb }) => [part, count, mb.toFixed(1)]);
  if (json) for (const its of taken) print(JSON.stringify(its));
  else print(table([["part", "count", "MB"], ...rows, ["total", "", total.toFixed(1)]]));
  return true;
});

/** An idle isolate does not hear its inspector, so it is asked for nothing meanwhile. */
async function usedBytes({ url, inspectorPort }: RouterProcess): Promise<number> {
  const busy = setInterval(() => void fetch(url).catch(() => {}), BUSY_EVERY_MS);
  try {
    return await heapBytesCollected(inspectorPort ?? 0, SERVICE);
  } finally {
    clearInterval(busy);
  }
}
