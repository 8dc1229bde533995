// The commands that start something: bad usage is one line, and a state folder has one process at a time.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";

const REPLICA = "examples/any-model/replica.ts";

test.each([
  ["scripts/serve.ts", ["--nope"], "unknown option '--nope'"],
  ["scripts/serve.ts", ["more"], "too many arguments. Expected 0 arguments but got 1."],
  ["scripts/start.ts", ["--nope"], "unknown option '--nope'"],
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

/** A process that takes the folder, or tells who has it. */
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

test("a folder that a process has is refused to another, which is told whose it is, until that ends", async () => {
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
