// `npm run chaos` as it is called: short runs of fixed seeds end without a violation, bad usage is refused, and nothing outlives it.
import { spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import type { CrowdFigures } from "../../bench/chaos/check/crowds.ts";
import type { Violation } from "../../bench/chaos/check/facts.ts";
import { FAULT_KINDS, FAULTS } from "../../bench/chaos/faults.ts";
import { scheduleOf } from "../../bench/chaos/schedule.ts";
import { BUNDLE, PROJECT } from "../../scripts/bundle.ts";
import { commands } from "../support/command.ts";
import { until } from "../support/until.ts";

const PROGRAM = path.join(PROJECT, "bench", "chaos", "main.ts");
const END_WITHIN_MS = 5000;

/** Temporary files of the runs. */
const { folder, start } = commands("chaos");

interface Result {
  readonly code: number | null;
  readonly violations: readonly Violation[];
  readonly faults: Readonly<Record<string, number>>;
  readonly crowds: readonly CrowdFigures[];
}

const WITH_CROWD = FAULT_KINDS.filter((kind) => FAULTS[kind].crowd !== null);
const OTHERS = FAULT_KINDS.filter((kind) => FAULTS[kind].crowd === null);

async function chaos(...args: readonly string[]): Promise<Result> {
  const { its, said } = start(PROGRAM, [...args, "--json"]);
  const [code] = (await once(its, "close")) as [number | null];
  return { ...(JSON.parse(said.stdout) as Omit<Result, "code">), code };
}

test("every kind of fault without a crowd, and no violation", { timeout: 120_000 }, async () => {
  const options = ["--seed", "21", "--minutes", "0.25", "--fault-every-ms", "300", "--faults", OTHERS.join(",")];
  const { code, violations, faults } = await chaos(...options);
  expect(violations).toEqual([]);
  expect(code).toBe(0);
  expect(Object.keys(faults).toSorted()).toEqual(OTHERS.toSorted());
  expect(readdirSync(folder)).toEqual([]);
});

test("while the edge sends by itself: no violation", { timeout: 120_000 }, async () => {
  const { code, violations } = await chaos("--wide", "--seed", "23", "--minutes", "0.3");
  expect(violations).toEqual([]);
  expect(code).toBe(0);
});

describe("every kind of fault with a crowd", () => {
  const results: Result[] = [];
  const isMet = (kind: string) =>
    results.some(({ crowds }) => crowds.some((its) => its.kind === kind && its.felt > 0 && its.judged > 30));

  beforeAll(async () => {
    // Which replica a request meets depends on real times, so a kind may be away from its crowd once, and not twice.
    for (const seed of ["21", "22"]) {
      const options = ["--seed", seed, "--minutes", "0.6", "--fault-every-ms", "100", "--faults", WITH_CROWD.join(",")];
      results.push(await chaos(...options));
      if (WITH_CROWD.every(isMet)) break;
    }
  }, 240_000);

  test("is felt, and judged", () => {
    expect(WITH_CROWD.filter((kind) => !isMet(kind))).toEqual([]);
  });

  test("and no violation", () => {
    for (const { violations, code } of results) expect([violations, code]).toEqual([[], 0]);
  });
});

test("the same seed is the same schedule, another is not", () => {
  const options = { forMs: 60_000, faultEveryMs: 400 };
  expect(scheduleOf({ ...options, seed: 7 })).toEqual(scheduleOf({ ...options, seed: 7 }));
  expect(scheduleOf({ ...options, seed: 7 }).faults).not.toEqual(scheduleOf({ ...options, seed: 8 }).faults);
});

test("ends soon when it is interrupted, and leaves nothing", { timeout: 60_000 }, async () => {
  const { its } = start(PROGRAM, ["--minutes", "5"]);
  await until("its state is on disk", () => readdirSync(folder).length > 0, 30_000);
  its.kill("SIGINT");
  await until("it has ended", () => its.exitCode !== null, END_WITHIN_MS);
  expect(its.exitCode).toBe(130);
  expect(readdirSync(folder)).toEqual([]);
});

test("the bundle that is deployed has none of its switches", () => {
  expect(readFileSync(BUNDLE, "utf8")).not.toMatch(/chaos/i);
});

test.each([
  [["--minutes", "0"], "--minutes"],
  [["--seed", "1.5"], "--seed"],
  [["--faults", "floods"], "floods"],
  [["--nonesuch"], "--nonesuch"],
])("refuses %j", (args, option) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], { encoding: "utf8", timeout: 20_000 });
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(option);
});
