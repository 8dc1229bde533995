// `npm run soak` and `npm run overload` as they are called, for some seconds each: they work, a failed verdict is an exit status, bad usage
// is refused, and nothing outlives them. Margins are wide: the machine is busy with other tests, and some seconds say little of a course.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { LiveRouter } from "../../bench/live/router.ts";
import { PROJECT } from "../../scripts/bundle.ts";
import { commands } from "../support/command.ts";
import { until } from "../support/until.ts";

const SOAK = path.join(PROJECT, "bench", "soak", "main.ts");
const OVERLOAD = path.join(PROJECT, "bench", "soak", "overload", "main.ts");
const END_WITHIN_MS = 5000;
const SHORT_SOAK = ["--minutes", "0.1", "--load", "0.4"];
const SHORT_OVERLOAD = ["--minutes", "0.1", "--times", "4", "--queue-length-max", "16"];

interface Finding {
  readonly check: string;
  readonly ok: boolean | null;
}

/** Temporary files of the commands, and what they write. */
const { folder, start } = commands("soak");
const charts = mkdtempSync(path.join(tmpdir(), "warmpath-test-soak-charts-"));
afterAll(() => rmSync(charts, { recursive: true, force: true }));

/** What it printed as JSON, and its exit status. */
async function resultOf(program: string, args: readonly string[]) {
  const { its, said } = start(program, [...args, "--json"]);
  const [code] = (await once(its, "close")) as [number | null];
  expect(said.stderr).toBe("");
  const result = JSON.parse(said.stdout) as Record<string, unknown> & { readonly findings: readonly Finding[] };
  expect(readdirSync(folder)).toEqual([]);
  return { code, result, failed: result.findings.filter(({ ok }) => ok === false).map(({ check }) => check) };
}

test("a short soak: requests of all kinds, churn, a course and a chart", { timeout: 90_000 }, async () => {
  const plot = path.join(charts, "soak.svg");
  const { code, result, failed } = await resultOf(SOAK, [...SHORT_SOAK, ...["--growth", "100", "--plot", plot]]);
  expect(failed).toEqual([]);
  expect(result.findings).toContainEqual(expect.objectContaining({ check: "resident_mb", ok: null }));
  expect(code).toBe(0);
  const windows = result["windows"] as Record<string, unknown>[];
  expect(windows.length).toBeGreaterThanOrEqual(20);
  expect(result).toMatchObject({
    ...{ ok: true, minutes: 0.1, load: 0.4, seed: 1, churn: { drains: expect.any(Number), dies: expect.any(Number) } },
    outcomes: { "200": expect.any(Number), left: expect.any(Number) },
  });
  for (const name of ["resident_mb", "cpu_share", "router_p50_ms", "queue_p95_ms", "control_p50_ms"]) {
    expect(windows.at(-2)?.[name], name).toEqual(expect.any(Number));
  }
  expect(readFileSync(plot, "utf8")).toMatch(/^<svg .*<\/svg>\s*$/s);
});

test("a soak whose verdict fails leaves with 1", { timeout: 90_000 }, async () => {
  const { code, result, failed } = await resultOf(SOAK, [...SHORT_SOAK, "--growth", "0"]);
  expect(failed).toContain("cpu_ms_per_request");
  expect([code, result["ok"]]).toEqual([1, false]);
});

test("a short overload whose verdict fails: what is refused, what is served, in which order", { timeout: 120_000 }, async () => {
  const { code, result, failed } = await resultOf(OVERLOAD, [...SHORT_OVERLOAD, "--goodput", "5"]);
  // What a busy machine and some seconds can spoil.
  const soft = new Set(["refusals quick", "refusals steady", "recovery", "resident memory"]);
  expect(failed.filter((check) => !soft.has(check))).toEqual(["goodput"]);
  expect([code, result["ok"]]).toEqual([1, false]);
  expect(result).toMatchObject({
    ...{ times: 4, queue_length_max: 16, capacity_per_s: expect.any(Number), goodput_share: expect.any(Number) },
    phases: {
      overload: {
        refused_share: expect.any(Number),
        refusal_p99_ms: expect.any(Number),
        without_retry_after: 0,
        waiting_most: 16,
      },
      low_flood: { low: { served: expect.any(Number) }, normal: { refused: 0 } },
    },
  });
});

test("what the router holds is told while it is idle, too; only where it was started for that", { timeout: 60_000 }, async () => {
  const settings = { ALLOW_PRIVATE_ORIGINS: "true" };
  await using router = await LiveRouter.start({ name: "test-retained", settings, inspect: true });
  await using other = await LiveRouter.start({ name: "test-retained", settings });
  const retained = await router.retained();
  expect(retained.heap_mib).toBeGreaterThan(1);
  expect(retained.heap_mib).toBeLessThan(retained.resident_mib);
  await expect(other.retained()).rejects.toThrow("inspect");
});

describe.each([
  ["soak", SOAK],
  ["overload", OVERLOAD],
])("%s", (_, program) => {
  test("ends soon when it is interrupted, and leaves nothing", { timeout: 60_000 }, async () => {
    const { its } = start(program, []);
    await until("its state is on disk", () => readdirSync(folder).length > 0, 30_000);
    its.kill("SIGINT");
    await until("it has ended", () => its.exitCode !== null, END_WITHIN_MS);
    expect(its.exitCode).toBe(130);
    expect(readdirSync(folder)).toEqual([]);
  });
});

test.each([
  ["soak", SOAK, ["--minutes", "0"], "--minutes"],
  ["soak", SOAK, ["--load", "3"], "--load"],
  ["soak", SOAK, ["--growth", "much"], "--growth"],
  ["soak", SOAK, ["--nonesuch"], "--nonesuch"],
  ["overload", OVERLOAD, ["--times", "1"], "--times"],
  ["overload", OVERLOAD, ["--queue-length-max", "1.5"], "--queue-length-max"],
] as const)("$0 refuses $2", (_, program, args, option) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8", timeout: 20_000 });
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(option);
});
