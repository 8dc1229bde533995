// What the router's process costs: memory and CPU time as the system counts them (Linux and macOS), and what its isolate holds, by workerd's
// inspector (the Chrome DevTools Protocol). Resident memory alone does not tell a leak from garbage that V8 has not yet collected.
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { WebSocket } from "ws";

const KIBIBYTE = 1024;
/** Of /proc: the kernel's USER_HZ, which is 100 wherever Node.js runs. */
const TICK_MS = 10;
const INSPECTOR_PATIENCE_MS = 10_000;

/** Resident memory, MiB; null: there is no such process. */
export function residentMib(pid: number | null): number | null {
  return asked(pid, (its) => {
    if (process.platform !== "linux") return Number(ps("rss", its)) / KIBIBYTE;
    return mibIn(readFileSync(`/proc/${its}/status`, "utf8"), "VmRSS");
  });
}

/** The most resident memory that a process has had, MiB; null: there is no such process, or the system does not say. Linux. */
export function peakMib(pid: number | null): number | null {
  return asked(pid, (its) => mibIn(readFileSync(`/proc/${its}/status`, "utf8"), "VmHWM"));
}

/** A field of /proc/PID/status; NaN: it is not there. */
export function mibIn(status: string, field: string): number {
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / KIBIBYTE;
}

/** CPU time of a process so far, all threads; null: there is no such process. */
export function cpuMs(pid: number | null): number | null {
  return asked(pid, (its) => {
    if (process.platform !== "linux") {
      const parts = ps("time", its).split(":").map(Number);
      return parts.reduce((sum, part) => sum * 60 + part, 0) * 1000;
    }
    return cpuMsIn(readFileSync(`/proc/${its}/stat`, "utf8"));
  });
}

/** User and system time in /proc/PID/stat; NaN: they are not there. */
export function cpuMsIn(stat: string): number {
  // The name, in parentheses, can hold spaces. After it: state is field 3, utime 14, stime 15.
  const fields = stat.split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

function asked(pid: number | null, ask: (pid: number) => number): number | null {
  if (pid === null) return null;
  try {
    const answer = ask(pid);
    return Number.isNaN(answer) ? null : answer;
  } catch {
    return null;
  }
}

function ps(what: string, pid: number): string {
  return execFileSync("ps", ["-o", `${what}=`, "-p", String(pid)], { encoding: "utf8" });
}

/**
 * Bytes held by a Worker and its objects, which share an isolate, once garbage is collected: objects, what the runtime holds for them, and array
 * buffers (kept bodies and answers). An isolate hears its inspector only while it has requests. Throws if there is no answer in time.
 */
export async function heapBytesCollected(inspectorPort: number, service: string): Promise<number> {
  const signal = AbortSignal.timeout(INSPECTOR_PATIENCE_MS);
  const socket = new WebSocket(`ws://127.0.0.1:${inspectorPort}/${service}`);
  // A socket that is given up while it connects emits an error once more.
  socket.on("error", () => {});
  try {
    await once(socket, "open", { signal });
    // One after the other: finalisers run in between, and the second collects what they have released.
    await call(1, "HeapProfiler.collectGarbage");
    await call(2, "HeapProfiler.collectGarbage");
    const usage = await call(3, "Runtime.getHeapUsage");
    return ["usedSize", "embedderHeapUsedSize", "backingStorageSize"].reduce((sum, name) => sum + Number(usage[name]), 0);
  } finally {
    socket.terminate();
  }

  async function call(id: number, method: string): Promise<Readonly<Record<string, unknown>>> {
    socket.send(JSON.stringify({ id, method, params: {} }));
    for (;;) {
      const [data] = (await once(socket, "message", { signal })) as [Buffer];
      const answer = JSON.parse(data.toString()) as {
        id?: number;
        result?: Record<string, unknown>;
        error?: { message: string };
      };
      if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`);
      if (answer.id === id) return answer.result ?? {};
    }
  }
}
