// `npm run simulate` as it is called: what it prints, and how it refuses.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, expect, test } from "vitest";

const PROJECT = path.resolve(import.meta.dirname, "../..");
const folder = mkdtempSync(path.join(tmpdir(), "warmpath-simulate-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function simulate(...args: string[]) {
  const program = path.join(PROJECT, "bench/simulate/main.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8", timeout: 30_000 });
  return { status, stdout, stderr };
}

const SMALL = ["--requests", "1000", "--policies", "fal,least-loaded"];

test("JSON: a line for each policy and load, the ideal queue among them, the same each time", () => {
  const args = [...SMALL, "--load", "0.3,0.6", "--bootstrap", "1", "--json"];
  const { status, stdout, stderr } = simulate(...args);
  expect([status, stderr]).toEqual([0, ""]);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  const names = lines.map((line) => `${String(line["policy"])} ${String(line["load"])}`);
  expect(names).toEqual(["ideal 0.3", "least-loaded 0.3", "fal 0.3", "ideal 0.6", "least-loaded 0.6", "fal 0.6"]);
  for (const line of lines) {
    expect(line).toMatchObject({
      paths: 2,
      timed_out: 0,
      sd: expect.any(Object),
      original: expect.any(Object),
    });
    for (const name of ["mean_s", "p50_s", "p95_s", "p99_s", "max_s"]) expect(line[name]).toBeGreaterThan(0);
  }
  expect(lines[1]?.["miss"]).toBeGreaterThan(0);
  expect(lines[1]?.["ratio_mean"]).toBeGreaterThan(1);
  expect(simulate(...args).stdout).toBe(stdout);
});

test("tables with a chart, faults and loads drawn from percentiles", () => {
  const [percentiles, plot] = [path.join(folder, "costs.json"), path.join(folder, "out.svg")];
  writeFileSync(percentiles, '{"load": {"p10": 1000, "p90": 9000}}');
  const faults = ["--no-hint-slots", "--no-in-band", "--late-ms", "15000", "--drop", "0.05", "--churn-s", "600"];
  const { status, stdout, stderr } = simulate(...SMALL, "--cold-percentiles", percentiles, ...faults, "--plot", plot);
  expect([status, stderr]).toEqual([0, ""]);
  for (const text of ["load 0.6", "least-loaded", "lateMs 15000"]) expect(stdout).toContain(text);
  expect(readFileSync(plot, "utf8")).toMatch(/^<svg /);
});

test("a few policies unless all are named, and a queue that grows without bound says so in place of times", () => {
  const rows = (...args: string[]) => {
    const { status, stdout } = simulate("--requests", "3000", ...args);
    expect(status).toBe(0);
    const table = stdout.split("\n\n").find((part) => part.startsWith("load ")) ?? "";
    return table
      .split("\n")
      .slice(1)
      .map((line) => line.split(/ +/));
  };
  const few = rows("--load", "2");
  expect(few.map(([name]) => name)).toEqual(["ideal", "warmpath", "least-loaded", "sglang", "fal", "resident-first"]);
  expect(new Set(few.map(([, mean]) => mean))).toEqual(new Set(["unbounded"]));
  expect(few.flatMap((cells) => cells.slice(2)).every((cell) => cell === "-")).toBe(true);
  const all = rows("--policies", "all", "--load", "0.3");
  expect(all.length).toBe(9);
  expect(all.every(([, mean]) => Number(mean) > 0)).toBe(true);
});

test("a trace as recorded keeps its times: the load is what it asks of the fleet", () => {
  const trace = path.join(folder, "trace.csv");
  // Two requests an hour for ten hours, from some moment on, each for six minutes; in the last hour eight.
  const atMs = Array.from({ length: 26 }, (_, index) => 1_700_000_000_000 + 1_800_000 * Math.min(index, 18) + index * 1000);
  writeFileSync(trace, ["t_ms,key,service_ms", ...atMs.map((at) => `${at},a,360000`)].join("\n"));
  const recorded = (...args: string[]) => simulate("--trace", trace, "--as-recorded", "--policies", "fifo", ...args);
  const { status, stdout, stderr } = recorded("--replicas", "2", "--json");
  expect([status, stderr]).toEqual([0, ""]);
  const [ideal, fifo] = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, number>);
  const spanMs = (atMs.at(-1) ?? NaN) - (atMs[0] ?? NaN);
  expect(ideal?.["load"]).toBeCloseTo((26 * 360_000) / (2 * spanMs), 5);
  // The last of eight that come within seven seconds waits for three others on its replica.
  expect(ideal?.["longest_wait_s"]).toBeCloseTo(3 * 360 - 6, 0);
  expect(fifo?.["max_s"]).toBeGreaterThan(4 * 360 - 10);
  expect(recorded("--replicas", "2").stdout).toContain("as recorded: 9.0 h");
});

test("the share of failed requests is reported where replicas can fail them, and only there", () => {
  const share = (...args: string[]) => {
    const { status, stdout } = simulate(...SMALL, "--json", ...args);
    expect(status).toBe(0);
    return (JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, unknown>)["failed"];
  };
  expect(share()).toBeUndefined();
  for (const fault of [["--error-share", "0.2"], ["--failing-hint"], ["--fails-fast"], ["--stalls"]]) {
    expect(share(...fault), fault.join(" ")).toBeGreaterThan(0);
  }
  expect(share("--failing-hint", "nonesuch")).toBe(0);
});

test("help", () => {
  const { status, stdout } = simulate("--help");
  expect(status).toBe(0);
  for (const text of ["--policies", "--as-recorded", "unbounded"]) expect(stdout).toContain(text);
});

test.each([
  [["--replicas", "0"], "--replicas"],
  [["--slots", "many"], "--slots"],
  [["--concurrency", "1.5"], "--concurrency"],
  [["--load", "0.4,,0.6"], "--load"],
  [["--drop", "1.1"], "--drop"],
  [["--error-share", "-1"], "--error-share"],
  [["--retime", "flat"], "--retime"],
  [["--affinity-wait", "maybe"], "--affinity-wait"],
  [["--policies", "fal,nonesuch"], "--policies"],
  [["--cold-ms", "5", "--cold-percentiles", "x"], "--cold-ms"],
  [["--policies", "all,fal"], "--policies"],
  [["--policies", "all", "--plot", path.join(folder, "never.svg")], "--plot"],
  [["--as-recorded"], "--as-recorded"],
  [["--as-recorded", "--load", "0.5"], "--as-recorded"],
  [["--as-recorded", "--retime", "demand"], "--as-recorded"],
  [["--trace", "/nonexistent.csv"], "--trace"],
  [["--cold-percentiles", "/nonexistent.json"], "--cold-percentiles"],
  [["--cold-entry", "x"], "--cold-entry"],
  [["--bootstrap", "2", "--requests", "20"], "--bootstrap"],
  [["--prewarm-s", "-1"], "--prewarm-s"],
  [["--prewarm-false", "0.5"], "--prewarm-false"],
  [["--nonesuch"], "--nonesuch"],
])("refuses %j", (args, option) => {
  const { status, stdout, stderr } = simulate(...args);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(option);
});
