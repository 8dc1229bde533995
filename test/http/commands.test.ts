// The commands that start something. Bad usage and a port in use give one line, misspelt settings give a warning, and a state folder has one process at a
// time.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { TestReplica } from "../support/replica.ts";
import { until } from "../support/until.ts";

const REPLICA = "examples/any-model/replica.ts";

test.each([
  ["scripts/serve.ts", ["--nope"], "unknown option '--nope'"],
  ["scripts/serve.ts", ["more"], "too many arguments. Expected 0 arguments but got 1."],
  ["scripts/start.ts", ["--nope"], "unknown option '--nope'"],
  ["scripts/start.ts", ["more"], "too many arguments. Expected 0 arguments but got 1."],
  [
    "scripts/start.ts",
    ["--seed", "1.5"],
    "option '--seed <seed>' argument '1.5' is invalid. It must be an integer from 0 to 2147483647.",
  ],
  [REPLICA, ["--bad"], "unknown option '--bad'"],
  [REPLICA, ["more"], "unexpected argument 'more'"],
  [REPLICA, ["--port"], "option '--port <value>' argument missing"],
])("%s refuses %s with one line and 2", (program, args, said) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { cwd: PROJECT, encoding: "utf8" });
  expect([status, stdout, stderr]).toEqual([2, "", `error: ${said}\n`]);
});

test.each(["scripts/serve.ts", "scripts/start.ts", REPLICA])("%s has help", (program) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, "--help"], { cwd: PROJECT, encoding: "utf8" });
  expect([status, stderr]).toEqual([0, ""]);
  expect(stdout).toMatch(/^Usage: /);
});

const LOCKING = `
const { lockFolder } = await import(process.argv[1]);
console.log(String(lockFolder(process.argv[2])));
process.on("SIGTERM", () => process.exit(0));
setInterval(() => {}, 60_000);`;

let folder = "";
const children: ChildProcess[] = [];

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-lock-"));
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  rmSync(folder, { recursive: true, force: true });
});

/** A process that takes the folder, or says which process has it. */
async function takes(): Promise<{ child: ChildProcess; holder: string }> {
  const lock = path.join(PROJECT, "scripts", "lock.ts");
  const child = spawn(process.execPath, ["--input-type=module", "-e", LOCKING, lock, folder], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  children.push(child);
  const [holder] = (await once(createInterface({ input: child.stdout }), "line")) as [string];
  return { child, holder };
}

async function ends(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  const ended = once(child, "exit");
  child.kill(signal);
  await ended;
}

test("a folder that a process uses is refused to another, which is told the first one's id, until the first one ends", async () => {
  const first = await takes();
  expect(first.holder).toBe("null");
  expect((await takes()).holder).toBe(String(first.child.pid));
  await ends(first.child, "SIGTERM");
  expect(existsSync(path.join(folder, "lock"))).toBe(false);
  expect((await takes()).holder).toBe("null");
});

test("a process that was killed, or whose id another program has now, does not keep the folder", async () => {
  const first = await takes();
  await ends(first.child, "SIGKILL");
  expect(existsSync(path.join(folder, "lock"))).toBe(true);
  const second = await takes();
  expect(second.holder).toBe("null");
  await ends(second.child, "SIGKILL");
  writeFileSync(path.join(folder, "lock"), `${process.pid}\nanother program`);
  expect((await takes()).holder).toBe("null");
});

/** Everything that `npm run serve` with good settings writes until it ends, or until it is ready and has answered a health check. */
async function serve(env: Record<string, string>): Promise<{ code: number | null; stderr: string; health: string | null }> {
  const good = { HEARTBEAT_TOKENS: "s3cret", ADMIN_TOKEN: "s3cret", ORIGIN_ALLOW: "*.example.com", HOST: "127.0.0.1" };
  const child = spawn(process.execPath, [path.join(PROJECT, "scripts", "serve.ts")], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], ...good, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  children.push(child);
  let [stderr, health] = ["", null as string | null];
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  const ended = once(child, "close");
  createInterface({ input: child.stdout }).on("line", (line) => {
    void fetch(`${line.replace("ready ", "")}/-/healthz`)
      .then(async (response) => (health = await response.text()))
      .finally(() => child.kill("SIGTERM"));
  });
  const [code] = (await ended) as [number | null];
  return { code, stderr, health };
}

test("npm run serve on a port in use says so in one line, and ends with 1", { timeout: 60_000 }, async () => {
  const squatter = createServer().listen(0, "127.0.0.1");
  await once(squatter, "listening");
  const { port } = squatter.address() as AddressInfo;
  const { code, stderr } = await serve({ PORT: String(port) });
  squatter.close();
  expect(code).toBe(1);
  expect(stderr).toBe(`warmpath: port ${port} is in use: stop what listens there, or choose another with PORT\n`);
});

test("npm run serve warns of names that are near a setting's, and so does the router", { timeout: 60_000 }, async () => {
  const misspelt = { ORIGIN_ALOW: "s3cret", ADMIN_TOKENS: "s3cret" };
  const { code, stderr, health } = await serve({ PORT: "0", ...misspelt });
  const warnings = [
    "ORIGIN_ALOW is not a setting: did you mean ORIGIN_ALLOW?",
    "ADMIN_TOKENS is not a setting: did you mean ADMIN_TOKEN?",
  ];
  expect(stderr).toBe(warnings.map((warning) => `warmpath: ${warning}\n`).join(""));
  expect(JSON.parse(health ?? "")).toEqual({ status: "ok", warnings });
  expect(code).toBe(0);
});

test("the example's replica logs what the router warns of, once, and when it no longer does", { timeout: 30_000 }, async () => {
  const answers: (readonly string[] | undefined)[] = [["unknown field gpu"], ["unknown field gpu"], undefined, undefined];
  let beats = 0;
  await using router = await TestReplica.start((_request, response) => {
    response.end(JSON.stringify({ time_to_live_ms: 30, next_heartbeat_ms: 10, warnings: answers[beats++] }));
  });
  const args = [REPLICA, "--port", "0", "--id", "r", "--router", router.origin];
  const child = spawn(process.execPath, args, {
    cwd: PROJECT,
    env: { PATH: process.env["PATH"], HEARTBEAT_TOKEN: "t" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  children.push(child);
  let stderr = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => (stderr += text));
  await until("all answers were given", () => beats > answers.length, 20_000);
  const ended = once(child, "close");
  child.kill("SIGTERM");
  await ended;
  const warned = stderr.split("\n").filter((line) => line.includes("the router warns"));
  expect(warned.map((line) => line.replace(/^.*the router warns: /, ""))).toEqual(["unknown field gpu", "no more"]);
});

test("npm run serve keeps its state in STATE_DIR", { timeout: 60_000 }, async () => {
  const state = path.join(folder, "state");
  const { stderr, health } = await serve({ PORT: "0", STATE_DIR: state });
  expect([stderr, health]).toEqual([expect.any(String), expect.stringContaining("ok")]);
  expect(existsSync(path.join(state, "objects"))).toBe(true);
});
