// How the command line is started, how it refuses bad usage, and the commands that it passes on.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { until } from "../support/until.ts";
import { environment, start, warmpath } from "../support/warmpath.ts";

const VARIABLES = { WARMPATH_ROUTER: "http://127.0.0.1:9", WARMPATH_ADMIN_TOKEN: "t0ken", WARMPATH_HEARTBEAT_TOKEN: "t0ken" };
const APP = ["--app", "a", "--replica", "r", "--origin", "http://127.0.0.1:1"];
const { bin, version } = JSON.parse(readFileSync(path.join(PROJECT, "package.json"), "utf8")) as {
  bin: { warmpath: string };
  version: string;
};
const SHIM = path.join(PROJECT, bin.warmpath);

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const called = (command: string, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: folder, env: environment({}), encoding: "utf8" });
  return { status, stdout, stderr };
};

test("the bin runs from any folder and through links", () => {
  const link = path.join(folder, "warmpath");
  symlinkSync(SHIM, link);
  for (const command of [SHIM, link]) {
    expect(called(command, "--version")).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
  }
});

test("without the project's Node the bin says what to do", () => {
  mkdirSync(path.join(folder, "cli"));
  const copy = path.join(folder, "cli", "warmpath");
  copyFileSync(SHIM, copy);
  const { status, stdout, stderr } = called(copy, "--version");
  expect([status, stdout]).toEqual([1, ""]);
  expect(stderr).toContain("npm ci");
});

test("npx warmpath runs it in a checkout, without the registry", { timeout: 60_000 }, () => {
  const { status, stdout } = spawnSync("npx", ["warmpath", "--version"], {
    cwd: PROJECT,
    env: environment({ npm_config_offline: "true", npm_config_cache: path.join(folder, "cache") }),
    encoding: "utf8",
  });
  expect([status, stdout]).toEqual([0, `${version}\n`]);
});

test("help, of all and of each command", async () => {
  const { status, stdout } = await warmpath(["--help"]);
  expect(status).toBe(0);
  const names = [...stdout.slice(stdout.indexOf("Commands:")).matchAll(/^ {2}([a-z-]+) /gm)].map(([, name = ""]) => name);
  expect(names).toEqual(expect.arrayContaining(["apps", "replicas", "explain", "remove", "doctor", "completions"]));
  for (const name of names.filter((its) => its !== "help")) {
    const help = await warmpath([name, "--help"], VARIABLES);
    expect([help.status, help.stderr], name).toEqual([0, ""]);
    expect(help.stdout, name).toMatch(/^Usage: /);
    expect(help.stdout, name).not.toContain("t0ken");
  }
});

test.each([
  [["apps", "--nope"], "--nope"],
  [["apps", "extra"], "too many arguments"],
  [["apps", "--router", "warmpath.example.com"], "--router"],
  [["apps", "--router", "ftp://warmpath.example.com"], "--router"],
  [["apps", "--router", "https://user:t0ken@warmpath.example.com"], "--router"],
  [["apps", "--router", "https://warmpath.example.com/path"], "--router"],
  [["apps", "--router", ""], "--router"],
  [["apps", "--router"], "--router"],
  [["apps", "--admin-token", "t0ken with spaces"], "--admin-token"],
  [["apps", "--admin-token", ""], "--admin-token"],
  [["apps", "--admin-tokn=t0ken"], "--admin-tokn"],
  [["apps", "--timeout", "0"], "--timeout"],
  [["apps", "--timeout", "301"], "--timeout"],
  [["apps", "--timeout", "soon"], "--timeout"],
  [["replicas"], "app"],
  [["replicas", "a", "b"], "too many arguments"],
  [["replicas", ".."], "app"],
  [["explain", "."], "app"],
  [["drain", "a", ".."], "replica"],
  [["remove", "a", "", "--yes"], "replica"],
  [["explain"], "app"],
  [["events"], "app"],
  [["events", "a", "--folow"], "--folow"],
  [["queue"], "app"],
  [["drain", "a"], "replica"],
  [["undrain", "a"], "replica"],
  [["remove", "a"], "replica"],
  [["heartbeat"], "--app"],
  [["heartbeat", "--app", "a"], "--replica"],
  [["heartbeat", "--app", "a", "--replica", "r"], "--origin"],
  [["heartbeat", ...APP, "--concurrency", "two"], "--concurrency"],
  [["heartbeat", ...APP, "--hint-slots", ""], "--hint-slots"],
  [["heartbeat", ...APP, "--sequence", "x"], "--sequence"],
  [["heartbeat", ...APP, "--incarnation", "x"], "--incarnation"],
  [["heartbeat", ...APP, "--in-flight", "x"], "--in-flight"],
  [["heartbeat", ...APP, "--heartbeat-token", "t0k\u00e9n"], "--heartbeat-token"],
  [["doctor", "--from", "nosuch"], "--from"],
  [["doctor", "--admin-token", "t0ken x"], "--admin-token"],
  [["completions"], "shell"],
  [["completions", "tcsh"], "tcsh"],
  [["nosuch"], "nosuch"],
])("refuses %j with 2 and one line", async (args, named) => {
  const { status, stdout, stderr } = await warmpath(args, VARIABLES);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^error: /);
  expect(stderr).toContain(named);
  expect(stderr).not.toMatch(/t0k/);
});

test("what must be given and is not: 2, with the option and the variable", async () => {
  const noRouter = await warmpath(["apps"], { WARMPATH_ADMIN_TOKEN: "t" });
  expect([noRouter.status, noRouter.stderr]).toEqual([2, "error: --router or WARMPATH_ROUTER is needed\n"]);
  const noAdmin = await warmpath(["apps"], { WARMPATH_ROUTER: VARIABLES.WARMPATH_ROUTER });
  expect([noAdmin.status, noAdmin.stderr]).toEqual([2, "error: --admin-token or WARMPATH_ADMIN_TOKEN is needed\n"]);
  const noBeat = await warmpath(["heartbeat", ...APP], { WARMPATH_ROUTER: VARIABLES.WARMPATH_ROUTER });
  expect([noBeat.status, noBeat.stderr]).toEqual([2, "error: --heartbeat-token or WARMPATH_HEARTBEAT_TOKEN is needed\n"]);
});

test("without a command: help on standard error, and 2", async () => {
  const { status, stdout, stderr } = await warmpath([]);
  expect([status, stdout]).toEqual([2, ""]);
  expect(stderr).toMatch(/^Usage: warmpath /);
});

test("an interruption of simulate ends its run, with 130", async () => {
  const { child, said, ended } = start(["simulate", "--load", "0.3,0.5,0.7,0.9"]);
  await until("the run has begun", () => said.stdout !== "");
  child.kill("SIGINT");
  expect((await ended).status).toBe(130);
});

test.each([
  ["cost", ["--replicas", "10", "--json"]],
  ["simulate", ["--requests", "200", "--policies", "warmpath", "--json"]],
])("%s is the command of bench/, with its options, output and status", async (name, args) => {
  const program = path.join(PROJECT, "bench", name, "main.ts");
  const bench = await start(args, {}, [program]).ended;
  expect(bench.status).toBe(0);
  expect(await warmpath([name, ...args])).toEqual(bench);
  const bad = await warmpath([name, "--nope"]);
  expect([bad.status, bad.stdout]).toEqual([2, ""]);
  expect(bad.stderr).toContain("--nope");
});
