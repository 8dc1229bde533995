// The demo's replicas: examples/any-model, each a process of its own that ends with this one, however it ends.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import path from "node:path";
import { createInterface } from "node:readline";
import { PROJECT } from "../bundle.ts";

/** What a replica gets to say goodbye before it is ended the hard way. */
const GOODBYE_MS = 1000;
/** What it gets to finish its requests as well, when it is restarted. */
const FINISH_MS = 15_000;

/** Where replicas report. */
export interface Reporting {
  readonly routerUrl: string;
  readonly heartbeatToken: string;
}

interface Process {
  readonly child: ChildProcess;
  /** Where it listens. Rejects if it ends first. */
  readonly origin: Promise<string>;
}

export class Replicas implements AsyncDisposable {
  readonly names: readonly string[];
  readonly #reporting: Reporting | null;
  readonly #processes: Map<string, Process>;
  #ending = false;

  /** Starts a process for each name. `reporting` null: they serve whoever asks them, without a router. */
  constructor(names: readonly string[], reporting: Reporting | null) {
    this.names = names;
    this.#reporting = reporting;
    this.#processes = new Map(names.map((name) => [name, startProcess(name, reporting)]));
  }

  /** In the order of their names, when all listen. */
  origins(): Promise<string[]> {
    return Promise.all([...this.#processes.values()].map(({ origin }) => origin));
  }

  /** A replica that has ended by itself. */
  dead(): string | null {
    return this.names.find((name) => hasEnded(this.#processes.get(name))) ?? null;
  }

  /** Resolves when the process has finished its requests and the next one listens. */
  async restart(name: string): Promise<void> {
    const old = this.#processes.get(name);
    if (old === undefined) throw new Error(`there is no replica ${name}`);
    await end([old], FINISH_MS);
    if (this.#ending) return;
    const next = startProcess(name, this.#reporting);
    this.#processes.set(name, next);
    await next.origin;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ending = true;
    await end([...this.#processes.values()], GOODBYE_MS);
  }
}

/** It holds on to this process by its standard input. Of what it says only problems are passed on. */
function startProcess(name: string, reporting: Reporting | null): Process {
  const program = path.join(PROJECT, "examples", "any-model", "replica.ts");
  const where = reporting === null ? ["--no-router"] : ["--router", reporting.routerUrl];
  const child = spawn(process.execPath, [program, "--exit-with-stdin", "--port", "0", "--id", name, ...where], {
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], ...(reporting === null ? {} : { HEARTBEAT_TOKEN: reporting.heartbeatToken }) },
  });
  createInterface({ input: child.stderr }).on("line", (line) => console.error(`${name}: ${line}`));
  child.stdin.on("error", () => {});
  const { promise: origin, resolve, reject } = Promise.withResolvers<string>();
  createInterface({ input: child.stdout }).on("line", (line) => {
    if (line.startsWith("ready ")) resolve(line.slice("ready ".length));
  });
  child.once("exit", () => reject(new Error(`the replica ${name} ended before it was ready`)));
  // Whoever asks for the origin hears of it; nobody has to ask.
  origin.catch(() => {});
  return { child, origin };
}

async function end(processes: readonly Process[], withinMs: number): Promise<void> {
  const running = processes.filter((its) => !hasEnded(its)).map(({ child }) => child);
  const ended = running.map((child) => once(child, "exit"));
  for (const child of running) child.kill("SIGTERM");
  const late = setTimeout(() => running.forEach((child) => child.kill("SIGKILL")), withinMs);
  await Promise.all(ended);
  clearTimeout(late);
}

function hasEnded(its: Process | undefined): boolean {
  return its !== undefined && (its.child.exitCode !== null || its.child.signalCode !== null);
}
