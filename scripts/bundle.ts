// Builds the Worker as it is deployed, into dist/, without an account: `wrangler deploy --dry-run`.
import { spawnSync } from "node:child_process";
import { existsSync, globSync, statSync } from "node:fs";
import path from "node:path";

export const PROJECT = path.dirname(import.meta.dirname);
export const BUNDLE = path.join(PROJECT, "dist", "index.js");

const SOURCES = ["src/**/*.ts", "durable-objects/**/*.ts", "wrangler.toml", "package-lock.json"];

/** Builds where a source is newer than the bundle. Throws with the tool's own words when it can't. */
export function bundle(): void {
  const newest = Math.max(...globSync(SOURCES, { cwd: PROJECT }).map((file) => statSync(path.join(PROJECT, file)).mtimeMs));
  if (existsSync(BUNDLE) && statSync(BUNDLE).mtimeMs > newest) return;
  const wrangler = path.join(PROJECT, "node_modules", ".bin", "wrangler");
  const result = spawnSync(wrangler, ["deploy", "--dry-run", "--outdir", "dist"], {
    cwd: PROJECT,
    encoding: "utf8",
    env: { ...process.env, WRANGLER_SEND_METRICS: "false", CI: "true" },
  });
  if (result.status !== 0) throw new Error(`the Worker could not be built:\n${result.stdout}${result.stderr}`);
}
