// Builds the Worker as it is deployed, into dist/, without an account: `wrangler deploy --dry-run`. Benchmarks may build it with an entry of
// their own, beside the deployed one.
import { spawnSync } from "node:child_process";
import { existsSync, globSync, statSync } from "node:fs";
import path from "node:path";

export const PROJECT = path.dirname(import.meta.dirname);
export const BUNDLE = path.join(PROJECT, "dist", "index.js");

const SOURCES = ["src/**/*.{ts,tsx,css}", "durable-objects/**/*.ts", "wrangler.toml", "package-lock.json"];

/** Another entry than the deployed one, `folder`/index.ts, built into dist/`name`/. Paths are relative to the project. */
export interface Entry {
  readonly name: string;
  readonly folder: string;
}

/** Builds where a source is newer than the bundle. Gives the bundle. Throws with the tool's own words when it can't. */
export function bundle(entry: Entry | null = null): string {
  const file = entry === null ? BUNDLE : path.join(PROJECT, "dist", entry.name, "index.js");
  const sources = entry === null ? SOURCES : [...SOURCES, `${entry.folder}/**/*.ts`];
  const newest = Math.max(...globSync(sources, { cwd: PROJECT }).map((source) => statSync(path.join(PROJECT, source)).mtimeMs));
  if (existsSync(file) && statSync(file).mtimeMs > newest) return file;
  const wrangler = path.join(PROJECT, "node_modules", "wrangler", "bin", "wrangler.js");
  const main = entry === null ? [] : [path.join(entry.folder, "index.ts")];
  const result = spawnSync(
    process.execPath,
    [wrangler, "deploy", ...main, "--dry-run", "--outdir", path.dirname(file), "--env="],
    {
      cwd: PROJECT,
      encoding: "utf8",
      env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" },
    },
  );
  if (result.status !== 0)
    throw new Error(`the Worker could not be built (npm run build does no more):\n${result.stdout}${result.stderr}`);
  return file;
}
