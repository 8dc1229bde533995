// The comparison of examples/ocr as it is called, for some pages each: real loads behind the real router and behind nginx, a chart, exit statuses, and nothing
// that outlives it. Skipped, with a notice, without the packages of the example.
import { execFileSync, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { onPath } from "../../bench/http/child.ts";
import type { Figures } from "../../examples/ocr/compare/figures.ts";
import { commands } from "../support/command.ts";
import { hasOcr, OCR } from "../support/ocr.ts";
import { until } from "../support/until.ts";

const COMPARE = path.join(OCR, "compare", "main.ts");
const REPLICA = path.join(OCR, "replica.ts");
const WAYS = ["Warmpath", "nginx, round robin", "nginx, least_conn", "nginx, hash"];
const isThere = hasOcr();

interface Result {
  readonly ok: boolean;
  readonly notice: string | null;
  readonly ways: readonly { readonly way: string; readonly runs: readonly Figures[] }[];
}

/** Temporary files of the command, and what it writes. */
const { folder, start } = commands("ocr");
const charts = mkdtempSync(path.join(tmpdir(), "warmpath-test-ocr-charts-"));
afterAll(() => rmSync(charts, { recursive: true, force: true }));

/** Ids of the processes below one. */
function below(pid: number): number[] {
  const { stdout } = spawnSync("pgrep", ["-P", String(pid)], { encoding: "utf8" });
  return stdout.split("\n").flatMap((line) => (line === "" ? [] : [Number(line), ...below(Number(line))]));
}

function runs(pid: number): boolean {
  const { stdout } = spawnSync("ps", ["-o", "stat=", "-p", String(pid)], { encoding: "utf8" });
  return stdout.trim() !== "" && !stdout.startsWith("Z");
}

describe.skipIf(!isThere)("the comparison", () => {
  test(
    "pages are read and loads counted in every way; Warmpath loads less often than what knows no languages",
    { timeout: 90_000 },
    async () => {
      const file = path.join(charts, "ocr.svg");
      const { its, said } = start(COMPARE, ["--requests", "16", "--rate", "4", "--json", "--chart", file]);
      const [code] = (await once(its, "close")) as [number | null];
      const { ok, ways } = JSON.parse(said.stdout) as Result;
      expect([code, ok]).toEqual([0, true]);
      expect(ways.map(({ way }) => way)).toEqual(onPath("nginx") ? WAYS : ["Warmpath", "round robin, no nginx"]);
      for (const { way, runs } of ways) {
        expect(runs, way).toMatchObject([{ pages: 16, failed: 0, recognised: 16 }]);
        expect(runs[0]?.loads_at_replicas, way).toBe(runs[0]?.cold_loads);
        expect(runs[0]?.load_s, way).toBeGreaterThan(0);
      }
      const [warmpath, roundRobin] = ways.map(({ runs }) => runs[0]?.cold_loads ?? NaN);
      expect(warmpath).toBeLessThan(roundRobin ?? NaN);
      expect(readFileSync(file, "utf8")).toMatch(/^<svg .*<\/svg>\s*$/s);
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test.each([
    ["SIGINT", 130],
    ["SIGKILL", null],
  ] as const)("after %s nothing is left", { timeout: 60_000 }, async (signal, status) => {
    const { its } = start(COMPARE, ["--rate", "5", "--no-chart"]);
    let all: number[] = [];
    // The router and its shell, and four replicas.
    await until("all run", () => (all = below(its.pid ?? 0)).length >= 6, 30_000);
    its.kill(signal);
    await until("it has ended", () => its.exitCode !== null || its.signalCode !== null, 5000);
    expect(its.exitCode).toBe(status);
    await until("what it started has ended", () => !all.some(runs), 5000);
    if (signal === "SIGINT") expect(readdirSync(folder)).toEqual([]);
  });

  test("without nginx a round robin of its own stands in, and is called that", { timeout: 60_000 }, () => {
    // Only what is needed to build nothing and start workerd.
    const bare = mkdtempSync(path.join(tmpdir(), "warmpath-test-ocr-path-"));
    for (const program of ["sh", "cat"]) {
      execFileSync("ln", ["-s", execFileSync("which", [program], { encoding: "utf8" }).trim(), path.join(bare, program)]);
    }
    const args = [COMPARE, ...["--requests", "3", "--rate", "4", "--replicas", "2", "--no-chart", "--json"]];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, {
      env: { PATH: bare },
      encoding: "utf8",
      timeout: 50_000,
    });
    rmSync(bare, { recursive: true, force: true });
    const { notice, ways } = JSON.parse(stdout) as Result;
    expect([status, ways.map(({ way }) => way)]).toEqual([0, ["Warmpath", "round robin, no nginx"]]);
    expect(notice).toContain("nginx is not installed");
    expect(stderr).toContain(notice);
  });

  test.each([
    [["--requests", "0"], "--requests"],
    [["--seed", "-1"], "--seed"],
    [["--rate", "much"], "--rate"],
    [["--nonesuch"], "--nonesuch"],
  ] as const)("refuses %j", (args, option) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [COMPARE, ...args], { encoding: "utf8", timeout: 20_000 });
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(option);
  });

  test.each([[["--port", "x"]], [["--slots", "0"]], [["--nonesuch"]]])("its replica refuses %j", (args) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [REPLICA, ...args], { encoding: "utf8", timeout: 20_000 });
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(args[0]);
  });

  test("--help", () => {
    const { status, stdout } = spawnSync(process.execPath, [COMPARE, "--help"], { encoding: "utf8", timeout: 20_000 });
    expect(status).toBe(0);
    for (const option of ["--requests", "--rate", "--seed", "--runs", "--json", "--chart"]) expect(stdout).toContain(option);
  });
});
