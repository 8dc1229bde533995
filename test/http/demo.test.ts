// `npm start` as a user runs it: the sample requests beside round robin, the two commands that it prints, the traffic that goes on, and that no
// process outlives it, however it ends.
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { PROJECT } from "../../scripts/bundle.ts";
import { until } from "../support/until.ts";

const SAMPLES = 24;
/** What each replica holds. */
const HELD = 3;
const END_WITHIN_MS = 5000;

interface Demo {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly output: () => string;
}

/** Temporary files of the demo and of the commands that it prints. */
let folder = "";
let demo: Demo | null = null;
const processes = new Set<number>();

beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), "warmpath-test-demo-"));
});
afterEach(() => {
  demo?.child.kill("SIGKILL");
  const table = processTable();
  for (const pid of processes) if (table.has(pid)) process.kill(pid, "SIGKILL");
  processes.clear();
  demo = null;
  rmSync(folder, { recursive: true, force: true });
});

function start(port: number, ...options: string[]): Demo {
  const child = spawn(process.execPath, [path.join(PROJECT, "scripts", "start.ts"), ...options], {
    env: { PATH: process.env["PATH"], HOME: process.env["HOME"], TMPDIR: folder, PORT: String(port) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  demo = { child, pid: child.pid ?? 0, output: () => output };
  return demo;
}

async function says({ child, output }: Demo, text: string, withinMs: number): Promise<void> {
  await until(`the demo says "${text}"`, () => output().includes(text) || child.exitCode !== null, withinMs);
  expect(output()).toContain(text);
}

/** Ids and parents of the processes that run now, by the system's own list. Processes that have ended but were not collected yet do not count. */
function processTable(): Map<number, number> {
  const rows = execFileSync("ps", ["-A", "-o", "pid=,ppid=,stat="], { encoding: "utf8" }).trim().split("\n");
  const running = rows.map((row) => row.trim().split(/\s+/)).filter(([, , state]) => state?.startsWith("Z") !== true);
  return new Map(running.map(([pid, parent]) => [Number(pid), Number(parent)]));
}

/** Everything that the process has started, and everything that its children have started. */
function descendants(root: number): number[] {
  const table = processTable();
  const found = [root];
  for (const parent of found) for (const [pid, its] of table) if (its === parent) found.push(pid);
  return found.slice(1);
}

function allEnded(): boolean {
  const table = processTable();
  return ![...processes].some((pid) => table.has(pid));
}

/** The output of a printed command, run as a user would paste it. */
function paste(command: string): string {
  return execFileSync("sh", ["-c", command], { cwd: folder, encoding: "utf8", timeout: 20_000 });
}

interface Row {
  readonly number: number;
  readonly model: string;
  readonly warmpath: Side;
  readonly roundRobin: Side;
}

interface Side {
  readonly on: string;
  readonly cold: boolean;
  readonly total: number;
}

const ROW = /^ ?(\d+) (\S+) +(gpu-[1-4]) +\w+ +(warm|cold) +[\d.]+ +([\d.]+) │ (rr-[1-4]) +(warm|cold) +[\d.]+ +([\d.]+)$/;

function rowsOf(output: string): Row[] {
  const matches = output.split("\n").map((line) => ROW.exec(line));
  return matches
    .filter((match) => match !== null)
    .map(([, number, model = "", ...[on = "", cold, total, otherOn = "", otherCold, otherTotal]]) => ({
      ...{ number: Number(number), model },
      warmpath: { on, cold: cold === "cold", total: Number(total) },
      roundRobin: { on: otherOn, cold: otherCold === "cold", total: Number(otherTotal) },
    }));
}

/** By hand: which rows load if replicas serve in order of arrival and the model used longest ago makes room. */
function expectedLoads(rows: readonly Row[]): boolean[] {
  const held = new Map<string, string[]>();
  return rows.map(({ model, roundRobin: { on } }) => {
    const before = held.get(on) ?? [];
    held.set(on, [...before.filter((its) => its !== model), model].slice(-HELD));
    return !before.includes(model);
  });
}

/** Both figures of a line of the summary. */
function summed(output: string, name: string): number[] {
  const line = output.split("\n").find((line) => line.startsWith(name)) ?? "";
  return (line.slice(name.length).match(/[\d.]+/g) ?? []).map(Number);
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;

interface View {
  readonly replicas: readonly { readonly replica: string; readonly served: number }[];
}

const servedOf = ({ replicas }: View) => replicas.reduce((sum, { served }) => sum + served, 0);

test(
  "shows the samples beside round robin, prints commands that work, and ends with everything it started",
  {
    timeout: 90_000,
  },
  async () => {
    const demo = start(0, "--quiet");
    await says(demo, "Ctrl-C stops everything.", 60_000);
    const output = demo.output();
    const rows = rowsOf(output);
    expect(
      rows.map(({ number }) => number),
      output,
    ).toEqual(Array.from({ length: SAMPLES }, (_, index) => index + 1));
    const isToCopy = (line: string) => /^(curl|http:)/.test(line);
    const others = output.split("\n").filter((line) => !isToCopy(line));
    expect(Math.max(...others.map(({ length }) => length))).toBeLessThanOrEqual(79);
    expect(output).not.toContain("\u001b");

    expect(rows.map(({ roundRobin }) => roundRobin.on)).toEqual(rows.map((_, index) => `rr-${(index % 4) + 1}`));
    expect(rows.map(({ roundRobin }) => roundRobin.cold)).toEqual(expectedLoads(rows));
    const both = [rows.map(({ warmpath }) => warmpath), rows.map(({ roundRobin }) => roundRobin)];
    const loads = both.map((side) => side.filter(({ cold }) => cold).length);
    expect(summed(output, "models loaded")).toEqual(loads);
    // A load takes 2 s and a little.
    for (const [side, took] of summed(output, "GPU time spent loading").entries()) {
      expect(took).toBeGreaterThanOrEqual(2 * (loads[side] ?? NaN));
    }
    for (const [side, took] of summed(output, "mean time of a request").entries()) {
      expect(took).toBeCloseTo(mean(both[side]?.map(({ total }) => total) ?? []), 1);
    }

    const link = output.split("\n").find((line) => line.startsWith("http:")) ?? "";
    const [, cookie = ""] = /^set-cookie: ([^;]+)/im.exec(paste(`curl -sS -D - -o /dev/null '${link}'`)) ?? [];
    const page = new URL("/-/dashboard/any-model", link).href;
    expect(paste(`curl -sS -H 'cookie: ${cookie}' '${page}'`)).toContain("gpu-4");

    const commands = output.split("\n").filter((line) => line.startsWith("curl "));
    expect(commands.length).toBe(2);
    const headers = paste(commands[0] ?? "");
    expect(headers).toMatch(/^HTTP\/1\.1 200 /);
    expect(headers).toMatch(/^content-type: image\/svg\+xml\r$/im);
    expect(headers).toMatch(/^x-fal-served-from: gpu-[1-4]\r$/im);
    expect(headers).toMatch(/^x-warmpath-reason: hint_match\r$/im);
    expect(readFileSync(path.join(folder, "image.svg"), "utf8")).toMatch(/^<svg [^]*<\/svg>\n$/);
    const view = JSON.parse(paste(commands[1] ?? "")) as View;
    expect(view.replicas.map(({ replica }) => replica).sort()).toEqual(["gpu-1", "gpu-2", "gpu-3", "gpu-4"]);
    expect(servedOf(view)).toBe(SAMPLES + 1);

    for (const pid of descendants(demo.pid)) processes.add(pid);
    // Four replicas, the router's shell, the router, and the command by which the shell waits. Those of round robin have ended.
    expect(processes.size).toBe(7);
    demo.child.kill("SIGINT");
    await until("the demo has ended", () => demo.child.exitCode !== null, END_WITHIN_MS);
    expect(demo.child.exitCode).toBe(0);
    await until("all it started has ended", allEnded, END_WITHIN_MS);
    expect(readdirSync(folder)).toEqual(["image.svg"]);
  },
);

test("leaves no process behind when it is killed during the sample", { timeout: 60_000 }, async () => {
  const demo = start(0);
  await says(demo, "The router is ready", 40_000);
  for (const pid of descendants(demo.pid)) processes.add(pid);
  // As above, and four more replicas.
  expect(processes.size).toBe(11);
  demo.child.kill("SIGKILL");
  await until("all it started has ended", allEnded, END_WITHIN_MS);
});

test("sends requests after the sample too, and ends with everything it started", { timeout: 90_000 }, async () => {
  const demo = start(0, "--seed", "1");
  await says(demo, "Ctrl-C stops everything.", 60_000);
  const command = demo
    .output()
    .split("\n")
    .find((line) => line.startsWith("curl ") && line.includes("authorization"));
  const served = () => servedOf(JSON.parse(paste(command ?? "")) as View);
  await until("requests go on", () => served() > SAMPLES + 2, 30_000);
  for (const pid of descendants(demo.pid)) processes.add(pid);
  demo.child.kill("SIGTERM");
  await until("the demo has ended", () => demo.child.exitCode !== null, END_WITHIN_MS);
  expect(demo.child.exitCode).toBe(0);
  expect(demo.output()).not.toContain("traffic:");
  await until("all it started has ended", allEnded, END_WITHIN_MS);
});

test("says in one line when its port is in use, and ends", { timeout: 60_000 }, async () => {
  const squatter = createServer().listen(0, "127.0.0.1");
  await once(squatter, "listening");
  const { port } = squatter.address() as AddressInfo;
  const demo = start(port);
  await until("the demo has ended", () => demo.child.exitCode !== null, 40_000);
  squatter.close();
  expect(demo.child.exitCode).toBe(1);
  expect(demo.output()).toBe(`warmpath: port ${port} is in use: stop what listens there, or choose another with PORT\n`);
  expect(readdirSync(folder)).toEqual([]);
});
