// `npm run bench -- memory`: what a fleet at its declared limits takes of the object's memory.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { job, number, program } from "../command.ts";
import { table } from "../report.ts";

interface Taken {
  readonly part: string;
  readonly count: number;
  readonly mb: number;
}

const NOTES = `
Measured as the heap of a Node.js process of its own after garbage collection, in MB.`;

const command = program("memory", "Says how much memory a fleet takes at every limit that is declared for one.", NOTES)
  .option("--share <share>", "how much of each limit is used up", number(0.001, 1), 1)
  .option("--hint-length <number>", "characters of each hint", number(8, 80, "integer"), 32)
  .option("--json", "one JSON object a line for each part", false);

export const memory = job(command, async ({ share, hintLength, json }, { print, signal }) => {
  const child = fileURLToPath(new URL("child.ts", import.meta.url));
  const args = ["--expose-gc", child, String(share), String(hintLength)];
  const { stdout } = await promisify(execFile)(process.execPath, args, { signal });
  const taken = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Taken);
  const total = taken.reduce((sum, { mb }) => sum + mb, 0);
  const rows = taken.map(({ part, count, mb }) => [part, count, mb.toFixed(1)]);
  print(json ? stdout.trim() : table([["part", "count", "MB"], ...rows, ["total", "", total.toFixed(1)]]));
  return true;
});
