// `npm run bench` as it is called: a short run of each command, bad usage is refused, and nothing is left behind.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { commands } from "../support/command.ts";
import { until } from "../support/until.ts";

const PROGRAM = path.join(PROJECT, "bench", "main.ts");
const SHORT = ["--rounds", "1", "--seconds", "1"];
const END_WITHIN_MS = 5000;

/** Temporary files of the runs. */
const { folder, start } = commands("bench");

async function bench(...args: readonly string[]) {
  const { its, said } = start(PROGRAM, args);
  const [code] = (await once(its, "close")) as [number | null];
  return { code, ...said };
}

test("one case, one round: floor and router side by side", { timeout: 60_000 }, async () => {
  const { code, stdout, stderr } = await bench("http", "--only", "warm", ...SHORT, "--json");
  expect([code, stderr]).toEqual([0, ""]);
  expect(readdirSync(folder)).toEqual([]);
  const result = JSON.parse(stdout) as { readonly cases: readonly Record<string, unknown>[] };
  expect(result).toMatchObject({ rounds: 1, seconds: 1, rates: [], highest_rate: {} });
  expect(result).toMatchObject({ origin: expect.any(String), load: expect.any(String) });
  expect(result.cases.map(({ worker }) => worker)).toEqual(["floor", "router"]);
  const isLinux = process.platform === "linux";
  const spread = isLinux ? { median: expect.any(Number), lower: expect.any(Number), upper: expect.any(Number) } : null;
  for (const its of result.cases) {
    expect(its).toMatchObject({ case: "warm", failed: 0, per_second: expect.any(Number), p50_ms: expect.any(Number) });
    if (isLinux) expect(its).toMatchObject({ cpu_us: spread, ratio: spread, peak_mb: expect.any(Number) });
  }
  expect(result.cases[0]?.["ratio"]).toEqual({ median: 1, lower: 1, upper: 1 });
});

test("rising rates, a setting, and another checkout beside this one", { timeout: 60_000 }, async () => {
  const options = ["--only", "rate", "--rates", "20,40", "--router", PROJECT, "--setting", "SCHEDULING=fifo", ...SHORT, "--json"];
  const { code, stdout, stderr } = await bench("http", ...options);
  expect([code, stderr]).toEqual([0, ""]);
  const other = path.basename(PROJECT);
  const result = JSON.parse(stdout) as { readonly rates: readonly Record<string, unknown>[] };
  expect(result.rates.map(({ worker, rate }) => [worker, rate])).toEqual([
    ["router", 20],
    [other, 20],
    ["router", 40],
    [other, 40],
  ]);
  for (const its of result.rates)
    expect(its).toMatchObject({ failed: 0, answered: expect.any(Number), added_p50_ms: expect.any(Number) });
  expect(result).toMatchObject({
    cases: [],
    highest_rate: { router: { without_fallbacks: 40 }, [other]: { without_fallbacks: 40 } },
  });
});

test("a chart with a bar for each worker", { timeout: 60_000 }, async () => {
  const out = path.join(folder, "out");
  const { code, stdout } = await bench("http", "--only", "heartbeat", ...SHORT, "--out", out);
  expect(code).toBe(0);
  expect(stdout).toMatch(/^heartbeat +floor .*\nheartbeat +router /m);
  expect(readdirSync(folder)).toEqual(["out"]);
  const svg = readFileSync(path.join(out, "performance.svg"), "utf8");
  for (const name of ["floor", "router", "heartbeat"]) expect(svg).toContain(`>${name}<`);
});

test("ends soon when it is interrupted, and leaves nothing", { timeout: 60_000 }, async () => {
  const before = readdirSync(folder).length;
  const { its } = start(PROGRAM, ["http", "--only", "warm", "--seconds", "30"]);
  const isLoaded = () =>
    readdirSync(folder, { recursive: true }).some((name) => String(name).endsWith(path.join("warm", "router", "config.capnp")));
  await until("its workers are there", isLoaded, 30_000);
  its.kill("SIGINT");
  await until("it has ended", () => its.exitCode !== null, END_WITHIN_MS);
  expect(its.exitCode).toBe(130);
  expect(readdirSync(folder)).toHaveLength(before);
});

test.each([[["decide"]], [[]]])("decisions: bench %j", async (args) => {
  const { code, stdout } = await bench(...args, "--replicas", "20", "--waiting", "10", "--rounds", "20", "--json");
  expect(code).toBe(0);
  const lines = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as unknown);
  expect(lines).toHaveLength(14);
  for (const line of lines) expect(line).toMatchObject({ mean_us: expect.any(Number), cpu_us: expect.any(Number) });
});

test("bench hints: where a hint is found, and where not", async () => {
  const { code, stdout } = await bench("hints", "--rounds", "2", "--json");
  expect(code).toBe(0);
  interface Timed {
    readonly kept: { readonly mean_us: number; readonly found: string };
    readonly streamed: { readonly found: string };
  }
  const timed = stdout.trim().split("\n").map((line) => JSON.parse(line) as Timed); // prettier-ignore
  expect(timed.map(({ kept, streamed }) => [kept.found, streamed.found])).toEqual([["m", "m"], ["m", "m"], ["m", "m"], ["m", "m"], ["m", "none"], ["none", "none"]]); // prettier-ignore
  for (const { kept } of timed) expect(kept.mean_us).toBeGreaterThan(0);
});

test("bench memory: each part is there, as many as asked, and takes memory", async () => {
  const { code, stdout } = await bench("memory", "--share", "0.02", "--json");
  expect(code).toBe(0);
  const counts = stdout
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as { count: number }).count);
  expect(counts).toEqual([200, 4000, 4000, 400, 200, 2000, 200, 200, 200, 20, 200]);
});

test("says what its commands are", () => {
  const { status, stdout } = spawnSync(process.execPath, [PROGRAM, "--help"], { encoding: "utf8", timeout: 20_000 });
  expect(status).toBe(0);
  for (const name of ["decide", "hints", "http", "memory"]) expect(stdout).toContain(name);
});

test.each([
  [["http", "--only", "cold"], "cold"],
  [["http", "--rounds", "0"], "--rounds"],
  [["http", "--rates", "200,100"], "--rates"],
  [["http", "--setting", "SCHEDULING"], "--setting"],
  [["http", "--setting", "NONESUCH=1"], "NONESUCH"],
  [["http", "--setting", "SCHEDULING=nonesuch"], "SCHEDULING"],
  [["http", "--router", "/nonesuch"], "--router"],
  [["decide", "--rounds", "0"], "--rounds"],
  [["nonesuch"], "arguments"],
])("refuses %j", (args, word) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { encoding: "utf8", timeout: 20_000 });
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(word);
});
