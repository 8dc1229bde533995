// The Python package: its own tests, with FastAPI, uvicorn, httpx, requests and fal's package, against the built router. Skipped where its environment is
// not installed.
import { describe, expect, test } from "vitest";
import { hasPython, pythonTests, runPython } from "../support/python.ts";

const isThere = hasPython();
if (!isThere)
  console.warn(
    "replica/python/.venv is not installed (CONTRIBUTING.md says how), so the Python package is not tested in this run",
  );

describe.skipIf(!isThere)("the Python package", () => {
  test.for(pythonTests())("%s", { timeout: 300_000 }, async (module, { signal }) => {
    const { status, tests, output } = await runPython(module, signal);
    expect(status, output).toBe(0);
    expect(tests).toBeGreaterThan(0);
  });
});
