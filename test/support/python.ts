// The Python package's tests, run by the Python that WARMPATH_PYTHON names, else that of the package's own environment, replica/python/.venv.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import path from "node:path";
import { PROJECT } from "../../scripts/bundle.ts";

const PACKAGE = path.join(PROJECT, "replica", "python");
const PYTHON = process.env["WARMPATH_PYTHON"] ?? path.join(PACKAGE, ".venv", "bin", "python");

/** Whether the environment is there with what the tests need. If REQUIRE_PYTHON is set, as in CI, it must be. */
export function hasPython(): boolean {
  const isThere = spawnSync(PYTHON, ["-c", "import fal, fastapi, httpx, mypy, requests, ruff, setuptools, uvicorn"]).status === 0;
  if (!isThere && process.env["REQUIRE_PYTHON"] === "1")
    throw new Error(`REQUIRE_PYTHON is set, and ${PYTHON} or a package of requirements-test.txt is missing`);
  return isThere;
}

/** The names of its test modules. */
export function pythonTests(): string[] {
  return readdirSync(path.join(PACKAGE, "tests")).flatMap((file) => /^(test_\w+)\.py$/.exec(file)?.[1] ?? []);
}

export interface Ran {
  readonly status: number | null;
  readonly tests: number;
  readonly output: string;
}

/** Runs one module. Nothing in it is skipped for want of a package or of the router. */
export async function runPython(module: string, signal: AbortSignal): Promise<Ran> {
  const child = spawn(PYTHON, ["-W", "error", "-m", "unittest", `tests.${module}`], {
    cwd: PACKAGE,
    env: { ...process.env, REQUIRE_PYTHON: "1", PYTHONDONTWRITEBYTECODE: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    signal,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  const [status] = (await once(child, "close")) as [number | null];
  return { status, tests: Number(/^Ran (\d+) tests? in/m.exec(output)?.[1] ?? 0), output };
}
