// What the processes cost, as the system counts it: memory and CPU time. Linux and macOS.
import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

const KIBIBYTE = 1024;
/** Of /proc: the kernel's USER_HZ, which is 100 wherever Node.js runs. */
const TICK_MS = 10;
const NANOSECONDS_PER_MS = 1e6;

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
    if (process.platform !== "linux")
      return (
        ps("time", its)
          .split(":")
          .reduce((sum, part) => sum * 60 + Number(part), 0) * 1000
      );
    return cpuMsIn(readFileSync(`/proc/${its}/stat`, "utf8"));
  });
}

/** User and system time in /proc/PID/stat; NaN: they are not there. */
export function cpuMsIn(stat: string): number {
  // The name, in parentheses, can hold spaces. After it: state is field 3, utime 14, stime 15.
  const fields = stat.split(") ").at(-1)?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** For how long a process's threads were ready to run while others had the processors, so far; null: the system does not say. Linux. */
export function starvedMs(pid: number | null): number | null {
  return asked(pid, (its) => {
    // Of each thread: time on a processor and time ready, both in ns, and how often. One may end meanwhile.
    const readyOf = (thread: string) => {
      return asked(its, () => Number(readFileSync(`/proc/${its}/task/${thread}/schedstat`, "utf8").split(" ")[1])) ?? 0;
    };
    return readdirSync(`/proc/${its}/task`).reduce((sum, thread) => sum + readyOf(thread) / NANOSECONDS_PER_MS, 0);
  });
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
