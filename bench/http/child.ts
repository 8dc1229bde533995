// Programs that a benchmark runs beside workerd, each a process of its own. None outlives the benchmark.
import { fork, spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import path from "node:path";
import { UNTIL_STARTER_ENDS } from "../../scripts/router-process.ts";

const CHILDREN = path.join(import.meta.dirname, "children");

export function onPath(program: string): boolean {
  return (process.env["PATH"] ?? "").split(path.delimiter).some((folder) => existsSync(path.join(folder, program)));
}

export interface Child<Answer> extends AsyncDisposable {
  readonly answer: Answer;
}

/** Starts a program of `children/` with its input and waits for its answer, one message. The program ends when it is disposed of, or this process ends. */
export async function startChild<Answer>(name: string, input: unknown, signal: AbortSignal): Promise<Child<Answer>> {
  const child = fork(path.join(CHILDREN, `${name}.ts`), { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  const end = endOf(child, () => child.disconnect());
  try {
    child.send(input as object);
    const [answer] = await answered(child, signal, name);
    return { answer: answer as Answer, [Symbol.asyncDispose]: end };
  } catch (error) {
    await end();
    throw error;
  }
}

async function answered(child: ChildProcess, signal: AbortSignal, name: string): Promise<unknown[]> {
  const early = new AbortController();
  child.once("exit", (code) => early.abort(new Error(`${name} ended with ${code} before it answered`)));
  const either = AbortSignal.any([signal, early.signal]);
  return once(child, "message", { signal: either }).catch(() => Promise.reject(either.reason));
}

/** A program of the system that runs until it is disposed of. */
export function startProgram(program: string, args: readonly string[]): AsyncDisposable & { readonly child: ChildProcess } {
  const child = spawn("sh", ["-c", UNTIL_STARTER_ENDS, program, ...args], { stdio: ["pipe", "ignore", "inherit"] });
  return { child, [Symbol.asyncDispose]: endOf(child, () => child.stdin.end()) };
}

function endOf(child: ChildProcess, tell: () => void): () => Promise<void> {
  const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return async () => {
    if (child.exitCode === null && child.signalCode === null) tell();
    await ended;
  };
}
