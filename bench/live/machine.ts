// What the processes cost, as the system counts it: memory and CPU time. Linux and macOS.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const KIBIBYTE = 1024;
/** Of /proc: the kernel's USER_HZ, which is 100 wherever Node.js runs. */
const TICK_MS = 10;

/** Resident memory, MiB; null: there is no such process. */
export function residentMib(pid: number | null): number | null {
  return asked(pid, (its) => {
    if (process.platform !== "linux") return Number(ps("rss", its)) / KIBIBYTE;
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${its}/status`, "utf8"))?.[1]) / KIBIBYTE;
  });
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
    // The name, in parentheses, can hold spaces. After it: state is field 3, utime 14, stime 15.
    const fields = readFileSync(`/proc/${its}/stat`, "utf8").split(") ").at(-1)?.split(" ") ?? [];
    return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
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
