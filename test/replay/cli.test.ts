// `npm run replay` as it is called: router and simulator agree on a short workload, bad usage is refused, and nothing outlives it.
// The margins are wide: 200 requests on a machine that is busy with other tests tell whether it works, not how exact it is.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { commands } from "../support/command.ts";
import { until } from "../support/until.ts";

const PROGRAM = path.join(PROJECT, "bench", "replay", "main.ts");
const END_WITHIN_MS = 5000;
const SHORT = ["--seed", "1", "--requests", "200", "--compression", "75"];
const MARGINS = ["--tolerance-miss", "0.15", "--tolerance-mean", "0.35"];

/** Temporary files of the replay. */
const { folder, start } = commands("replay");

test("router and simulator agree on 200 requests", { timeout: 60_000 }, async () => {
  const { its, said } = start(PROGRAM, [...SHORT, ...MARGINS, "--json"]);
  const [code] = (await once(its, "close")) as [number | null];
  expect(said.stderr).toBe("");
  const result = JSON.parse(said.stdout) as Record<string, unknown>;
  expect(result, said.stdout).toMatchObject({ agrees: true, requests: 200, errors: {}, faults: [] });
  expect(code).toBe(0);
  const reasons = Object.values(result["reasons"] as Record<string, number>);
  expect(reasons.reduce((sum, count) => sum + count, 0)).toBe(200);
  for (const side of ["router", "simulator"]) {
    expect(result[side]).toMatchObject({ given_up: 0, miss: expect.any(Number), longest_wait_s: expect.any(Number) });
  }
  expect(readdirSync(folder)).toEqual([]);
});

test("leaves with 1 where they are further apart than allowed", { timeout: 60_000 }, async () => {
  const { its, said } = start(PROGRAM, [...SHORT, "--requests", "20", "--tolerance-mean", "0"]);
  const [code] = (await once(its, "close")) as [number | null];
  expect(said.stdout).toContain("NOT within 0 %");
  expect(code).toBe(1);
});

test("ends soon when it is interrupted, and leaves nothing", { timeout: 60_000 }, async () => {
  const { its } = start(PROGRAM, [...SHORT]);
  await until("its state is on disk", () => readdirSync(folder).length > 0, 30_000);
  its.kill("SIGINT");
  await until("it has ended", () => its.exitCode !== null, END_WITHIN_MS);
  expect(its.exitCode).toBe(130);
  expect(readdirSync(folder)).toEqual([]);
});

test.each([
  [["--requests", "0"], "--requests"],
  [["--load", "0.4,0.6"], "--load"],
  [["--replicas", "1000"], "--replicas"],
  [["--compression", "0.5"], "--compression"],
  [["--compression", "600"], "--compression"],
  [["--compression", "1"], "--compression"],
  [["--tolerance-miss", "2"], "--tolerance-miss"],
  [["--trace", "/nonexistent.csv"], "--trace"],
  [["--nonesuch"], "--nonesuch"],
])("refuses %j", (args, option) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { encoding: "utf8", timeout: 20_000 });
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(option);
});
