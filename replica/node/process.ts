// The end of the process: SIGTERM drains, the exit says `stopped`. This alone knows of `process`, which Node, Bun and Deno have.
import { LIMITS } from "./limits.ts";
import type { FleetMember } from "./member.ts";

interface ProcessLike {
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
  exit(code: number): void;
}

export interface EndOptions {
  /** Absent: SIGTERM and SIGINT. */
  readonly signals?: readonly string[] | undefined;
  /** How long running requests may take to end, in milliseconds. Absent: 30,000. */
  readonly drainMs?: number | undefined;
  /** Called when nothing is being served, or too much time has passed: close the server here. 5 s at most are waited for it. */
  readonly onDrained?: (() => unknown) | undefined;
  /** Absent: `process.exit(0)`. */
  readonly exit?: (() => void) | undefined;
}

const CLOSE_MS = 5000;

/**
 * On a signal the replica drains, says `stopped` and exits; the same signal again ends it at once. If nothing keeps the process, it says `stopped` too. Gives
 * what takes this back.
 */
export function endWithProcess(member: FleetMember, options: EndOptions = {}): () => void {
  const { signals = ["SIGTERM", "SIGINT"], drainMs = LIMITS.drainMs, onDrained } = options;
  const its = (globalThis as unknown as { readonly process: ProcessLike }).process;
  const exit = options.exit ?? (() => its.exit(0));
  let isEnding = false;
  const end = async () => {
    if (isEnding) return exit();
    isEnding = true;
    await member.drain({ withinMs: drainMs });
    await Promise.race([Promise.resolve(onDrained?.()).catch(() => {}), new Promise((resolve) => setTimeout(resolve, CLOSE_MS))]);
    await member.stop();
    exit();
  };
  const listener = () => void end();
  const atExit = () => void member.stop();
  for (const signal of signals) its.on(signal, listener);
  its.on("beforeExit", atExit);
  return () => {
    for (const signal of signals) its.off(signal, listener);
    its.off("beforeExit", atExit);
  };
}
