// The command line as an operator calls it, in a process of its own and with no variables but those that are given.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { PROJECT } from "../../scripts/bundle.ts";
import { ADMIN, TOKEN, type TestRouter } from "./router.ts";

const MAIN = path.join(PROJECT, "cli", "main.ts");
const WITHIN_MS = 20_000;

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Started {
  readonly child: ChildProcess;
  /** What it has printed so far. */
  readonly said: { stdout: string; stderr: string };
  readonly ended: Promise<Ended>;
}

export type Variables = Readonly<Record<string, string>>;

/** The router and its tokens. */
export const reaching = (router: TestRouter): Variables => ({
  WARMPATH_ROUTER: router.url,
  WARMPATH_ADMIN_TOKEN: ADMIN,
  WARMPATH_HEARTBEAT_TOKEN: TOKEN,
});

export function start(
  args: readonly string[],
  variables: Variables = {},
  program: readonly string[] = [MAIN],
  withinMs = WITHIN_MS,
): Started {
  return started(spawn(process.execPath, [...program, ...args], { env: environment(variables), timeout: withinMs }));
}

export function warmpath(args: readonly string[], variables: Variables = {}): Promise<Ended> {
  const { child, ended } = start(args, variables);
  child.stdin?.end();
  return ended;
}

/** On a terminal, as util-linux's `script` makes one. Standard error is on the terminal too. */
export function onTerminal(args: readonly string[], variables: Variables = {}): Started {
  const quoted = [process.execPath, MAIN, ...args].map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`);
  const child = spawn("script", ["-qec", quoted.join(" "), "/dev/null"], { env: environment(variables), timeout: WITHIN_MS });
  return started(child);
}

export function environment(variables: Variables): NodeJS.ProcessEnv {
  return { PATH: process.env["PATH"], HOME: process.env["HOME"], TERM: "xterm-256color", ...variables };
}

function started(child: ChildProcess): Started {
  const said = { stdout: "", stderr: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said.stdout += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said.stderr += text));
  child.stdin?.on("error", () => {});
  const ended = once(child, "close").then(([status]) => ({ status: status as number | null, ...said }));
  return { child, said, ended };
}

/** The rows of the first table that a command printed, cell by cell. Cells are two spaces apart. */
export function rowsIn(text: string): string[][] {
  const lines = text.split("\n");
  const head = lines.findIndex((line) => /\S {2,}\S/.test(line));
  const rows = lines.slice(head);
  const end = rows.indexOf("");
  return rows.slice(0, end < 0 ? rows.length : end).map((line) => line.trim().split(/ {2,}/));
}
