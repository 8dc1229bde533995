// Schemathesis, which draws requests from the document and judges the answers by it. A Python program; .ci/schemathesis.txt has its version.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PROJECT } from "../../scripts/bundle.ts";
import type { TestRouter } from "./router.ts";

const FOLDER = path.join(PROJECT, "test", "support", "schemathesis");

/** Whether Schemathesis is installed. If REQUIRE_SCHEMATHESIS is set, as in CI, it must be. */
export function hasSchemathesis(): boolean {
  const isThere = spawnSync("schemathesis", ["--version"]).error === undefined;
  if (!isThere && process.env["REQUIRE_SCHEMATHESIS"] === "1")
    throw new Error("REQUIRE_SCHEMATHESIS is set, and schemathesis is missing");
  return isThere;
}

export interface Run {
  /** The operations with this tag are tested. */
  readonly tag: "control" | "clients";
  /** Requests that are drawn for each operation, beside those for the edges of its schemas. */
  readonly examples: number;
  readonly phases: readonly string[];
  /** Checks that are left out; all others are made. */
  readonly without?: readonly string[];
}

/** What a run has found. */
export interface Report {
  readonly failures: readonly unknown[];
  readonly errors: readonly unknown[];
  readonly operations: { readonly tested: number };
  readonly phases: Readonly<Record<string, { readonly status: string }>>;
  /** By operation and phase: how many requests that are good by the document were taken. */
  readonly valid_rates: Readonly<Record<string, Readonly<Record<string, { readonly accepted: number }>>>>;
}

/** One run with a fixed seed. Gives its report, and what it said for people. */
export async function schemathesis(
  router: TestRouter,
  { tag, examples, phases, without = [] }: Run,
): Promise<{ report: Report; said: string }> {
  const folder = mkdtempSync(path.join(tmpdir(), "warmpath-schemathesis-"));
  const report = path.join(folder, "report.json");
  const child = spawn(
    "schemathesis",
    [
      ...["--config-file", path.join(FOLDER, "schemathesis.toml"), "--no-color"],
      ...["run", `${router.url}/-/openapi.json`, "--include-tag", tag, "--phases", phases.join()],
      ...["--checks", "all", ...(without.length > 0 ? ["--exclude-checks", without.join()] : [])],
      ...["--seed", "1", "--max-examples", String(examples), "--workers", "1", "--request-timeout", "20"],
      ...["--report-json-path", report],
    ],
    {
      cwd: folder,
      env: { ...process.env, SCHEMATHESIS_HOOKS: path.join(FOLDER, "hooks.py"), PYTHONDONTWRITEBYTECODE: "1" },
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  let said = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (said = (said + text).slice(-20_000)));
  try {
    await new Promise((resolve) => child.once("close", resolve));
    return { report: JSON.parse(readFileSync(report, "utf8")) as Report, said };
  } catch (error) {
    throw new Error(said, { cause: error });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
