// What the processes cost: the router's CPU time, and how busy the event loop is that clients and replicas run on.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { monitorEventLoopDelay, performance, type EventLoopUtilization } from "node:perf_hooks";

/** Of /proc: the kernel's USER_HZ, which is 100 wherever Node.js runs. */
const TICK_MS = 10;
const NANOSECONDS_PER_MS = 1e6;
const RESOLUTION_MS = 10;

/** CPU time of a process so far, all threads; null: there is no such process. Linux and macOS. */
export function cpuMs(pid: number | null): number | null {
  if (pid === null) return null;
  try {
    if (process.platform !== "linux") {
      const text = execFileSync("ps", ["-o", "time=", "-p", String(pid)], { encoding: "utf8" });
      return text.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) * 1000;
    }
    // The name, in parentheses, can hold spaces. After it: state is field 3, utime 14, stime 15.
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
  } catch {
    return null;
  }
}

/** For how long a process's threads were ready to run while others had the processors, so far; null: the system does not say. Linux. */
export function starvedMs(pid: number | null): number | null {
  if (pid === null || process.platform !== "linux") return null;
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    return threads.reduce((sum, thread) => sum + Number(schedulingOf(pid, thread)?.[1] ?? 0) / NANOSECONDS_PER_MS, 0);
  } catch {
    return null;
  }
}

/** Time on a processor and time ready, both in ns, and how often; null: the thread has ended. */
function schedulingOf(pid: number, thread: string): string[] | null {
  try {
    return readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
  } catch {
    return null;
  }
}

/** This process's event loop since the last look. */
export class LoopWatch implements Disposable {
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  #before: EventLoopUtilization = performance.eventLoopUtilization();

  constructor() {
    this.#delay.enable();
  }

  /** `busy`: share of the time that it worked. `delayMs`: by how much timers were late, 99th percentile. */
  look(): { readonly busy: number; readonly delayMs: number } {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#before);
    const delayMs = Math.max(0, this.#delay.percentile(99) / NANOSECONDS_PER_MS - RESOLUTION_MS);
    this.#before = now;
    this.#delay.reset();
    return { busy: utilization, delayMs };
  }

  [Symbol.dispose](): void {
    this.#delay.disable();
  }
}
