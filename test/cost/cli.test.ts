// `npm run cost` as it is called: what it prints, and how it refuses.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";
import { parse } from "smol-toml";
import { expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";

interface Printed {
  readonly plan: Record<string, unknown>;
  readonly lines: readonly { readonly item: string; readonly used: number; readonly cost: number }[];
  readonly total: number;
  readonly alternatives: readonly { readonly heartbeats: string; readonly changing: number; readonly total: number }[];
}

function cost(...args: string[]) {
  const program = path.join(PROJECT, "bench/cost/main.ts");
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8", timeout: 30_000 });
  return { status, stdout, stderr };
}

function asJson(...args: string[]): Printed {
  const { status, stdout, stderr } = cost(...args, "--json");
  expect([status, stderr]).toEqual([0, ""]);
  return JSON.parse(stdout) as Printed;
}

test("a line for each item, the total, and the same month with other heartbeats", () => {
  const args = ["--replicas", "1000", "--interval", "5s", "--rps", "100"];
  const { status, stdout, stderr } = cost(...args);
  expect([status, stderr]).toEqual([0, ""]);
  const { lines, total, alternatives } = asJson(...args);
  expect(lines.reduce((sum, { cost }) => sum + cost, 0)).toBeCloseTo(total);
  for (const { item, cost } of lines) expect(stdout).toMatch(new RegExp(`^${item} .*\\$${cost.toFixed(2)}$`, "m"));
  expect(stdout).toMatch(new RegExp(`^total +\\$${total.toFixed(2)}$`, "m"));
  for (const its of alternatives) expect(stdout).toMatch(new RegExp(`^${its.heartbeats} .*\\$${its.total.toFixed(2)} `, "m"));
  expect(new Set(alternatives.map(({ heartbeats }) => heartbeats))).toEqual(new Set(["post", "websocket"]));
  expect(alternatives.map((its) => its.total)).toContain(total);
});

test("the options reach the bill", () => {
  const base = asJson("--rps", "100");
  for (const cheaper of [
    ["--heartbeats", "websocket"],
    ["--interval", "1m"],
    ["--replicas", "100"],
    ["--changing", "0"],
    ["--rps", "10"],
    ["--dispatch", "edge"],
    ["--rpcs-a-request", "0.1"],
    ["--cpu-ms", "0.1"],
    ["--heartbeat-cpu-ms", "0"],
    ["--isolates", "0"],
    ["--refresh", "1h"],
    ["--log-rate", "0"],
  ]) {
    expect(asJson("--rps", "100", ...cheaper).total, cheaper.join(" ")).toBeLessThan(base.total);
  }
  expect(asJson("--rps", "100", "--apps", "10").total).toBeGreaterThan(base.total);
  expect(asJson("--rps", "100", "--apps", "10", "--awake", "0.1").total).toBeLessThan(
    asJson("--rps", "100", "--apps", "10").total,
  );
});

test("large apps: the interval that is asked for, a note on HEARTBEAT_RATE_MAX, and the longer one with --rate-max", () => {
  const large = ["--replicas", "10000", "--interval", "5s"];
  expect(cost(...large).stdout).toMatch(/HEARTBEAT_RATE_MAX=200\b.* 50 s/);
  expect(cost("--replicas", "1000").stdout).not.toContain("HEARTBEAT_RATE_MAX");
  expect(cost(...large, "--apps", "10").stdout).not.toContain("HEARTBEAT_RATE_MAX");
  expect(asJson(...large).plan["intervalS"]).toBe(5);
  const longer = asJson(...large, "--rate-max", "200");
  expect(longer.plan["intervalS"]).toBe(50);
  expect(cost(...large).stdout).toContain(`$${longer.total.toFixed(2)} (--rate-max 200)`);
});

test("the share of calls that are logged is that of wrangler.toml, unless said otherwise", () => {
  const { observability } = parse(readFileSync(path.join(PROJECT, "wrangler.toml"), "utf8"));
  expect(observability).toMatchObject({ enabled: true, head_sampling_rate: asJson().plan["logRate"] });
  expect(asJson("--log-rate", "1").plan["logRate"]).toBe(1);
});

test("what docs/scale.md shows is what the command prints", () => {
  const doc = readFileSync(path.join(PROJECT, "docs/scale.md"), "utf8");
  const shown = [...doc.matchAll(/^\$ npm run cost -- (.+)\n\n([^`]+)```/gm)];
  expect(shown.length).toBeGreaterThan(1);
  for (const [, args = "", printed] of shown) expect(cost(...args.split(" ")).stdout, args).toBe(printed);
});

test("the totals of docs/deploying.md are those of its commands", () => {
  const doc = readFileSync(path.join(PROJECT, "docs/deploying.md"), "utf8");
  const rows = [...doc.matchAll(/`npm run cost -- ([^`]+)` *\| \$([\d.]+) *\| \$([\d.]+) *\|/g)];
  expect(rows).toHaveLength(3);
  for (const [, text = "", post, websocket] of rows) {
    const args = text.split(" ");
    expect(asJson(...args).total.toFixed(2), text).toBe(post);
    expect(asJson(...args, "--heartbeats", "websocket").total.toFixed(2), text).toBe(websocket);
  }
});

test("help", () => {
  const { status, stdout } = cost("--help");
  expect(status).toBe(0);
  for (const option of ["--replicas", "--interval", "--log-rate", "--json"]) expect(stdout).toContain(option);
});

test.each([
  [["--replicas", "0"], "--replicas"],
  [["--replicas", "20000"], "--apps"],
  [["--replicas", "2", "--apps", "3"], "--apps"],
  [["--interval", "5"], "--interval"],
  [["--interval", "soon"], "--interval"],
  [["--interval", "1ms"], "--interval"],
  [["--interval", "25h"], "--interval"],
  [["--rate-max", "0"], "--rate-max"],
  [["--heartbeats", "carrier-pigeon"], "--heartbeats"],
  [["--changing", "1.1"], "--changing"],
  [["--heartbeat-cpu-ms", "-1"], "--heartbeat-cpu-ms"],
  [["--awake", "2"], "--awake"],
  [["--rps", "many"], "--rps"],
  [["--dispatch", "auto"], "--dispatch"],
  [["--rpcs-a-request", "-1"], "--rpcs-a-request"],
  [["--cpu-ms", ""], "--cpu-ms"],
  [["--isolates", "1.5"], "--isolates"],
  [["--refresh", "0s"], "--refresh"],
  [["--log-rate", "100"], "--log-rate"],
  [["--nonesuch"], "--nonesuch"],
])("refuses %j", (args, option) => {
  const { status, stdout, stderr } = cost(...args);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toContain(option);
});
