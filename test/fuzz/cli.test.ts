// `npm run fuzz` as it is called: what it prints, how it refuses, and that it ends when it is told to.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { until } from "../support/until.ts";

const PROGRAM = path.join(import.meta.dirname, "main.ts");

test("one object of JSON, with what came of each kind", { timeout: 60_000 }, () => {
  const { status, stdout } = spawnSync(process.execPath, [PROGRAM, "--count", "300", "--seed", "5", "--json"], {
    encoding: "utf8",
  });
  const report = JSON.parse(stdout) as { kinds: Record<string, { inputs: number }> } & Record<string, unknown>;
  expect(report, stdout).toMatchObject({ seed: 5, inputs: 300, crashes: 0, logged: 0, state_changes: 0, violations: [] });
  expect(Object.values(report.kinds).reduce((sum, { inputs }) => sum + inputs, 0)).toBe(300);
  expect(status).toBe(0);
});

test.each([["--count", "0"], ["--count", "x"], ["--seed", "-1"], ["--what"], ["more"]])(
  "bad usage leaves with 2: %s %s",
  (...args) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args.filter(Boolean)], { encoding: "utf8" });
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toMatch(/^error: /);
  },
);

test("interrupted, it ends within 5 s with 130", { timeout: 60_000 }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-fuzz-"));
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"], TMPDIR: folder };
  const child = spawn(process.execPath, [PROGRAM, "--count", "10000000"], { env, stdio: "ignore" });
  await until("the router runs", () => readdirSync(folder).length > 0, 30_000);
  const sinceMs = Date.now();
  child.kill("SIGINT");
  const [code] = (await once(child, "exit")) as [number | null];
  expect(code).toBe(130);
  expect(Date.now() - sinceMs).toBeLessThan(5000);
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});
