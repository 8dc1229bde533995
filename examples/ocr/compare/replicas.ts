// The replicas of one run, cold: each a process of its own, which ends when this one does.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Report } from "../answers.ts";

const REPLICA = path.join(import.meta.dirname, "..", "replica.ts");
const READY = /^ready (http:\S+)$/;
const READY_WITHIN_MS = 20_000;
const REPORT_WITHIN_MS = 5000;
/** A replica that says goodbye to the router gets this long. */
const GOODBYE_MS = 1000;
/** Of what a replica has written to standard error, for the case that it ends. Tesseract writes notices there. */
const LINES_KEPT = 20;

export interface Fleet extends AsyncDisposable {
  readonly origins: readonly string[];
  /** Aborted when a replica ends by itself. */
  readonly failure: AbortSignal;
  reports(): Promise<readonly Report[]>;
}

/** All listen when this returns. `environment`: what joins them to a router. */
export async function startReplicas(
  count: number,
  slots: number,
  environment: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Fleet> {
  await using started = new AsyncDisposableStack();
  const failure = new AbortController();
  const ready = Array.from({ length: count }, (_, index) => {
    const child = started.adopt(start(`ocr-${index + 1}`, slots, environment), end);
    return originOf(child, failure, signal);
  });
  const origins = await Promise.all(ready);
  const its = started.move();
  return {
    origins,
    failure: failure.signal,
    reports: () => Promise.all(origins.map(reportOf)),
    [Symbol.asyncDispose]: () => its.disposeAsync(),
  };
}

function start(id: string, slots: number, environment: Readonly<Record<string, string>>): ChildProcess {
  const args = ["--exit-with-stdin", "--port", "0", "--id", id, "--slots", String(slots)];
  const child = spawn(process.execPath, [REPLICA, ...args], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], ...environment },
  });
  child.stdin.on("error", () => {});
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  child.removeAllListeners("exit");
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), GOODBYE_MS);
  await ended;
  clearTimeout(late);
}

async function originOf(child: ChildProcess, failure: AbortController, signal: AbortSignal): Promise<string> {
  const said: string[] = [];
  if (child.stdout === null || child.stderr === null) throw new Error("a replica has no output");
  createInterface({ input: child.stderr }).on("line", (line) => said.push(line) > LINES_KEPT && said.shift());
  child.once("exit", (code) => failure.abort(new Error(`a replica ended with ${code}\n${said.join("\n")}`)));
  const until = AbortSignal.any([signal, failure.signal, AbortSignal.timeout(READY_WITHIN_MS)]);
  const [line] = (await once(createInterface({ input: child.stdout }), "line", { signal: until }).catch(() => {
    throw until.reason;
  })) as [string];
  const origin = READY.exec(line)?.[1];
  if (origin === undefined) throw new Error(`a replica said ${line}`);
  return origin;
}

async function reportOf(origin: string): Promise<Report> {
  const response = await fetch(origin, { signal: AbortSignal.timeout(REPORT_WITHIN_MS) });
  return (await response.json()) as Report;
}
