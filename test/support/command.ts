// A command of the project as a user calls it, in a process of its own with a folder of its own for temporary files; ended with each test.
import { spawn, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, afterEach } from "vitest";

export interface Started {
  readonly its: ChildProcess;
  /** What it has printed so far. */
  readonly said: { stdout: string; stderr: string };
}

/** For one test file; `name` begins the folder's name. */
export function commands(name: string) {
  const folder = mkdtempSync(path.join(tmpdir(), `warmpath-test-${name}-`));
  let child: ChildProcess | null = null;
  afterEach(() => {
    child?.kill("SIGKILL");
    child = null;
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function start(program: string, args: readonly string[]): Started {
    const its = spawn(process.execPath, [program, ...args], {
      env: { PATH: process.env["PATH"], HOME: process.env["HOME"], TMPDIR: folder },
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = its;
    const said = { stdout: "", stderr: "" };
    its.stdout.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
    its.stderr.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
    return { its, said };
  }

  return { folder, start };
}
